"""Importance of each token: bars of several methods, a waterfall for one pair, a swarm for many."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from esm2amp_core.figures.explanation_numbers import STEPS, count_steps, spread
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_parts import Bars
from esm2amp_core.number_text import number_text
from esm2amp_core.plots.labels import LINE, axis_title, border, label_x, with_residues
from esm2amp_core.plots.paper import (
    AGAINST,
    CALLED,
    DOUBLE_MM,
    FOR,
    GRID,
    MUTED,
    NOT_CALLED,
    PLAIN,
    POINTS,
    SINGLE_MM,
    SOFT,
    new_figure,
    on_paper,
)

MOST_VECTOR_POINTS = 4000
"""A swarm of more points is kept as an image inside the SVG, which would be too large to open otherwise."""


@on_paper
def token_bars(methods: Sequence[Bars], pair: PairTokens, *, width_mm: float = SINGLE_MM) -> Figure:
    """One panel per method, tokens in the same places, each with its own scale."""
    figure = new_figure(width_mm, 12 + 21 * len(methods))
    panels = figure.subplots(len(methods), sharex=True, squeeze=False)[:, 0]
    for axes, (title, values, unit, signed, muted) in zip(panels, methods, strict=True):
        colours = MUTED if muted else np.where(values >= 0, FOR, AGAINST) if signed else PLAIN
        axes.bar(range(len(values)), np.nan_to_num(values), 0.78, color=colours, linewidth=0)
        axes.axhline(0, color=SOFT, linewidth=0.5)
        axes.axvline(border(pair), **LINE)
        axes.grid(axis="y")
        axes.spines["bottom"].set_visible(False)
        axes.locator_params(axis="y", nbins=4)
        axes.set_title(title)
        axes.set_ylabel(unit)
        axes.tick_params(axis="x", length=0)
        for place in np.flatnonzero(~np.isfinite(values)):
            axes.annotate("–", (place, 0), ha="center", va="bottom", color=SOFT)
    panels[-1].set_xlim(-0.6, len(pair.tokens) - 0.4)
    label_x(panels[-1], pair)
    figure.align_ylabels(panels)
    return figure


@on_paper
def waterfall(
    values: np.ndarray, base: float, pair: PairTokens, *, unit: str, output: float | None = None,
    top: int = STEPS, width_mm: float = SINGLE_MM,
) -> Figure:  # fmt: skip
    """From the base value, on top, to the output, at the bottom.

    Parameters
    ----------
    values : ndarray, shape=(2T,)
    base : float
        The output without them.
    pair : PairTokens
    unit : str
        What the values are measured in.
    output : float, optional
        What the model says; the values may fall short of it. Without it, where they end.
    top : int
        Tokens that have a bar of their own.
    width_mm : float
    """
    steps = count_steps(values, pair.tokens, base, most=top)
    words = dict(zip(pair.tokens, with_residues(pair), strict=True))
    names = [words.get(token, label) for token, label in zip(steps.tokens, steps.labels, strict=True)]
    ends = steps.starts + steps.values
    output = ends[-1] if output is None else output
    gap = "" if number_text(output) == number_text(ends[-1]) else (
        f"\n{number_text(abs(output - ends[-1]), '.2g')} is not accounted for")  # fmt: skip
    figure = new_figure(width_mm, (20 if gap else 17) + 5 * len(names))
    axes = figure.subplots()
    places = np.arange(len(names))
    colours = np.where(steps.values >= 0, FOR, AGAINST)
    axes.barh(places, steps.values, 0.72, left=steps.starts, color=colours, linewidth=0)
    for i in places[:-1]:  # from the end of each bar down to the start of the one below it
        axes.plot([ends[i]] * 2, [i - 0.36, i + 1.36], color=SOFT, linewidth=0.5)
    span = np.ptp([*steps.starts, *ends]) or 1.0
    for i, (value, start, end) in enumerate(zip(steps.values, steps.starts, ends, strict=True)):
        axes.annotate(number_text(value, "+.3g"), (max(start, end), i), (2, 0), va="center", fontsize=6,
                      textcoords="offset points",
                      bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4})
    axes.axvline(base, color=SOFT, linewidth=0.6, linestyle=(0, (3, 2)))
    axes.axvline(output, color=SOFT, linewidth=0.6)
    low, high = min(*steps.starts, *ends, output), max(*steps.starts, *ends, output)
    axes.set_xlim(low - 0.06 * span, high + 0.2 * span)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(places, names)
    axes.set_ylabel(axis_title(pair))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(unit)
    figure.suptitle(
        f"from {number_text(base)} (baseline, dashed) to {number_text(output)} ({pair.output_words}){gap}",
        x=0.01, ha="left", fontsize=POINTS,
    )  # fmt: skip
    return figure


@on_paper
def beeswarm(
    values: np.ndarray, pair: PairTokens, *, unit: str, called: np.ndarray | None = None,
    width_mm: float = SINGLE_MM,
) -> Figure:  # fmt: skip
    """One point per pair and token; tokens in their order, from top to bottom.

    Parameters
    ----------
    values : ndarray, shape=(N, 2T)
        NaN is left out.
    pair : PairTokens
        Of no pair in particular.
    unit : str
    called : ndarray, dtype=bool, shape=(N,), optional
        True for pairs called interacting, which get a colour of their own.
    width_mm : float
    """
    N, tokens = values.shape
    figure = new_figure(width_mm, 20 + 4.2 * tokens * (0.7 if width_mm >= DOUBLE_MM else 1))
    axes = figure.subplots()
    groups = {"pairs": (np.ones(N, bool), PLAIN)} if called is None else {
        "called interacting": (called, CALLED), "not called": (~called, NOT_CALLED)}  # fmt: skip
    places = np.column_stack([token + spread(values[:, token]) for token in range(tokens)])
    for name, (members, colour) in groups.items():
        axes.scatter(values[members].ravel(), places[members].ravel(), s=3.5, color=colour, alpha=0.75,
                     linewidth=0, label=f"{name} ({members.sum():,})",
                     rasterized=values.size > MOST_VECTOR_POINTS)
    axes.axvline(0, color=SOFT, linewidth=0.5)
    axes.axhline(border(pair), **LINE)
    for place in range(tokens):
        axes.axhline(place, color=GRID, linewidth=0.3, zorder=0)
    axes.set_yticks(range(tokens), with_residues(pair))
    axes.set_ylabel(axis_title(pair))
    axes.set_ylim(tokens - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=6)
    axes.set_xlabel(unit)
    figure.legend(loc="outside upper left", ncols=2, markerscale=2, handletextpad=0.2, borderpad=0)
    return figure
