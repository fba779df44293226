"""What a pair's tokens are called in a figure for print."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from esm2amp_core.features import SEGMENTS
from esm2amp_core.figures.explanation_pair import PairTokens, span_text
from esm2amp_core.plots.paper import INK, SOFT, plain

LINE = {"color": INK, "linewidth": 0.8}


def border(pair: PairTokens) -> float:
    """Where the line between A's and B's tokens stands, the first token being at 0."""
    return pair.per_protein - 0.5


def ticks(pair: PairTokens) -> list[str]:
    """Each token within its protein, briefly: ``3`` for segment3, ``cls``."""
    names = [token.partition(".")[2] for token in pair.tokens]
    return [name.removeprefix("segment") if name in SEGMENTS else name for name in names]


def sides(pair: PairTokens) -> np.ndarray:
    """``A`` or ``B`` of each token: ndarray, dtype=str, shape=(2T,)."""
    return np.array([token.partition(".")[0] for token in pair.tokens])


def with_residues(pair: PairTokens) -> list[str]:
    """Each token with its residues, inclusive from 1: ``A 3 (121–160)``; without, for many pairs."""
    names = [f"{side} {tick}" for side, tick in zip(sides(pair), ticks(pair), strict=True)]
    found = map(pair.residues, pair.tokens)
    return [name if ends is None else f"{name} ({span_text(*ends)})"
            for name, ends in zip(names, found, strict=True)]  # fmt: skip


def axis_title(pair: PairTokens) -> str:
    """What `with_residues` names."""
    if not any(tick.isdigit() for tick in ticks(pair)):
        return ""
    return "segment" if pair.lengths is None else "segment (residues)"


def label_x(axes: Axes, pair: PairTokens) -> None:
    """Write tokens along the lower edge, the two proteins under them, and a line between."""
    names = ticks(pair)
    upright = 90 if any(len(name) > 2 for name in names) else 0
    axes.set_xticks(range(len(names)), names, rotation=upright)
    axes.tick_params(axis="x", length=0, pad=2)
    axes.axvline(border(pair), **LINE)
    if any(name.isdigit() for name in names):
        axes.annotate("segment", (0, 0), (-4, -3), xycoords="axes fraction", textcoords="offset points",
                      ha="right", va="top", fontsize=6, color=SOFT)
    for heading, middle in _headings(pair):
        axes.annotate(heading, (middle, 0), (0, -22 if upright else -14), ha="center", va="top",
                      xycoords=("data", "axes fraction"), textcoords="offset points")


def label_y(axes: Axes, pair: PairTokens) -> None:
    """As `label_x`, along the left edge; the first token is on top."""
    names = ticks(pair)
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, pad=2)
    axes.axhline(border(pair), **LINE)
    beside = 20 if any(len(name) > 2 for name in names) else 14
    for heading, middle in _headings(pair):
        axes.annotate(heading, (0, middle), (-beside, 0), rotation=90, ha="right", va="center",
                      xycoords=("axes fraction", "data"), textcoords="offset points")


def _headings(pair: PairTokens) -> list[tuple[str, float]]:
    """``A: P04637`` and its like, and where the middle of the protein's tokens is."""
    T = pair.per_protein
    return [(f"{side}: {plain(name)}" if pair.lengths else plain(name), i * T + (T - 1) / 2)
            for i, (side, name) in enumerate(zip("AB", pair.names, strict=True))]  # fmt: skip
