"""A screen for print: histogram of its scores, background of its proteins, network of its hits."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from esm2amp_core.figures.screen_labels import SIDES
from esm2amp_core.figures.screen_network import Network, short_name
from esm2amp_core.figures.screen_numbers import find_baits, score_bars
from esm2amp_core.plots.paper import (
    AGAINST,
    DOUBLE_MM,
    FOR,
    MUTED,
    NOT_CALLED,
    SINGLE_MM,
    SOFT,
    new_figure,
    on_paper,
    plain,
)

NAMED = 10
"""Sticky proteins that are named in the background: those with the highest means."""


@on_paper
def screen_histogram(
    histogram: pd.DataFrame, *, threshold: float, log_counts: bool, width_mm: float = SINGLE_MM
) -> Figure:
    """Every pair's probability; the dashed line is the threshold."""
    bars = score_bars(histogram)
    figure = new_figure(width_mm, 50)
    axes = figure.subplots()
    above = bars.left >= threshold - 1e-9
    for name, colour, side in (("interacting", FOR, above), ("not interacting", MUTED, ~above)):
        axes.bar(bars.left[side], bars.pairs[side], (bars.right - bars.left)[side], align="edge",
                 color=colour, linewidth=0, label=name)
    axes.axvline(threshold, color=AGAINST, linestyle="--", linewidth=0.8)
    if log_counts:
        axes.set_yscale("log")
        axes.set_ylim(0.5)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.set_xlim(0, 1)
    axes.set_xlabel("probability of interaction")
    axes.set_ylabel("pairs")
    figure.legend(loc="outside upper right", ncols=2)
    return figure


@on_paper
def background(
    proteins: pd.DataFrame, sticky: pd.Series, *, by: str, width_mm: float = SINGLE_MM
) -> Figure:
    """A point per protein: mean logit against spread (``by="spread"``), or by rank (``"rank"``)."""
    known = proteins.dropna(subset="mean_logit" if by == "rank" else ["mean_logit", "sd_logit"])
    known = known.sort_values("mean_logit", ascending=False, kind="stable")
    known = known.assign(rank=np.arange(1, len(known) + 1))
    is_sticky = sticky.reindex(known["protein"]).to_numpy()
    x, y = ("rank", "mean_logit") if by == "rank" else ("mean_logit", "sd_logit")
    figure = new_figure(width_mm, 65)
    axes = figure.subplots()
    is_bait = find_baits(proteins).reindex(known["protein"]).to_numpy()
    for name, which, colour, marker in (("library" if is_bait.any() else "proteins", ~is_sticky & ~is_bait,
                                         NOT_CALLED, "o"), ("baits", ~is_sticky & is_bait, FOR, "s"),
                                        ("sticky", is_sticky, AGAINST, "D")):
        if which.any():
            axes.scatter(known[x][which], known[y][which], 7, colour, marker=marker, linewidths=0, label=name,
                         rasterized=which.sum() > 5_000)
    for line in known[is_sticky].head(NAMED).itertuples():
        axes.annotate(plain(line.protein), (getattr(line, x), getattr(line, y)), (2, 2),
                      textcoords="offset points", fontsize=5, color=SOFT)
    words = {"mean_logit": "mean logit", "sd_logit": "standard deviation of its logits",
             "rank": "proteins, highest mean first"}
    axes.set_xlabel(words[x])
    axes.set_ylabel(words[y])
    figure.legend(loc="outside upper right", ncols=3)
    return figure


@on_paper
def network(drawn: Network, *, width_mm: float = DOUBLE_MM) -> Figure:
    """Hits as lines between proteins; those of sticky proteins are faint."""
    figure = new_figure(width_mm, 0.65 * width_mm)
    axes = figure.subplots()
    for which, colour in ((drawn.touches_sticky, MUTED), (~drawn.touches_sticky, SOFT)):
        axes.add_collection(LineCollection(drawn.places[drawn.ends[which]], colors=colour, linewidths=0.4))
    for name, which, colour, marker in (("library" if drawn.is_bait.any() else "proteins", drawn.is_other,
                                         NOT_CALLED, "o"),
                                        ("baits", drawn.is_bait & ~drawn.is_sticky, FOR, "s"),
                                        ("sticky: high with everything", drawn.is_sticky, AGAINST, "D")):
        if which.any():
            size = 5 + 1.2 * np.minimum(drawn.degree[which], 25)
            axes.scatter(*drawn.places[which].T, size, colour, marker=marker, linewidths=0.3,
                         edgecolors="white", zorder=2, label=name)
    for i in np.flatnonzero(drawn.is_named):
        right, up = SIDES[drawn.sides[i]]
        axes.annotate(plain(short_name(drawn.names[i])), drawn.places[i], (4 * right, 3.5 * up),
                      textcoords="offset points", fontsize=4.5, ha=("center", "left", "right")[right],
                      va=("center", "bottom", "top")[up])
    axes.margins(0.08)
    axes.axis("off")
    figure.legend(loc="outside upper right", ncols=3)
    return figure
