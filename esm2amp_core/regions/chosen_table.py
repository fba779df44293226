"""Top and low segments that somebody chose already, as the published analysis lists them."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.errors import quoted
from esm2amp_core.features import N_SEGMENTS
from esm2amp_core.regions.important_units import ImportantUnits
from esm2amp_core.regions.selection import LOW, TOP, Selection
from esm2amp_core.regions.token_table import TOKEN
from esm2amp_core.regions.units import SEGMENT, Units
from esm2amp_core.tables import RawTable

CHOSEN = re.compile(r"(?P<name>top|low)[ _]?(?P<rank>[1-9]\d?)", re.IGNORECASE)
"""Columns that hold a segment's name, such as ``A_segment7``."""


def read_chosen(raw: RawTable, chosen: list[str], k: int, lengths: Mapping[str, int]) -> ImportantUnits:
    """Segments of a table that has one line per pair.

    Parameters
    ----------
    raw : RawTable
        Names of columns in lower case.
    chosen : list of str
        The columns that match `CHOSEN`.
    k : int
        Ranks to take.
    lengths : mapping of str to int
        Residues of each protein.

    Raises
    ------
    AnnotationError
        If a column or a length is missing, a segment does not exist, or has two ranks.
    """
    frame = raw.frame.copy()
    if "row" not in frame:
        frame.insert(0, "row", np.arange(1, len(frame) + 1))
    names = dict.fromkeys(frame[["protein_a", "protein_b"]].to_numpy(object).ravel())
    if missing := [name for name in names if name not in lengths]:
        raise AnnotationError(
            f"How long {len(missing):,} proteins of {raw.name} are stands nowhere: "
            f"{', '.join(map(quoted, missing[:5]))}{', ...' if len(missing) > 5 else ''}.",
            hint="Give the proteins with --sequences.",
        )
    units = Units.of(SEGMENT, {name: lengths[name] for name in names})
    number = {name: i for i, name in enumerate(units.names)}
    both = np.column_stack([frame[f"protein_{side}"].map(number) for side in "ab"])
    selections = [_chosen_units(raw, name, chosen, k, both) for name in (TOP, LOW)]
    pairs = frame.drop(columns=chosen)
    return ImportantUnits(pairs, units, *selections, np.zeros(len(frame), bool))


def _chosen_units(raw: RawTable, name: str, columns: list[str], k: int, both: np.ndarray) -> Selection:
    ranks = {int(found["rank"]): column for column in columns
             if (found := CHOSEN.fullmatch(column)) and found["name"].lower() == name}
    if missing := [rank for rank in range(1, k + 1) if rank not in ranks]:
        raise AnnotationError(f"{raw.name} has no column {name}{missing[0]}.",
                              hint=f"Choose fewer segments than {k}, or add it.")
    texts = raw.frame[[ranks[rank] for rank in range(1, k + 1)]].to_numpy(object)
    parts = np.array([[_segment(raw, row, text, name) for text in texts_of_pair]
                      for row, texts_of_pair in enumerate(texts, start=1)])  # (N, k, 2)
    for row, of_pair in enumerate(parts.tolist(), start=1):
        if len(set(map(tuple, of_pair))) < k:
            raise AnnotationError(f"{raw.name}, row {row:,}: a {name} segment stands there twice.",
                                  hint="Each segment has one rank.")
    n = len(raw)
    pair, rank = np.repeat(np.arange(n), k), np.tile(np.arange(1, k + 1), n)
    side, unit = parts.reshape(-1, 2).T
    return Selection(name, n, pair, rank, side, both[pair, side], unit, np.full(n * k, np.nan))


def _segment(raw: RawTable, row: int, text: str, name: str) -> tuple[int, int]:
    found = TOKEN.fullmatch(text.strip())
    if found is None or found["kind"] != SEGMENT or int(found["number"]) >= N_SEGMENTS:
        raise AnnotationError(f"{raw.name}, row {row:,}: {quoted(text)} is no {name} segment.",
                              hint="Segments are called A_segment0 to B_segment9.")
    return "AB".index(found["side"]), int(found["number"])
