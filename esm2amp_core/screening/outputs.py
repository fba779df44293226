"""The tables of a screen: made from its parts alone, read in order, so that they are always the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core.exports import delimited
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.progress import Report
from esm2amp_core.screen_files import (
    BY_PARTNERS,
    BY_REFERENCE,
    EDGES,
    FORMAT,
    GRAPHML,
    HISTOGRAM,
    HISTOGRAM_COLUMNS,
    HIT_COLUMNS,
    HITS,
    LEFT_OUT,
    NODES,
    PARTNER_COLUMNS,
    PARTNERS,
    PROTEIN_COLUMNS,
    PROTEINS,
    SUMMARY,
)
from esm2amp_core.screen_plan import FEWEST_PARTNERS, Plan
from esm2amp_core.screen_proteins import ScreenProteins
from esm2amp_core.screening.network import graphml
from esm2amp_core.screening.parts import PartStore
from esm2amp_core.screening.ranking import (
    BINS,
    Histogram,
    Partners,
    Places,
    ScoreBackground,
    Top,
    other_than,
    place_in_group,
)

STAGE = "Ranking pairs"
PASSES = 3


def write_outputs(
    store: PartStore,
    plan: Plan,
    proteins: ScreenProteins,
    *,
    threshold: float,
    top: int,
    top_partners: int,
    facts: dict[str, Any],
    report: Report,
    reference: ScoreBackground | None = None,
) -> None:
    """Read the parts three times (backgrounds and scores; z; ranks) and write every table, the summary last.

    Parameters
    ----------
    store : PartStore
        With all parts.
    plan : Plan
    proteins : ScreenProteins
    threshold : float
        Probability from which a pair is called interacting.
    top, top_partners : int
        How many pairs by score and by z; how many partners of each bait.
    facts : dict
        JSON values for the summary; ``n_reference``: how many reference proteins the model gave.
    report : Report
    reference : ScoreBackground, optional
        What proteins with too few partners score with reference proteins.
    """
    folder, done = store.folder, 0

    def each_block() -> Iterator[np.ndarray]:
        nonlocal done
        for block in plan.blocks():
            pairs = store.pairs(block)
            yield pairs
            done += len(pairs)
            report(STAGE, done, PASSES * plan.n_pairs)

    background, histogram = ScoreBackground(plan.n_proteins, threshold), Histogram(threshold)
    best, partners = Top(top), Partners(plan.n_baits, top_partners)
    for pairs in each_block():
        background.add(pairs)
        histogram.add(pairs)
        best.add(pairs, pairs["logit"])
        partners.add(pairs)
    n_partners = background.n.copy()
    if reference is not None:
        background.stand_in(reference)
    special = Top(top)
    for pairs in each_block():
        special.add(pairs, background.z(pairs)[2])
    hits = _union(best.pairs, special.pairs)
    places = [Places(hits[side], hits["logit"]) for side in ("first", "second")]
    for pairs in each_block():
        for place in places:
            place.add(pairs)

    names = np.array(proteins.names, dtype=object)
    hit_table = _hit_frame(hits, best.pairs, special.pairs, background, places, names)
    protein_table = _protein_frame(proteins, n_partners, background, hits)
    edges_of = [hit_table["protein_a"], hit_table["protein_b"]]
    nodes = protein_table[protein_table["protein"].isin(pd.concat(edges_of))].reset_index(drop=True)
    edges = np.arange(BINS + 1) / BINS
    counts = pd.DataFrame({"from": edges[:-1], "to": edges[1:], "pairs": histogram.counts})
    tables = {
        HITS: hit_table, PARTNERS: _partner_frame(*partners.best, background, names),
        PROTEINS: protein_table, HISTOGRAM: counts[list(HISTOGRAM_COLUMNS)], LEFT_OUT: proteins.left_out,
    }  # fmt: skip
    for name, table in tables.items():
        _write(folder / name, delimited(table))
    _write(folder / EDGES, delimited(hit_table.rename(columns={"protein_a": "source", "protein_b": "target"}),
                                     "\t"))
    _write(folder / NODES, delimited(nodes, "\t"))
    _write(folder / GRAPHML, graphml(nodes, hit_table))
    summary = {
        "format": FORMAT, **facts, "n_pairs": plan.n_pairs, "n_proteins": plan.n_proteins,
        "n_baits": plan.n_baits, "n_library": plan.n_library,
        "n_called": histogram.n_called, "threshold": threshold, "top": top,
        "top_partners": top_partners, "n_hits": len(hits), "n_left_out": len(proteins.left_out),
        "n_failed": proteins.n_failed,
        "fewest_partners": FEWEST_PARTNERS, "n_by_reference": int(background.by_reference.sum()),
        "notes": _notes(background, plan, proteins, facts["n_reference"]),
    }  # fmt: skip
    _write(folder / SUMMARY, (json.dumps(summary, indent=1) + "\n").encode())


def _union(*lists: np.ndarray) -> np.ndarray:
    """Pairs that are in one of the lists, each once, in the order of their proteins."""
    pairs = np.concatenate(lists)
    _, first = np.unique(_identities(pairs), return_index=True)
    return pairs[first]


def _identities(pairs: np.ndarray) -> np.ndarray:
    return (pairs["first"].astype(np.int64) << 32) | pairs["second"]


def _rank_in(best: np.ndarray, hits: np.ndarray) -> pd.array:
    """Rank of each hit in a list, missing where it is not in it."""
    ranks = pd.Series(np.arange(1, len(best) + 1), index=_identities(best), dtype="Int64")
    return ranks.reindex(_identities(hits)).array


def _hit_frame(
    hits: np.ndarray, best: np.ndarray, special: np.ndarray, background: ScoreBackground,
    places: list[Places], names: np.ndarray,
) -> pd.DataFrame:
    """`HIT_COLUMNS`, the best by score first, then those that are only among the best by z."""
    z_a, z_b, z = background.z(hits)
    frame = pd.DataFrame({
        "rank_by_score": _rank_in(best, hits), "rank_by_z": _rank_in(special, hits),
        "protein_a": names[hits["first"]], "protein_b": names[hits["second"]],
        **{name: _shortest(hits[name]) for name in ("probability", "logit", "order_difference")},
        "z_a": z_a.round(4), "z_b": z_b.round(4), "z": z.round(4),
        "rank_for_a": places[0].ranks, "rank_for_b": places[1].ranks,
    })  # fmt: skip
    frame = frame.sort_values(["rank_by_score", "rank_by_z"], kind="stable", na_position="last")
    return frame[list(HIT_COLUMNS)].reset_index(drop=True)


def _partner_frame(
    bait: np.ndarray, pairs: np.ndarray, background: ScoreBackground, names: np.ndarray
) -> pd.DataFrame:
    of_first, of_second, z = background.z(pairs)
    is_first = pairs["first"] == bait
    of_bait, of_partner = np.where(is_first, of_first, of_second), np.where(is_first, of_second, of_first)
    frame = pd.DataFrame({
        "protein": names[bait], "rank": place_in_group(bait) + 1, "partner": names[other_than(bait, pairs)],
        "probability": _shortest(pairs["probability"]), "logit": _shortest(pairs["logit"]),
        "z_protein": of_bait.round(4), "z_partner": of_partner.round(4), "z": z.round(4),
    })  # fmt: skip
    return frame[list(PARTNER_COLUMNS)]


def _protein_frame(
    proteins: ScreenProteins, n_partners: np.ndarray, background: ScoreBackground, hits: np.ndarray
) -> pd.DataFrame:
    number = np.arange(len(proteins.proteins))
    role = np.where(number < proteins.library_start, "bait",
                    np.where(number < proteins.n_baits, "bait and library", "library"))  # fmt: skip
    in_hits = np.concatenate([hits["first"], hits["second"][hits["first"] != hits["second"]]])
    has = background.n > 0
    frame = pd.DataFrame({
        "protein": proteins.names, "role": role,
        "also_called": ["; ".join(proteins.also_called.get(name, ())) for name in proteins.names],
        "length": [len(protein.sequence) for protein in proteins.proteins],
        "n_partners": n_partners,
        "background": np.where(background.by_reference, BY_REFERENCE, BY_PARTNERS),
        "n_background": background.n, "mean_logit": np.where(has, background.mean, np.nan).round(6),
        "sd_logit": background.sd.round(6),
        "share_called": np.where(has, background.n_called / np.maximum(background.n, 1), np.nan).round(6),
        "n_hits": np.bincount(in_hits, minlength=len(number)),
    })  # fmt: skip
    return frame[list(PROTEIN_COLUMNS)]


def _notes(background: ScoreBackground, plan: Plan, proteins: ScreenProteins, n_reference: int) -> list[str]:
    """What a reader must know, a sentence each."""
    notes = []
    if n_judged := int(background.by_reference.sum()):
        notes.append(f"{n_judged:,} of {plan.n_proteins:,} proteins have fewer than {FEWEST_PARTNERS} "
                     f"partners: their mean, SD and z come from their scores with {n_reference} reference "
                     "proteins, which the model was trained on.")
    few = int((background.n < FEWEST_PARTNERS).sum())
    if few == plan.n_proteins:
        notes.append(f"No protein has {FEWEST_PARTNERS} partners, so there are no z-scores: whether one "
                     "scores high with everything cannot be told.")
    elif few:
        notes.append(f"{few:,} of {plan.n_proteins:,} proteins have fewer than {FEWEST_PARTNERS} partners, "
                     "too few for a z-score of their own: in their pairs, z is the other protein's alone.")
    if n_left_out := len(proteins.left_out):
        records = ("1 record is not screened under its own name" if n_left_out == 1 else
                   f"{n_left_out:,} records are not screened under their own names")
        notes.append(f"{records}; {LEFT_OUT} tells why.")
    return [*notes, *proteins.warnings]


def _shortest(values: np.ndarray) -> np.ndarray:
    """Float32 numbers as the float64 ones that are written with as few digits."""
    return np.array([float(str(value)) for value in values], dtype=np.float64)


def _write(path: Path, data: bytes) -> None:
    with whole_file(path) as part:
        part.write_bytes(data)
