"""What the pictures of regions are drawn of: computed once, for the screen and for paper."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from esm2amp_core.number_text import number_text
from esm2amp_core.region_files import ALL, ANY, CHANCE, ENDS, EVERY, LOW, MEAN, TOP

SIGNIFICANT = 0.05
MOST_TYPES = 40
"""Rows of a picture; more would make it longer than anybody reads."""
# Okabe and Ito's colours, which any colour vision tells apart, moved to tones that stand out on white and on
# black; the rows of a picture name their type as well.
PALETTE = ("#2f86bd", "#d99a00", "#c77aa6", "#0f9d74", "#d9641a", "#56b4e9", "#8a6fd1", "#8d8d2a")
_FIXED = {"Domain": 0, "Region": 1, "Compositional bias": 2, "Repeat": 3, "Motif": 4, "Active site": 4,
          "Binding site": 1, "Conserved site": 5, "PTM": 2}  # fmt: skip
CLASSES = {
    EVERY: "all pairs", "TP": "TP: rightly called interacting", "FN": "FN: interact, not called",
    "TN": "TN: rightly not called", "FP": "FP: wrongly called", "positive": "labelled interacting",
    "negative": "labelled not interacting", "predicted positive": "called interacting",
    "predicted negative": "called not interacting",
}  # fmt: skip
COMPARISONS = {(TOP, CHANCE): "top against chance", (LOW, CHANCE): "low against chance",
               (TOP, LOW): "top against low"}  # fmt: skip


class HitPanel(NamedTuple):
    """Hit rates of one class at one threshold, in percent.

    Attributes
    ----------
    name : str
        A key of `CLASSES`.
    n_pairs : int
    top, low : ndarray, dtype=float64, shape=(T,)
        One per type; NaN where the class has no pair.
    """

    name: str
    n_pairs: int
    top: np.ndarray
    low: np.ndarray


class Comparison(NamedTuple):
    """Differences of coverage per type, in percentage points.

    Attributes
    ----------
    title : str
    table : DataFrame
        One line per type, in the order of the pictures; columns as `RegionFolder.enrichment`.
    is_finding : ndarray, dtype=bool, shape=(T,)
        True where the corrected p-value is at most `SIGNIFICANT`.
    """

    title: str
    table: pd.DataFrame
    is_finding: np.ndarray


def type_colours(types: Sequence[str]) -> dict[str, str]:
    """One colour per type; the usual types always have the same ones, as long as these suffice."""
    colours: dict[str, str] = {}
    for name in types:
        wish = _FIXED.get(name, 0)
        order = [*PALETTE[wish:], *PALETTE[:wish]]
        colours[name] = next((colour for colour in order if colour not in colours.values()), order[0])
    return colours


def class_title(name: str) -> str:
    """A class above its panel: the usual two letters, or words."""
    return name if len(name) == 2 else CLASSES.get(name, name)


def with_all(types: Sequence[str]) -> list[str]:
    """Rows of a picture, columns of a table: the types, and their union."""
    return [*types, ALL]


def drawn_types(enrichment: pd.DataFrame, types: Sequence[str], *, most: int = MOST_TYPES) -> list[str]:
    """Types that pictures and wide tables show: all, or those that cover most of the proteins.

    Parameters
    ----------
    enrichment : DataFrame
        As `RegionFolder.enrichment`; what chance alone covers tells how common a type is.
    types : sequence of str
    most : int
    """
    if len(types) <= most:
        return list(types)
    own = enrichment[(enrichment["selection"] == TOP) & (enrichment["against"] == CHANCE)]
    common = own.set_index("type")["reference"].reindex(types).sort_values(ascending=False, kind="stable")
    kept = set(common.index[:most])
    return [name for name in types if name in kept]


def hit_panels(hit_rates: pd.DataFrame, types: Sequence[str], threshold: float) -> list[HitPanel]:
    """One panel per class that has pairs; a pair counts if any of its chosen segments hits."""
    names = with_all(types)
    chosen = hit_rates[(hit_rates["threshold"] == threshold) & hit_rates["rank"].isin((ANY, MEAN))]
    panels = []
    for name, own in chosen.groupby("class", sort=False):
        rates = own.set_index("selection")
        if (n_pairs := int(own["n_pairs"].iloc[0])) > 0:
            top, low = (rates.loc[which, names].to_numpy(float) for which in (TOP, LOW))
            panels.append(HitPanel(str(name), n_pairs, top, low))
    return panels


def comparisons(enrichment: pd.DataFrame, types: Sequence[str]) -> list[Comparison]:
    """Top and low units against chance, and against each other."""
    return [_comparison(enrichment, *key, title, with_all(types)) for key, title in COMPARISONS.items()]


def position_table(positions: pd.DataFrame, selection: str) -> pd.DataFrame:
    """Share of the chosen units in each tenth of their chains, from the first to the last."""
    own = positions[(positions["selection"] == selection) & (positions["against"] == CHANCE)]
    return own[own["type"] != ENDS].reset_index(drop=True)


def _comparison(table: pd.DataFrame, selection: str, against: str, title: str, names: Sequence[str]):
    own = table[(table["selection"] == selection) & (table["against"] == against)].set_index("type")
    own = own.reindex(names).reset_index()
    return Comparison(title, own, (own["q_value"] <= SIGNIFICANT).to_numpy(bool))


def lay_out(
    regions: pd.DataFrame, types: Sequence[str], length: int, *, most_lanes: int = sys.maxsize
) -> pd.DataFrame:
    """Regions of a protein as a picture shows them: up to its last residue, in lanes, type by type.

    Parameters
    ----------
    regions : DataFrame
        `REGION_COLUMNS`.
    types : sequence of str
        From the first lane on; regions of other types are not shown.
    length : int
        Residues of the protein; what lies behind its end is not shown.
    most_lanes : int
        Of one type; where more regions overlap, the others share the last lane.

    Returns
    -------
    DataFrame
        Lines of `regions` with ``shown_end`` and ``lane``, from 0.
    """
    parts, first = [], 0
    for name in types:
        own = regions[(regions["type"] == name) & (regions["start"] <= length)].sort_values(["start", "end"])
        if own.empty:
            continue
        own = own.assign(shown_end=own["end"].clip(upper=length))
        lane = [min(i, most_lanes - 1) for i in lanes(own["start"], own["shown_end"])]
        parts.append(own.assign(lane=[first + i for i in lane]))
        first += max(lane) + 1
    return pd.concat(parts) if parts else regions.head(0).assign(shown_end=0, lane=0)


def lanes(starts: Iterable[int], ends: Iterable[int]) -> list[int]:
    """Regions that overlap go on lanes of their own: for each the first lane that is free.

    Parameters
    ----------
    starts, ends : iterable of int, length=R
        Inclusive; by rising start.
    """
    last: list[int] = []
    found = []
    for start, end in zip(starts, ends, strict=True):
        lane = next((i for i, taken in enumerate(last) if taken < start), len(last))
        last[lane : lane + 1] = [end]
        found.append(lane)
    return found


def p_words(p_value: float) -> str:
    """A p-value as a figure shows it."""
    if np.isnan(p_value):
        return "–"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.2g}" if p_value < 0.1 else f"{p_value:.2f}"


def points_words(points: float) -> str:
    """A difference in percentage points, with its sign."""
    return number_text(points, "+.1f")


def interval_words(low: float, high: float) -> str:
    """The ends of a difference's interval in percentage points; empty where they are not known."""
    return "" if np.isnan(low) else f"95 % interval {points_words(low)} to {points_words(high)}"
