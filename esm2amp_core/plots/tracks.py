"""Both chains of a pair with residue numbers, segment borders and importance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.plots.labels import sides, ticks
from esm2amp_core.plots.paper import (
    AGAINST,
    DOUBLE_MM,
    FOR,
    INK,
    PLAIN,
    SOFT,
    colour_bar,
    ink_on,
    new_figure,
    on_paper,
    plain,
    scale,
)


@on_paper
def sequence_tracks(
    values: np.ndarray, pair: PairTokens, *, unit: str, signed: bool, method: str = "", title: str = "",
    residues: Mapping[str, np.ndarray] | None = None, width_mm: float = DOUBLE_MM,
) -> Figure:  # fmt: skip
    """Each chain from its first to its last residue, its segments coloured by importance.

    Tokens that stand for no residues, ``cls`` and ``eos``, are boxes before and behind the chain.

    Parameters
    ----------
    values : ndarray, shape=(2T,)
    pair : PairTokens
        With the lengths of both chains.
    unit : str
    signed : bool
    method : str
        Title of what gave the values; stands beside the colours.
    title : str
    residues : mapping of str to ndarray, shape=(L,), optional
        For ``A`` and ``B`` one value per residue, drawn above the chain.
    width_mm : float
    """
    rows = 2 if residues else 1
    figure = new_figure(width_mm, (9 if title else 5) + 3 + 2 * (16 + 16 * (rows - 1)))
    panels = figure.subplots(2 * rows, height_ratios=[1.7, 1] * 2 if residues else [1, 1])
    scaled = scale(np.asarray(values), signed=signed)
    for i, side in enumerate("AB"):
        chain = panels[rows * i + rows - 1]
        draw_chain(chain, side, np.asarray(values), pair, scaled)
        if residues:
            _profile(panels[rows * i], residues[side], chain.get_xlim(), unit, signed=signed)
        heading = f"{side}: {plain(pair.names[i], _letters(width_mm))}, {pair.lengths[i]:,} residues"
        panels[rows * i].set_title(heading)
    panels[-1].set_xlabel("residue")
    colour_bar(figure, list(panels), scaled, f"{method}\n{unit}" if method else unit)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=7, fontweight="bold")
    figure.align_ylabels(panels)
    return figure


def draw_chain(axes: Axes, side: str, values: np.ndarray, pair: PairTokens, scaled) -> None:
    """One chain: its segments coloured by importance, tokens without a place as boxes beside it."""
    colours, norm = scaled
    length, names = pair.lengths["AB".index(side)], ticks(pair)
    box = 0.035 * length
    has_ends = any(tick in ("cls", "eos") for tick in names)
    for place in np.flatnonzero(sides(pair) == side):
        found = pair.residues(pair.tokens[place])
        left, wide = _box(names[place], length, box) if found is None else (
            found[0] - 0.5, found[1] - found[0] + 1)  # fmt: skip
        known = np.isfinite(values[place])
        colour = colours(norm(values[place])) if known else colours.get_bad()
        axes.add_patch(Rectangle((left, 0), wide, 1, facecolor=colour, edgecolor=INK, linewidth=0.4))
        axes.text(left + wide / 2, 0.5, names[place], ha="center", va="center", fontsize=6,
                  color=ink_on(colour))
    margin = 1.6 * box if has_ends else 0
    axes.set_xlim(0.5 - margin, length + 0.5 + margin)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_xticks(residue_ticks(length))


def _box(tick: str, length: int, wide: float) -> tuple[float, float]:
    """Left edge and width of a token that stands outside the chain."""
    return (0.5 - 1.3 * wide, wide) if tick == "cls" else (length + 0.5 + 0.3 * wide, wide)


def _profile(axes: Axes, values: np.ndarray, limits: tuple[float, float], unit: str, *, signed: bool) -> None:
    places = np.arange(1, len(values) + 1)
    shown = np.nan_to_num(values)
    if signed:
        axes.fill_between(places, np.maximum(shown, 0), step="mid", color=FOR, linewidth=0)
        axes.fill_between(places, np.minimum(shown, 0), step="mid", color=AGAINST, linewidth=0)
    else:
        axes.fill_between(places, shown, step="mid", color=PLAIN, linewidth=0)
    axes.axhline(0, color=SOFT, linewidth=0.5)
    axes.set_xlim(limits)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.locator_params(axis="y", nbins=3)
    axes.set_ylabel(unit)


def _letters(width_mm: float) -> int:
    """Letters of a name that fit above a chain, its length behind it."""
    return int(width_mm / 2.4)


def residue_ticks(length: int, most: int = 9) -> list[int]:
    """Round residue numbers between the first and the last residue, both of which are among them."""
    steps = (size * 10**power for power in range(7) for size in (1, 2, 5))
    step = next(step for step in steps if length / step <= most)
    inner = [number for number in range(step, length, step) if length - number > 0.6 * step and number > 1]
    return [1, *inner, length]
