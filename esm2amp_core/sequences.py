"""Proteins, FASTA, and how residues are numbered."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property

from esm2amp_core.errors import SequenceError

STANDARD = frozenset("ACDEFGHIKLMNPQRSTVWY")
RARE = frozenset("BZUOX")
"""Letters that ESM-2's vocabulary holds but that say little: accepted with a warning."""
MIN_RESIDUES = 10


@dataclass(frozen=True)
class Protein:
    """A chain with a name.

    Attributes
    ----------
    id : str
        As the person wrote it; any text.
    sequence : str
        Upper-case one-letter codes: the 20 standard ones and B, Z, U, O, X; at least ten.

    Raises
    ------
    SequenceError
        If the sequence is too short or holds another letter; the message gives letter and position.
    """

    id: str
    sequence: str

    def __post_init__(self) -> None:
        if problem := sequence_problem(self.sequence):
            raise SequenceError(f"{self.id}: {problem}", hint="Correct the sequence.")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the sequence: equal chains are equal whatever their names."""
        return hashlib.sha256(self.sequence.encode()).hexdigest()


def sequence_problem(sequence: str) -> str:
    """Why a cleaned sequence cannot be used, in one sentence; empty if it can."""
    for position, letter in enumerate(sequence):
        if letter not in STANDARD and letter not in RARE:
            return f"Letter {letter!r} at position {residue_number(position)} is not an amino acid."
    if len(sequence) < MIN_RESIDUES:
        return f"The sequence has {len(sequence)} residues; at least {MIN_RESIDUES} are needed."
    return ""


def clean_sequence(text: str) -> tuple[str, list[str]]:
    """Remove white space, write in upper case, strip a trailing stop.

    Returns
    -------
    sequence : str
    notes : list of str
        What a person should know about it, one sentence each.
    """
    sequence = re.sub(r"\s+", "", text).upper()
    notes = []
    if sequence.endswith("*"):
        sequence = sequence.rstrip("*")
        notes.append("A stop sign (*) at the end was left out.")
    if rare := sorted(set(sequence) & RARE):
        notes.append(f"Contains {', '.join(rare)}, about which the language model knows little.")
    return sequence, notes


def residue_number(position: int) -> int:
    """Number of a residue as people count: from 1. `position` counts from 0."""
    return position + 1


def residue_range(start: int, stop: int) -> tuple[int, int]:
    """First and last residue, inclusive from 1, of a half-open stretch from 0."""
    return residue_number(start), stop
