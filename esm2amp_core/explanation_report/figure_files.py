"""Every figure of an explanation as a file: SVG, journal width, light background."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_report.evidence import tests_of
from esm2amp_core.explanation_report.pictures import figures_of_averages, figures_of_pair
from esm2amp_core.files.whole_folder import whole_folder
from esm2amp_core.plots.paper import to_svg
from esm2amp_core.progress import Report, silent

FIGURES = "figures"
MOST_PAIRS = 10
"""Of more pairs the means are drawn, and only the first so many pairs one by one."""


def write_figures(folder: ExplanationFolder, *, report: Report = silent) -> list[int]:
    """Draw an explanation into ``figures`` in its folder: ``METHOD_PICTURE.svg``.

    Where there are several pairs, these are the means, and each of the first `MOST_PAIRS` pairs has a folder
    of its own, ``row_3`` for row 3.

    Parameters
    ----------
    folder : ExplanationFolder
    report : Report

    Returns
    -------
    list of int
        Rows of the pairs that were drawn one by one.

    Raises
    ------
    UserError
        If there are figures already, or they cannot be written.
    JobError
        If a file of the explanation is damaged.
    """
    rows = folder.pairs["row"].tolist()[:MOST_PAIRS]
    alone = len(folder.pairs) == 1
    with whole_folder(folder.folder / FIGURES) as part:
        for i, row in enumerate(rows):
            report("Drawing figures", i, len(rows))
            _write(figures_of_pair(folder, row), part if alone else part / f"row_{row}")
        if not alone:
            for method in folder.methods:  # one at a time: attention of many pairs is large
                found = figures_of_averages(folder.explanation(method), folder)
                _write({f"{method}_{name}": figure for name, figure in found.items()}, part)
            _write({name: figure for test in tests_of(folder, None)
                    for name, (figure, _) in test.figures.items()}, part)  # fmt: skip
    report("Drawing figures", len(rows), len(rows))
    return rows


def _write(figures: dict[str, Figure], target: Path) -> None:
    target.mkdir(exist_ok=True)
    for name, figure in figures.items():
        (target / f"{name}.svg").write_bytes(to_svg(figure))
