"""How far from its training data a model has to reach for a pair, in numbers and in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import pandas as pd

from esm2amp_core.predictions import NEAREST_COLUMNS, TRUST_COLUMNS
from esm2amp_core.progress import Report, silent
from esm2amp_core.reference import Nearest, TrainingReference
from esm2amp_core.sequences import Protein

ALIKE, RELATED = 0.4, 0.15
"""Shares of common words from which proteins are called nearly the same, and related. Measured with MMseqs2
on 9,246 proteins against 4,286 training ones: at 0.4 four fifths of the residues are identical, at 0.15 half
of them; and of 7,129 proteins without any hit 11 lie above 0.15."""
REPORT_EVERY = 200


class Seen(StrEnum):
    """How many proteins of a pair were in the training data: the classes of Park and Marcotte (2012)."""

    BOTH = "C1"
    ONE = "C2"
    NONE = "C3"

    @classmethod
    def of(cls, a: bool, b: bool) -> Seen:
        """The class of a pair of which A, and B, were seen or not."""
        return (cls.NONE, cls.ONE, cls.BOTH)[bool(a) + bool(b)]

    @property
    def words(self) -> str:
        """The class in words."""
        number = {Seen.BOTH: "both proteins were", Seen.ONE: "one protein was", Seen.NONE: "no protein was"}
        return f"{number[self]} in the training data"


def find_nearest(
    proteins: Iterable[Protein], reference: TrainingReference, *, report: Report = silent
) -> dict[str, Nearest]:
    """The nearest training protein of each protein, by its digest."""
    distinct = {protein.digest: protein for protein in proteins}
    found = {}
    for number, (digest, protein) in enumerate(distinct.items()):
        if number % REPORT_EVERY == 0:
            report("Comparing with the training data", number, len(distinct))
        found[digest] = reference.nearest(protein)
    return found


def nearest_frame(a: Iterable[Nearest | None], b: Iterable[Nearest | None]) -> pd.DataFrame:
    """Columns `NEAREST_COLUMNS` for the two proteins of each row; None where there is nothing to say."""
    columns: dict[str, pd.Series] = {}
    for side, found in (("a", list(a)), ("b", list(b))):
        columns[f"seen_{side}"] = pd.Series([n and n.seen for n in found], dtype="boolean")
        columns[f"nearest_{side}"] = pd.Series([n and n.name for n in found], dtype="str")
        columns[f"similarity_{side}"] = pd.Series([n and n.similarity for n in found], dtype="float64")
    return pd.DataFrame(columns)[list(NEAREST_COLUMNS)]


def with_notes(nearest: pd.DataFrame) -> pd.DataFrame:
    """`TRUST_COLUMNS` from `NEAREST_COLUMNS`: the class of each pair and a note in words are added."""
    known = nearest["seen_a"].notna() & nearest["seen_b"].notna()
    pairs = [
        (Nearest(str(a), similarity_a, bool(seen_a)), Nearest(str(b), similarity_b, bool(seen_b)))
        for seen_a, a, similarity_a, seen_b, b, similarity_b
        in nearest.loc[known, list(NEAREST_COLUMNS)].itertuples(index=False)
    ]  # fmt: skip
    classes = pd.Series([Seen.of(a.seen, b.seen).value for a, b in pairs], nearest.index[known], dtype="str")
    notes = pd.Series([trust_note(a, b) for a, b in pairs], nearest.index[known], dtype="str")
    told = nearest.assign(trust_class=classes, trust_note=notes)
    return told[list(TRUST_COLUMNS)]


def trust_note(a: Nearest, b: Nearest) -> str:
    """What a person should keep in mind about the score of a pair, in one or two sentences."""
    if a.seen and b.seen:
        return (
            "The model has learned from both proteins: it may remember how often each of them interacts "
            "rather than judge the two together."
        )
    if _is_new(a) and _is_new(b):
        return (
            "Both proteins are unlike any protein the model has learned from; such scores are the least "
            "reliable."
        )
    caution = "; this makes the score less reliable" if _is_new(a) or _is_new(b) else ""
    return f"Protein A {_relation(a)}; protein B {_relation(b)}{caution}."


def _is_new(nearest: Nearest) -> bool:
    return not nearest.seen and nearest.similarity < RELATED


def _relation(nearest: Nearest) -> str:
    """How a protein stands to the training data, as the end of a sentence."""
    if nearest.seen:
        return "was in the training data"
    if nearest.similarity >= ALIKE:
        return f"is nearly the same as {nearest.name}, which the model has learned from"
    if nearest.similarity >= RELATED:
        return f"is related to {nearest.name}, which the model has learned from"
    return "is unlike any protein the model has learned from"
