"""Are important units on regions more often than chance would have it, and by how much?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.evaluation.intervals import LEVEL, Replicates, resample
from esm2amp_core.progress import Report, silent
from esm2amp_core.region_files import CHANCE
from esm2amp_core.regions.chance import chance
from esm2amp_core.regions.selection import Selection
from esm2amp_core.regions.units import Units

COLUMNS = ("selection", "against", "type", "n_units", "coverage", "reference", "difference", "difference_low",
           "difference_high", "ratio", "ratio_low", "ratio_high", "chance_low", "chance_high", "p_value",
           "q_value")
MIN_CARRIERS = 10
"""Fewer proteins with a region of a type, or pairs with such a protein, are no sample for an interval."""
_TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class Enrichment:
    """Coverage of the top and low units of a job against chance, and of the top against the low ones.

    Attributes
    ----------
    table : DataFrame
        `COLUMNS`, one line per comparison and type. ``coverage`` and ``reference`` are means over the chosen
        units in percent, ``difference`` is in percentage points, ``chance_low`` and ``chance_high`` hold 95 %
        of the differences that shuffling gives, ``q_value`` is not set yet.
    carriers : dict of str to int
        Per type, what an interval rests on: proteins with a region of it, or pairs with such a protein,
        whichever are fewer. Without at least `MIN_CARRIERS` there is no interval.
    exact : bool
        True if all ways to shuffle were gone through.
    n_shuffled : int
    """

    table: pd.DataFrame
    carriers: dict[str, int]
    exact: bool
    n_shuffled: int


def enrichment(
    units: Units, selections: Sequence[Selection], covered: np.ndarray, names: Sequence[str],
    proteins: np.ndarray, *, n_shufflings: int, n_resamples: int, seed: int, report: Report = silent,
) -> Enrichment:
    """Compare the coverage of chosen units with that of all units of the same proteins.

    The intervals are of pairs that share proteins, and on either side at least as wide as what shuffling
    reaches in 95 % of cases. Pairs drawn anew know only the pairs that there are: if few of them could have
    met a region and none did, they are all alike, and the interval would be a point beside 0. So an interval
    against chance leaves out 0 only where the p-value is below 0.05.

    Parameters
    ----------
    units : Units
    selections : (Selection, Selection)
        Top and low.
    covered : ndarray, shape=(U, T)
    names : sequence of str, length=T
    proteins : ndarray, dtype=int64, shape=(N, 2)
        The two proteins of each pair: intervals are of pairs that share proteins.
    n_shufflings, n_resamples : int
        For p-values, where not all ways can be gone through, and for the intervals.
    seed : int
    report : Report
    """
    total = np.array([len(selection.pair) for selection in selections], float)
    weights = np.stack([np.bincount(units.offsets[selection.protein] + selection.unit, minlength=len(covered))
                        for selection in selections], axis=1).astype(float)  # (U, V)
    shuffled = chance(units, weights, covered, n=n_shufflings, seed=seed, report=report)
    observed = weights.T @ covered  # (V, T)
    means, expected = observed / total[:, None], shuffled.expected / total[:, None]
    sums = _PairSums.of(units, selections, covered, proteins)
    n_carriers = carriers(units, covered, proteins)
    enough = n_carriers >= MIN_CARRIERS
    replicates = sums.resampled(n_resamples, seed, report) if enough.any() else None
    rows = []
    top, low = (selection.name for selection in selections)
    comparisons = [(top, CHANCE, [1, 0]), (low, CHANCE, [0, 1]), (top, low, [1, -1])]
    for name, against, contrast in comparisons:
        number = contrast.index(1)
        coverage, reference = means[number], expected[number] if against == CHANCE else means[1]
        per_unit = np.array(contrast) / total
        spread = shuffled.quantiles(_TAILS, per_unit)
        if against == CHANCE:  # a difference from the reference, as the finding is
            spread -= reference
        p_values, reach = shuffled.p_values(observed, per_unit), shuffled.reach(LEVEL, per_unit)
        for i, type_ in enumerate(names):
            ends = _intervals(replicates if enough[i] else None, f"{name}/{against}/{i}", coverage[i],
                              reference[i], reach[i])
            rows.append((name, against, type_, int(total[number]), 100 * coverage[i], 100 * reference[i],
                         *ends, *(100 * spread[:, i]), p_values[i], np.nan))
    return Enrichment(pd.DataFrame(rows, columns=list(COLUMNS)),
                      dict(zip(names, n_carriers.tolist(), strict=True)), shuffled.exact, len(shuffled.sums))


def corrected(p_values: pd.Series) -> np.ndarray:
    """Benjamini and Hochberg's correction of the p-values that there are (J. R. Stat. Soc. B 1995;57:289)."""
    from scipy.stats import false_discovery_control

    found = p_values.to_numpy(float).copy()
    known = ~np.isnan(found)
    if known.any():
        found[known] = false_discovery_control(found[known], method="bh")
    return found


def carriers(units: Units, covered: np.ndarray, proteins: np.ndarray) -> np.ndarray:
    """Proteins of pairs with a region of each type, or pairs with such a protein, if fewer: shape=(T,)."""
    carries = units.means(covered) > 0  # (P, T)
    in_use = np.unique(proteins)
    return np.minimum(carries[in_use].sum(axis=0), carries[proteins].any(axis=1).sum(axis=0))


def _intervals(
    replicates: Replicates | None, name: str, coverage: float, reference: float, reach: float
) -> tuple[float, ...]:
    """Difference in percentage points and ratio, each with its ends."""
    difference, ratio = coverage - reference, coverage / reference if reference > 0 else np.nan
    if replicates is None:
        return 100 * difference, np.nan, np.nan, ratio, np.nan, np.nan
    one = replicates.interval(f"{name}/difference", difference, low=-1, high=1)
    other = replicates.interval(f"{name}/ratio", ratio, low=0)
    away = reach / reference if reference > 0 else np.nan  # ratio - 1 is difference / reference
    return (
        100 * difference, 100 * max(-1.0, min(one.low, difference - reach)),
        100 * min(1.0, max(one.high, difference + reach)),
        ratio, max(0.0, min(other.low, ratio - away)), max(other.high, ratio + away),
    )  # fmt: skip


@dataclass(frozen=True)
class _PairSums:
    """Sums over the chosen units of each pair, from which the means of any resampled job follow.

    Attributes
    ----------
    names : tuple of str, length=V
        Of the selections.
    covered, expected : tuple of ndarray, shape=(N, T)
        Per selection: coverage found, and the mean coverage of the units of the same proteins.
    counts : tuple of ndarray, shape=(N, 1)
    proteins : ndarray, shape=(N, 2)
    """

    names: tuple[str, ...]
    covered: tuple[np.ndarray, ...]
    expected: tuple[np.ndarray, ...]
    counts: tuple[np.ndarray, ...]
    proteins: np.ndarray

    @classmethod
    def of(cls, units: Units, selections: Sequence[Selection], covered: np.ndarray, proteins: np.ndarray):
        means = units.means(covered)
        return cls(
            tuple(selection.name for selection in selections),
            tuple(selection.per_pair(covered[units.offsets[selection.protein] + selection.unit])
                  for selection in selections),
            tuple(selection.per_pair(means[selection.protein]) for selection in selections),
            tuple(selection.counts[:, None].astype(float) for selection in selections), proteins,
        )  # fmt: skip

    def resampled(self, n: int, seed: int, report: Report) -> Replicates:
        """Differences and ratios of pairs drawn anew, by protein and by pair."""
        stacked = np.hstack([np.hstack(group) for group in (self.covered, self.expected, self.counts)])
        T, V = self.covered[0].shape[1], len(self.names)

        def statistic(weights: np.ndarray) -> dict[str, np.ndarray]:
            sums = weights @ stacked  # (R, 2 V T + V)
            blocks = [sums[:, i * T : (i + 1) * T] for i in range(2 * V)]
            with np.errstate(divide="ignore", invalid="ignore"):
                means = [blocks[i] / sums[:, [2 * V * T + i % V]] for i in range(2 * V)]
                figures: dict[str, np.ndarray] = {}
                for v, name in enumerate(self.names):
                    _add(figures, f"{name}/{CHANCE}", means[v], means[V + v])
                _add(figures, "/".join(self.names), means[0], means[1])
            return figures

        return resample(statistic, self.proteins[:, 0], self.proteins[:, 1], n_resamples=n, seed=seed,
                        report=report)


def _add(figures: dict[str, np.ndarray], name: str, found: np.ndarray, reference: np.ndarray) -> None:
    for i in range(found.shape[1]):
        figures[f"{name}/{i}/difference"] = found[:, i] - reference[:, i]
        figures[f"{name}/{i}/ratio"] = found[:, i] / reference[:, i]
