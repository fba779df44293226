"""How far from its training data a model has to reach for a pair, in numbers and in plain words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

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


CLASSES = {number: Seen.of(number > 0, number > 1).value for number in range(3)}
"""Class of a pair by how many of its two proteins were in the training data."""


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


class Standing(NamedTuple):
    """How a protein stands to the training data; `words` end a sentence about it."""

    is_seen: bool
    is_new: bool
    words: str

    @classmethod
    def of(cls, nearest: Nearest) -> Standing:
        """The standing of a protein whose nearest training protein is known."""
        is_new = not nearest.seen and nearest.similarity < RELATED
        if nearest.seen:
            words = "was in the training data"
        elif is_new:
            words = "is unlike any protein the model has learned from"
        else:
            relation = "nearly the same as" if nearest.similarity >= ALIKE else "related to"
            words = f"is {relation} {nearest.name}, which the model has learned from"
        return cls(nearest.seen, is_new, words)


def with_notes(nearest: pd.DataFrame) -> pd.DataFrame:
    """`TRUST_COLUMNS` from `NEAREST_COLUMNS`: the class of each pair and a note in words are added."""
    known = nearest["seen_a"].notna() & nearest["seen_b"].notna()
    told = nearest[known]
    a, b = (
        list(zip(told[f"nearest_{side}"].astype(object), told[f"similarity_{side}"].tolist(),
                 told[f"seen_{side}"].astype(bool).tolist(), strict=True))
        for side in "ab"
    )  # fmt: skip
    # Few proteins make many pairs: what is said of a protein is put into words once.
    standing = {protein: Standing.of(Nearest(*protein)) for protein in {*a, *b}}
    pairs = [(standing[one], standing[other]) for one, other in zip(a, b, strict=True)]
    classes = [Seen.of(one.is_seen, other.is_seen).value for one, other in pairs]
    classes = told["seen_a"].astype(int) + told["seen_b"].astype(int)
    notes = [_note(one, other) for one, other in pairs]
    return nearest.assign(
        trust_class=classes.map(CLASSES).astype("str"),
        trust_note=pd.Series(notes, told.index, dtype="str"),
    )[list(TRUST_COLUMNS)]


def trust_note(a: Nearest, b: Nearest) -> str:
    """What a person should keep in mind about the score of a pair, in one or two sentences."""
    return _note(Standing.of(a), Standing.of(b))


def _note(a: Standing, b: Standing) -> str:
    if a.is_seen and b.is_seen:
        return (
            "The model has learned from both proteins: it may remember how often each of them interacts "
            "rather than judge the two together."
        )
    if a.is_new and b.is_new:
        return (
            "Both proteins are unlike any protein the model has learned from; such scores are the least "
            "reliable."
        )
    caution = "; this makes the score less reliable" if a.is_new or b.is_new else ""
    return f"Protein A {a.words}; protein B {b.words}{caution}."
