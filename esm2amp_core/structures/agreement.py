"""Are important residues those that touch the partner, and could that be chance?

Chance is what shuffling within each protein gives: the segments that have residues in the structure change
places; single residues are rotated along the chain, since neighbours share both importance and contacts.
Residues without coordinates, of which nobody knows whether they touch, take no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from esm2amp_core.structures.alignment import ChainFit
from esm2amp_core.structures.importance import Importance

N_SHUFFLINGS = 2_000
TOP_SEGMENTS, TOP_SHARE = 3, 0.1
"""Of each protein's segments, or residues, in the structure."""
COLUMNS = ("method", "protein", "interface_residues", "residues_seen", "auroc", "auroc_p",
           "interface_among_top_percent", "expected_percent", "top_p")
MIN_RESIDUES = 5
"""On the interface, and off it; fewer tell nothing."""


@dataclass(frozen=True)
class Agreement:
    """How a method's importance and the interface of one protein agree.

    Attributes
    ----------
    auroc : float
        That a residue of the interface is more important than one that is none (0.5: neither).
    auroc_p : float
        Two-sided, by shuffling.
    top, expected : float
        Share of interface residues among the most important residues, and on average over shufflings.
    top_p : float
    n_interface, n_seen : int
        Residues.
    """

    auroc: float
    auroc_p: float
    top: float
    expected: float
    top_p: float
    n_interface: int
    n_seen: int


def agreement(
    importance: Importance, protein: int, fit: ChainFit, touching: np.ndarray, *,
    n_shufflings: int = N_SHUFFLINGS, seed: int = 0,
) -> Agreement | None:
    """Compare one protein's importance, by its magnitude, with its interface.

    Parameters
    ----------
    importance : Importance
    protein : int
        0 for A, 1 for B.
    fit : ChainFit
    touching : ndarray, dtype=bool, shape=(R,)
        Residues of the chain that touch the partner.
    n_shufflings, seed : int

    Returns
    -------
    Agreement or None
        None where `silence` tells why.
    """
    if silence(importance, protein, fit, touching):
        return None
    at, values, labels = _seen(importance, protein, fit, touching)
    n_interface = int(labels.sum())
    _, units = np.unique(importance.units(protein)[at], return_inverse=True)
    of_unit = np.zeros(units.max() + 1)
    of_unit[units] = values
    n_top = TOP_SEGMENTS if importance.by_segment else max(1, round(TOP_SHARE * len(of_unit)))
    shuffled = _shuffled(of_unit, importance.by_segment, n_shufflings, np.random.default_rng(seed))
    everything = np.vstack([of_unit, shuffled])  # (1 + R, units), the finding first
    auroc = _aurocs(everything[:, units], labels)
    top = _top_shares(everything, units, labels, n_top)
    return Agreement(float(auroc[0]), _p_value(auroc), float(top[0]), float(top[1:].mean()), _p_value(top),
                     n_interface, len(labels))


def silence(importance: Importance, protein: int, fit: ChainFit, touching: np.ndarray) -> str:
    """Why `agreement` has no answer for a protein, in words; empty where it has one.

    That is so where the interface, or what is not interface, has fewer than `MIN_RESIDUES` residues, or all
    residues are equally important. Parameters as for `agreement`.
    """
    _, values, labels = _seen(importance, protein, fit, touching)
    for n, words in ((int(labels.sum()), "touch"), (int((~labels).sum()), "do not touch")):
        if n < MIN_RESIDUES:
            return f"{n} of its residues {words} the partner; {MIN_RESIDUES} are needed"
    if np.ptp(values) > 0:
        return ""
    in_one = importance.by_segment and len(set(importance.units(protein)[fit.positions[fit.placed]])) == 1
    return "all that the structure shows of it " + (
        "lies in one segment" if in_one else "is equally important")


def _seen(
    importance: Importance, protein: int, fit: ChainFit, touching: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residues with coordinates and importance, by place: index, magnitude, on the interface?"""
    order = np.argsort(fit.positions[fit.placed], kind="stable")
    at = fit.positions[fit.placed][order]
    values, labels = importance.magnitudes[protein][at], touching[fit.placed][order]
    known = ~np.isnan(values)
    return at[known], values[known], labels[known]


def agreement_table(
    importances: Sequence[Importance], fits: Sequence[ChainFit], touching: Sequence[np.ndarray]
) -> pd.DataFrame:
    """One line per method and protein, `COLUMNS`; methods without an answer are left out."""
    rows = []
    for importance in importances:
        for protein, (fit, mask) in enumerate(zip(fits, touching, strict=True)):
            if found := agreement(importance, protein, fit, mask):
                rows.append((importance.title, "AB"[protein], found.n_interface, found.n_seen, found.auroc,
                             found.auroc_p, 100 * found.top, 100 * found.expected, found.top_p))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _shuffled(values: np.ndarray, by_segment: bool, n: int, random: np.random.Generator) -> np.ndarray:
    """Numbers of the units, `n` times in other places: (n, units)."""
    if by_segment:
        return random.permuted(np.tile(values, (n, 1)), axis=1)
    turns = random.integers(0, len(values), n)
    return values[(np.arange(len(values)) + turns[:, None]) % len(values)]


def _aurocs(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each row, ties counted half: (R, n), (n,) -> (R,)."""
    n, m = int(labels.sum()), int((~labels).sum())
    aurocs = np.empty(len(values))
    for begin in range(0, len(values), 200):  # ranks of all rows at once would take much memory
        ranks = rankdata(values[begin : begin + 200], axis=1)
        aurocs[begin : begin + 200] = (ranks[:, labels].sum(axis=1) - n * (n + 1) / 2) / (n * m)
    return aurocs


def _top_shares(values: np.ndarray, units: np.ndarray, labels: np.ndarray, n_top: int) -> np.ndarray:
    """Share of interface among the residues of the first `n_top` units of each row: (R, units) -> (R,)."""
    n_residues = np.bincount(units)
    n_touching = np.bincount(units, weights=labels)
    top = np.argsort(-values, axis=1, kind="stable")[:, :n_top]
    return n_touching[top].sum(axis=1) / n_residues[top].sum(axis=1)


def _p_value(found: np.ndarray) -> float:
    """How often a shuffling is as far from the mean of all as the finding, which is the first of them.

    One is added to both counts: the finding is one way to shuffle.
    """
    away = np.abs(found - found.mean())
    return float((np.sum(away[1:] >= away[0] - 1e-12) + 1) / len(found))
