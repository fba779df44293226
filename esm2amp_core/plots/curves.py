"""Whether an explanation can be believed: deletion and insertion curves, and scores of decoys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from esm2amp_core.figures.explanation_numbers import count_controls
from esm2amp_core.plots.paper import INK, MISSING, SINGLE_MM, SOFT, new_figure, on_paper

# Okabe and Ito's colours: told apart in any colour vision; line styles differ as well.
LINES = (("#0072b2", "-"), ("#d55e00", "--"), ("#009e73", "-."), ("#cc79a7", ":"), ("#56b4e9", "-"),
         ("#e69f00", "--"), ("#000000", "-."))  # fmt: skip
TITLE_LETTERS = 26
"""What fits above one of two panels."""
DECOYS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7")


class Band(NamedTuple):
    """What random orders give at each step.

    Attributes
    ----------
    middle, low, high : ndarray, shape=(K,)
    """

    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Curves(NamedTuple):
    """One panel of curves.

    Attributes
    ----------
    title : str
    steps : ndarray, shape=(K,)
        Tokens changed so far.
    methods : mapping of str to ndarray, shape=(K,)
        The output at each step, by the method's title.
    random : Band or None
    """

    title: str
    steps: np.ndarray
    methods: Mapping[str, np.ndarray]
    random: Band | None


@on_paper
def faithfulness_curves(
    panels: Sequence[Curves], *, unit: str, step_unit: str = "tokens changed", width_mm: float = SINGLE_MM
) -> Figure:
    """Output while tokens are taken away, or given, in the order of each method; grey is what chance does."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.methods))
    figure = new_figure(width_mm, 46 + 4 * ((len(names) + 2) // 2))
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    for axes, panel in zip(grid[0], panels, strict=True):
        if panel.random is not None:
            axes.fill_between(panel.steps, panel.random.low, panel.random.high, color=MISSING, linewidth=0,
                              label="random orders")
            axes.plot(panel.steps, panel.random.middle, color=SOFT, linewidth=0.8)
        for name, values in panel.methods.items():
            colour, line = LINES[names.index(name) % len(LINES)]
            axes.plot(panel.steps, values, color=colour, linestyle=line, label=name)
        axes.grid()
        axes.set_title(fill(panel.title, TITLE_LETTERS))
        axes.set_xlabel(step_unit)
        axes.locator_params(nbins=5)
        axes.set_xlim(panel.steps[0], panel.steps[-1])
    figure.axes[0].set_ylabel(unit)
    handles = {label: handle for axes in figure.axes
               for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}  # fmt: skip
    figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=2, borderpad=0,
                  handlelength=2.4, columnspacing=1.2)
    return figure


@on_paper
def controls_histogram(
    decoys: Mapping[str, np.ndarray], own: float, *, unit: str = "probability of interaction",
    width_mm: float = SINGLE_MM,
) -> Figure:  # fmt: skip
    """Scores of decoys of a pair, and the pair's own.

    Parameters
    ----------
    decoys : mapping of str to ndarray, shape=(K,)
        Scores by kind of decoy; NaN is left out.
    own : float
    unit : str
    width_mm : float
    """
    edges, counts_of = count_controls(decoys, own)
    low, high = edges[0], edges[-1]
    figure = new_figure(width_mm, 16 + 19 * len(counts_of))
    panels = figure.subplots(len(counts_of), sharex=True, squeeze=False)[:, 0]
    for i, (axes, (name, counts)) in enumerate(zip(panels, counts_of.items(), strict=True)):
        axes.bar(edges[:-1], counts, np.diff(edges), align="edge", color=DECOYS[i % len(DECOYS)], linewidth=0)
        axes.axvline(own, color=INK, linewidth=1, linestyle=(0, (3, 1.5)))
        axes.set_title(f"{name} ({counts.sum():,})")
        axes.set_ylabel("decoys")
        axes.locator_params(axis="y", nbins=3, integer=True)
    panels[0].annotate("this pair", (own, 1), (2 if own < (low + high) / 2 else -2, -1),
                       xycoords=("data", "axes fraction"), textcoords="offset points", va="top",
                       ha="left" if own < (low + high) / 2 else "right", fontsize=6)
    panels[-1].set_xlabel(unit)
    return figure
