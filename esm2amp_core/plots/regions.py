"""Regions for print: hit rates, enrichment, position bias, and both chains with their regions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from esm2amp_core.figures.explanation_pair import CHOSEN, PairTokens
from esm2amp_core.figures.region_numbers import (
    Comparison,
    HitPanel,
    class_title,
    lay_out,
    p_words,
    type_colours,
)
from esm2amp_core.plots.paper import (
    DOUBLE_MM,
    FOR,
    INK,
    MUTED,
    SINGLE_MM,
    SOFT,
    colour_bar,
    new_figure,
    on_paper,
    plain,
    scale,
)
from esm2amp_core.plots.tracks import draw_chain
from esm2amp_core.region_files import LOW, SEGMENT, TOP

LOW_COLOUR = "#d99a00"
ROW_MM, LANE_MM = 7.0, 3.0
FRAMES = {TOP: {"edgecolor": CHOSEN, "linewidth": 1.4},
          LOW: {"edgecolor": INK, "linewidth": 1.2, "linestyle": (0, (1, 1.2))}}  # fmt: skip


@on_paper
def hit_rate_bars(
    panels: Sequence[HitPanel], names: Sequence[str], threshold: float, unit: str = SEGMENT, *,
    width_mm: float = DOUBLE_MM,
) -> Figure:  # fmt: skip
    """Per class, the share of pairs whose top and low units reach a coverage; one row per type."""
    figure = new_figure(width_mm, 20 + ROW_MM * len(names))
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    places = np.arange(len(names))
    for place, panel in zip(axes, panels, strict=True):
        place.barh(places - 0.2, panel.top, 0.38, color=FOR, linewidth=0, label=f"top {unit}s")
        place.barh(places + 0.2, panel.low, 0.38, color=LOW_COLOUR, linewidth=0, label=f"low {unit}s")
        place.set_title(f"{class_title(panel.name)} ({panel.n_pairs:,})")
        place.set_xlim(0, 100)
        place.grid(axis="x")
    _name_rows(axes[0], names)
    figure.supxlabel(f"pairs that reach {threshold:g} % coverage (%); in brackets: pairs", fontsize=7)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2)
    return figure


@on_paper
def enrichment_plot(
    found: Sequence[Comparison], names: Sequence[str], *, width_mm: float = DOUBLE_MM
) -> Figure:
    """Differences in percentage points with 95 % intervals, over what chance alone gives."""
    figure = new_figure(width_mm, 22 + ROW_MM * len(names))
    axes = figure.subplots(1, len(found), sharey=True, sharex=True, squeeze=False)[0]
    places = np.arange(len(names))
    for place, (title, table, is_finding) in zip(axes, found, strict=True):
        place.barh(places, table["chance_high"] - table["chance_low"], 0.55, table["chance_low"],
                   color=MUTED, alpha=0.5, linewidth=0)  # fmt: skip
        ends = table[["difference_low", "difference_high"]].to_numpy(float).T
        place.hlines(places, *np.where(np.isnan(ends), table["difference"].to_numpy(float), ends), color=FOR,
                     linewidth=1)
        place.scatter(table["difference"], places, 16, np.where(is_finding, FOR, "white"), edgecolors=FOR,
                      linewidths=0.8, zorder=3)
        for row, q_value in zip(places, table["q_value"], strict=True):
            place.annotate(p_words(q_value), (1, row), (-1, 3), xycoords=("axes fraction", "data"),
                           textcoords="offset points", ha="right", va="bottom", fontsize=5, color=SOFT)
        place.axvline(0, color=INK, linewidth=0.6)
        place.set_title(title)
    _name_rows(axes[0], names)
    figure.supxlabel("difference in coverage (percentage points); figures: corrected p", fontsize=7)
    figure.legend(handles=[Patch(color=MUTED, alpha=0.5, label="95 % of what chance gives")],
                  loc="outside upper right")
    return figure


@on_paper
def position_plot(
    top: pd.DataFrame, low: pd.DataFrame, unit: str = SEGMENT, *, width_mm: float = SINGLE_MM
) -> Figure:
    """Share of the top and of the low units in each tenth of their chains."""
    figure = new_figure(width_mm, 55)
    axes = figure.subplots()
    places = np.arange(1, len(top) + 1)
    for name, table, colour, marker in ((f"top {unit}s", top, FOR, "o"),
                                        (f"low {unit}s", low, LOW_COLOUR, "D")):
        down = (table["difference"] - table["difference_low"]).fillna(0)
        up = (table["difference_high"] - table["difference"]).fillna(0)
        axes.errorbar(places, table["coverage"], [down, up], color=colour, marker=marker, markersize=3,
                      elinewidth=0.6, label=name)
    axes.axhline(float(top["reference"].mean()), color=SOFT, linestyle="--", linewidth=0.7, label="chance")
    axes.set_xticks(places)
    axes.set_ylim(0)
    axes.set_xlabel("tenth of the chain")
    axes.set_ylabel(f"share of the {unit}s (%)")
    axes.legend()
    return figure


@on_paper
def region_tracks(
    values: np.ndarray, pair: PairTokens, regions: Mapping[str, pd.DataFrame], types: Sequence[str], *,
    unit: str, signed: bool, title: str = "", framed: Mapping[str, Sequence[str]] | None = None,
    width_mm: float = DOUBLE_MM,
) -> Figure:  # fmt: skip
    """Both chains coloured by importance, and below each its regions, a row per type.

    Parameters
    ----------
    values : ndarray, shape=(2T,)
    pair : PairTokens
        With the lengths of both chains.
    regions : mapping of str to DataFrame
        For ``A`` and ``B``, columns as `RegionFolder.regions`.
    types : sequence of str
    unit : str
    signed : bool
    title : str
        Of the method.
    framed : mapping of str to sequence of str, optional
        Tokens under `TOP` have a whole frame, those under `LOW` a dotted one.
    width_mm : float
    """
    framed = framed or {}
    laid = {side: lay_out(regions[side], types, pair.lengths[i]) for i, side in enumerate("AB")}
    counts = {side: found["lane"].nunique() or 1 for side, found in laid.items()}
    heights = [height for side in "AB" for height in (11.0, LANE_MM * counts[side])]
    figure = new_figure(width_mm, (30 if title else 26) + sum(heights))
    panels, scaled = figure.subplots(4, height_ratios=heights), scale(np.asarray(values), signed=signed)
    colours = type_colours(types)
    for i, side in enumerate("AB"):
        chain, rows = panels[2 * i], panels[2 * i + 1]
        draw_chain(chain, side, np.asarray(values), pair, scaled)
        chain.set_title(f"{side}: {plain(pair.names[i], int(width_mm / 2.4))}, {pair.lengths[i]:,} residues")
        for line in laid[side].itertuples():
            rows.add_patch(Rectangle(
                (line.start - 0.5, line.lane + 0.1), line.shown_end - line.start + 1, 0.8,
                color=colours[line.type], linewidth=0,
            ))  # fmt: skip
        rows.set_xlim(chain.get_xlim())
        rows.set_ylim(counts[side], 0)
        rows.set_xticks([])
        rows.set_yticks([])
        rows.spines[["left", "bottom"]].set_visible(False)
        for name, look in FRAMES.items():
            own = [token for token in framed.get(name, ()) if token.startswith(f"{side}.")]
            _frame(chain, own, pair, look)
    shown = [name for name in types if any(name in set(own["type"]) for own in laid.values())]
    panels[-1].set_xlabel("residue")
    colour_bar(figure, list(panels), scaled, f"{unit}: against (−), for (+)" if signed else unit)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=7, fontweight="bold")
    keys = [Patch(fill=False, label=f"{name} segment", **look)
            for name, look in FRAMES.items() if framed.get(name)]
    keys += [Patch(color=colours[name], label=plain(name, 24)) for name in shown]
    if keys:
        figure.legend(handles=keys, loc="outside lower left", ncols=min(len(keys), 6))
    return figure


def _frame(axes: Axes, tokens: Sequence[str], pair: PairTokens, look: Mapping[str, object]) -> None:
    for first, last in filter(None, map(pair.residues, tokens)):
        axes.add_patch(Rectangle((first - 0.5, 0), last - first + 1, 1, fill=False, clip_on=False,
                                 zorder=3, **look))


def _name_rows(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [plain(name, 24) for name in names])
    axes.invert_yaxis()
