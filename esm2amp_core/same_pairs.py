"""Which rows are the same pair: by their sequences, whatever the names and in either order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.errors import Issue, Severity
from esm2amp_core.pairs import PairTable


@dataclass(frozen=True)
class Repeats:
    """What is repeated among N pairs.

    Attributes
    ----------
    places : ndarray, dtype=int64, shape=(R,)
        Of the pairs that occurred before.
    contradictions : ndarray, dtype=int64, shape=(C, 2)
        Of each pair with both labels, the places of its first positive and its first negative.
    """

    places: np.ndarray
    contradictions: np.ndarray


def number_sequences(table: PairTable, numbers: dict[str, int]) -> np.ndarray:
    """Numbers of both proteins' sequences, -1 in rows with an error: ndarray, dtype=int64, shape=(N, 2).

    A sequence that `numbers` lacks is added to it, in the order of the rows, so that tables share numbers.
    """
    found = np.full((len(table), 2), -1, np.int64)
    usable = ~table.frame["row"].isin(table.problems(Severity.ERROR)).to_numpy()
    used = table.frame.loc[usable, ["protein_a", "protein_b"]].to_numpy(dtype=object).ravel()
    codes, names = pd.factorize(used)
    sequences = (table.proteins[name].sequence for name in names)
    number_of = np.array([numbers.setdefault(sequence, len(numbers)) for sequence in sequences], np.int64)
    found[usable] = number_of[codes].reshape(-1, 2)
    return found


def pair_keys(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """One number per unordered pair of proteins, given theirs: ndarray, dtype=int64, shape=(N,)."""
    return np.minimum(a, b) * (1 << 32) + np.maximum(a, b)


def note_repeats(table: PairTable) -> Issue | None:
    """How many rows repeat an earlier pair, rows with errors aside; None if there are none."""
    numbers = number_sequences(table, {})
    usable = np.flatnonzero(numbers[:, 0] >= 0)
    places = usable[find_repeats(pair_keys(*numbers[usable].T), np.full(len(usable), -1)).places]
    if not len(places):
        return None
    row = table.frame["row"].iloc[int(places[0])]
    told = (f"{len(places):,} rows repeat an earlier pair (the first is row {row:,})" if len(places) > 1 else
            f"Row {row:,} repeats an earlier pair")
    problem = f"{told}: the same two sequences, in either order. Each is scored."
    return Issue(None, "", problem, "", Severity.WARNING)


def find_repeats(keys: np.ndarray, labels: np.ndarray) -> Repeats:
    """Repeated pairs.

    Parameters
    ----------
    keys : ndarray, dtype=int64, shape=(N,)
        As `pair_keys` gives them.
    labels : ndarray, dtype=int64, shape=(N,)
        1, 0, or anything else where there is none.
    """
    repeated = np.ones(len(keys), bool)
    repeated[np.unique(keys, return_index=True)[1]] = False
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    # Of equal keys, the places are those of the first.
    _, ones, zeros = np.intersect1d(keys[positive], keys[negative], return_indices=True)
    contradictions = np.stack([positive[ones], negative[zeros]], axis=1)
    order = np.argsort(contradictions.min(axis=1), kind="stable")
    return Repeats(np.flatnonzero(repeated), contradictions[order])
