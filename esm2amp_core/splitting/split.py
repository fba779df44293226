"""A table of pairs divided into training, validation and test, so that no part knows another's proteins."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from esm2amp_core.errors import PairError, UserError
from esm2amp_core.progress import Report, silent
from esm2amp_core.same_pairs import number_sequences
from esm2amp_core.splitting.clusters import cluster
from esm2amp_core.splitting.pair_files import PairFile
from esm2amp_core.splitting.parts import assign_clusters
from esm2amp_core.splitting.search import Search

PARTS = ("train", "validation", "test")
CROSS, EXCLUDED = "cross", "excluded"
FRACTIONS = (0.65, 0.10, 0.25)
NEAR_ENOUGH = 0.03
"""Distance of a part's share of the pairs from the wish at which nobody tries again."""
ATTEMPTS = 3


@dataclass(frozen=True)
class Split:
    """Where each pair and each protein went.

    Attributes
    ----------
    pairs : PairFile
    sequences_of_rows : ndarray, dtype=int64, shape=(N, 2)
        Both proteins of each row by their sequences' places; -1 in rows that are not usable.
    names : dict of str to int, length=P
        Sequence of each protein id of the usable rows, in their order.
    clusters, parts : ndarray, dtype=int64, shape=(S,)
        Cluster of each sequence; the part that its cluster went to, by its place in `PARTS`.
    too_near : dict of int to (int, float)
        Excluded sequences, each with the most similar one of another part and their similarity.
    search : Search
    fractions : tuple of float
        The wish: shares of the pairs in the three parts.
    seed : int
    """

    pairs: PairFile
    sequences_of_rows: np.ndarray
    names: dict[str, int]
    clusters: np.ndarray
    parts: np.ndarray
    too_near: dict[int, tuple[int, float]]
    search: Search
    fractions: tuple[float, ...]
    seed: int

    @cached_property
    def reasons(self) -> list[str]:
        """Why each row is in no part; empty where it is in one."""
        return [self._reason(row) for row in range(len(self.pairs))]

    @cached_property
    def row_parts(self) -> list[str]:
        """Each row's part, or ``cross``."""
        first = self.sequences_of_rows[:, 0]
        return [CROSS if reason else PARTS[self.parts[place]]
                for place, reason in zip(first, self.reasons, strict=True)]

    def part_of(self, sequence: int) -> str:
        """Part of a sequence, or ``excluded``."""
        return EXCLUDED if sequence in self.too_near else PARTS[self.parts[sequence]]

    @cached_property
    def example(self) -> dict[int, str]:
        """One id of each sequence."""
        return {sequence: name for name, sequence in reversed(self.names.items())}

    def _reason(self, row: int) -> str:
        if row in self.pairs.problems:
            return self.pairs.problems[row]
        sequences = self.sequences_of_rows[row].tolist()
        a, b = sorted(self.parts[sequences])
        if a != b:
            return f"proteins of two parts: {PARTS[a]} and {PARTS[b]}"
        for name, place in zip(self.pairs.ids[row], sequences, strict=True):
            if place in self.too_near:
                other, similarity = self.too_near[place]
                return (f"{name} is excluded: similar to {self.example[other]} of {PARTS[self.parts[other]]} "
                        f"({self.search.measure}: {similarity:.2f})")
        return ""


def check_fractions(fractions: Sequence[float]) -> tuple[float, ...]:
    """Three shares that add up to 1.

    Raises
    ------
    UserError
        If they are not, or fewer than two parts would get any pairs.
    """
    right = len(fractions) == len(PARTS) and min(fractions) >= 0 and abs(sum(fractions) - 1) < 1e-6
    if not right or not fractions[0] or max(fractions) == 1:
        raise UserError(
            f"--fractions is {','.join(f'{share:g}' for share in fractions)}.",
            hint="Give the shares of training, validation and test, which add up to 1: 0.65,0.1,0.25. "
            "Validation or test may be 0.",
        )
    return tuple(fractions)


def split_pairs(
    pairs: PairFile,
    search: Search,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    report: Report = silent,
) -> Split:
    """Divide pairs so that similar proteins are in one part.

    Proteins are clustered by similarity, whole clusters go to one part, and a pair follows its two proteins;
    pairs of two parts are set aside. A second, more thorough search then excludes proteins of validation and
    test that are still similar to a protein of another part, with their pairs.

    Parameters
    ----------
    pairs : PairFile
    search : Search
    fractions : sequence of float
        Wished shares of the pairs kept.
    seed : int
        Same input, method and seed: same split.
    report : Report

    Raises
    ------
    PairError
        If no pair has two sequences.
    UserError
        If the fractions are wrong or the search fails.
    """
    fractions = check_fractions(fractions)
    if not pairs.usable.any():
        raise PairError(f"No pair of {pairs.name} has a sequence for both proteins.",
                        hint="Give the proteins with --sequences.")
    places: dict[str, int] = {}
    rows = number_sequences(pairs.table, places)
    sequences = list(places)
    stage = f"searching {len(sequences):,} proteins, step"
    report(stage, 0, 1 + ATTEMPTS)
    clusters = cluster(len(sequences), search.find(sequences, sequences))
    linked = clusters[rows[pairs.usable]]
    n_clusters = int(clusters.max()) + 1
    wanted, best, attempts = np.array(fractions), np.inf, 0
    while best > NEAR_ENOUGH and attempts < ATTEMPTS:
        attempts += 1
        report(stage, attempts, 1 + ATTEMPTS)
        dealt = assign_clusters(linked[:, 0], linked[:, 1], tuple(wanted), n=n_clusters, seed=seed)[clusters]
        left = _too_near(sequences, dealt, search)
        shares = _shares(dealt, left, rows[pairs.usable])
        if (distance := np.abs(shares - fractions).max()) < best:
            best, parts, too_near = distance, dealt, left
        # What a part lost to the exclusion it gets in advance the next time, within reason.
        wanted = wanted * np.clip(fractions / np.maximum(shares, 1e-9), 0.5, 2)
        wanted /= wanted.sum()
    report(stage, 1 + ATTEMPTS, 1 + ATTEMPTS)
    names = {name: places[pairs.table.proteins[name].sequence]
             for name in pairs.ids[pairs.usable].ravel().tolist()}
    return Split(pairs, rows, names, clusters, parts, too_near, search, fractions, seed)


def _too_near(sequences: list[str], parts: np.ndarray, search: Search) -> dict[int, tuple[int, float]]:
    """Sequences of validation and test that are similar to one of another part, with the most similar one."""
    held_out = np.flatnonzero(parts != 0)
    if not len(held_out):
        return {}
    hits = search.find([sequences[place] for place in held_out], sequences, thorough=True)
    queries = held_out[hits.query]
    across = np.flatnonzero(parts[queries] != parts[hits.target])
    found: dict[int, tuple[int, float]] = {}
    for hit in across.tolist():
        query, target, similarity = int(queries[hit]), int(hits.target[hit]), float(hits.similarity[hit])
        # A hit need not be found both ways.
        for one, other in ((query, target), (target, query)):
            if parts[one] and similarity > found.get(one, (0, 0.0))[1]:
                found[one] = other, similarity
    return found


def _shares(parts: np.ndarray, too_near: Collection[int], rows: np.ndarray) -> np.ndarray:
    """Share of each part in the pairs kept; shape (3,)."""
    fine = np.ones(len(parts), bool)
    fine[list(too_near)] = False
    kept = rows[fine[rows].all(axis=1) & (parts[rows[:, 0]] == parts[rows[:, 1]])]
    counts = np.bincount(parts[kept[:, 0]], minlength=len(PARTS))
    return counts / max(counts.sum(), 1)
