"""Pictures of square tables: attention, interactions of segments, agreement of methods."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from esm2amp_core.figures.explanation_numbers import SIZES_AND_SIGNS
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.number_text import number_text
from esm2amp_core.plots.labels import label_x, label_y
from esm2amp_core.plots.paper import SINGLE_MM, colour_bar, ink_on, new_figure, on_paper, plain, scale

TITLE_LETTERS, LONGEST_TITLE = 18, 54
"""Of a method's title: on a line, and in all."""


@on_paper
def attention_heatmap(
    weights: np.ndarray, pair: PairTokens, *, title: str = "", width_mm: float = SINGLE_MM
) -> Figure:
    """How much each token (row) takes from each other one (column).

    Parameters
    ----------
    weights : ndarray, shape=(2T, 2T)
        Of a layer and head, their mean, or the rollout; NaN is drawn grey.
    pair : PairTokens
    title : str
        Which weights they are.
    width_mm : float
    """
    return _token_map(weights, pair, title, "attention weight", width_mm, signed=False)


@on_paper
def interaction_map(
    values: np.ndarray, pair: PairTokens, *, unit: str, title: str = "", width_mm: float = SINGLE_MM
) -> Figure:
    """What two tokens add to the output together, beyond what each adds alone; the diagonal is left grey.

    Parameters
    ----------
    values : ndarray, shape=(2T, 2T)
    pair : PairTokens
    unit : str
        What the values are measured in.
    title : str
    width_mm : float
    """
    shown = np.array(values, dtype=np.float64)
    np.fill_diagonal(shown, np.nan)
    return _token_map(shown, pair, title, unit, width_mm, signed=True)


@on_paper
def agreement_matrix(
    agreement: np.ndarray, titles: Sequence[str], *, unit: str = "rank correlation",
    below: np.ndarray | None = None, headings: tuple[str, str] = SIZES_AND_SIGNS,
    width_mm: float = SINGLE_MM,
) -> Figure:  # fmt: skip
    """How alike the rankings of methods are, from -1 to 1, with the numbers written in.

    Parameters
    ----------
    agreement : ndarray, shape=(M, M)
        NaN where it is not known.
    titles : sequence of str, length=M
        Long ones stand on several lines beside the rows.
    unit : str
    below : ndarray, shape=(M, M), optional
        A second table, such as `Agreement.signed_mean`; not drawn where nothing of it is known.
    headings : tuple of str, length=2
        Above the two tables.
    width_mm : float
    """
    M, tables = len(titles), [agreement]
    if below is not None and np.isfinite(below).any():
        tables.append(below)
    whole = [plain(title, LONGEST_TITLE) for title in titles]
    names = [fill(title, TITLE_LETTERS) for title in whole]
    lines = sum(max(1, name.count("\n") + 1) for name in names)
    figure = new_figure(width_mm, 30 + len(tables) * min(9 * M + 2 * (lines - M) + 4, 70))
    panels = figure.subplots(len(tables), squeeze=False, sharex=True)[:, 0]
    colours, norm = scale(np.array([1.0]), signed=True)
    for axes, table, heading in zip(panels, tables, headings, strict=False):
        axes.pcolormesh(np.ma.masked_invalid(table), cmap=colours, norm=norm, edgecolor="white", linewidth=1)
        for (row, column), value in np.ndenumerate(table):
            known = np.isfinite(value)
            axes.text(column + 0.5, row + 0.5, number_text(value, ".2f"), ha="center",
                      va="center", fontsize=6,
                      color=ink_on(colours(norm(value))) if known else "black")  # fmt: skip
        axes.set_yticks(np.arange(M) + 0.5, names)
        _bare(axes)
        axes.set_title(heading if len(tables) > 1 else "")
        colour_bar(figure, axes, (colours, norm), unit)
    panels[-1].set_xticks(np.arange(M) + 0.5, whole, rotation=35, ha="right", rotation_mode="anchor")
    return figure


def _token_map(values, pair: PairTokens, title: str, unit: str, width_mm: float, *, signed: bool) -> Figure:
    # Cells are square: in a higher figure long numbers beside the bar would stand over its edges.
    figure = new_figure(width_mm, 0.77 * width_mm + (5 if title else 0))
    axes = figure.subplots()
    colours, norm = scale(values, signed=signed)
    edges = np.arange(len(values) + 1) - 0.5
    axes.pcolormesh(edges, edges, np.ma.masked_invalid(values), cmap=colours, norm=norm, edgecolor="face",
                    linewidth=0.25)  # without it, browsers leave hair lines between cells
    axes.set_aspect("equal")
    label_x(axes, pair)
    label_y(axes, pair)
    _bare(axes)
    axes.set_title(title)
    colour_bar(figure, axes, (colours, norm), unit)
    return figure


def _bare(axes) -> None:
    """The first row on top, no frame, no ticks."""
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
