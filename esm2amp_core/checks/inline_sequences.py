"""Sequences that stand in the table itself: each distinct one cleaned and kept once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.sequences import clean_sequence, sequence_problem

NONE = -1


@dataclass(frozen=True)
class InlineSequences:
    """The sequence cells of a table.

    Attributes
    ----------
    codes : ndarray, dtype=int64, shape=(2, N)
        For side and row the position of its sequence in `texts`; -1 where the cell is empty.
    texts : list of str
        Distinct cleaned sequences.
    problems : list of str
        Why a sequence cannot be used; empty where it can.
    notes : list of tuple of str
        What a person should know about a sequence.
    """

    codes: np.ndarray
    texts: list[str]
    problems: list[str]
    notes: list[tuple[str, ...]]

    def name(self, code: int) -> str:
        """A name made of the sequence, the same in every table; empty where there is no sequence."""
        if code == NONE:
            return ""
        return f"sequence-{hashlib.sha256(self.texts[code].encode()).hexdigest()[:10]}"


def read_sequences(columns: Sequence[pd.Series | None], n_rows: int) -> InlineSequences:
    """Collect the sequences of the columns of both sides; a side may have none."""
    codes = np.full((2, n_rows), NONE, dtype=np.int64)
    position: dict[str, int] = {}
    notes: dict[int, list[str]] = {}
    for side, column in enumerate(columns):
        if column is None:
            continue
        raw_codes, raw_texts = pd.factorize(column)
        clean_codes = np.empty(len(raw_texts), dtype=np.int64)
        for i, raw in enumerate(raw_texts):
            text, found = clean_sequence(raw)
            clean_codes[i] = position.setdefault(text, len(position)) if text else NONE
            notes.setdefault(int(clean_codes[i]), []).extend(found)
        codes[side] = clean_codes[raw_codes]
    return InlineSequences(
        codes,
        list(position),
        [sequence_problem(text) for text in position],
        [tuple(dict.fromkeys(notes.get(code, ()))) for code in range(len(position))],
    )
