"""What the scores of a model tell apart: kinds of proteins, single proteins, or partners of one kind.

Two kinds are enough to ask: proteins with a stretch that probably spans a membrane, and the others. A stretch
is 19 residues of mean hydropathy above 1.6: Kyte and Doolittle, J Mol Biol 1982,
doi 10.1016/0022-2836(82)90515-0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsqr
from sklearn.metrics import roc_auc_score

from esm2amp_core.training.pretraining.environment import HYDROPATHY, LETTERS

STRETCH, SPANNING = 19, 1.6
COMBINATIONS = ("neither", "one", "both")
"""How many of a pair's proteins have such a stretch: 0, 1, 2."""
_DAMPING = 1e-3  # for proteins of one pair, whose term the pair decides alone
_NUMBER = np.full(256, len(LETTERS))
_NUMBER[np.frombuffer(LETTERS.encode(), dtype=np.uint8)] = np.arange(len(LETTERS))


@dataclass(frozen=True)
class Kinds:
    """How far kinds of proteins explain the scores of some pairs.

    Attributes
    ----------
    n_pairs : int
    auroc : float
        Of the scores.
    auroc_of_kind : float
        Of one bit in their place: 1 where both proteins are of one kind.
    within : dict of str to dict
        For each of `COMBINATIONS`: ``n_pairs``, ``n_positive`` and ``auroc`` of the scores of these pairs.
    explained_by_proteins : float
        Share of the logits' variance that a sum of one term per protein explains, for the number of terms
        corrected (adjusted R²).
    auroc_of_proteins : float
        Of that sum. The terms are fitted to these very logits, but see no label.

    A figure that so few pairs cannot give is None.
    """

    n_pairs: int
    auroc: float | None
    auroc_of_kind: float | None
    within: dict[str, dict[str, float | None]]
    explained_by_proteins: float | None
    auroc_of_proteins: float | None


def spans_membrane(sequence: str) -> bool:
    """True where 19 residues in a row have a mean hydropathy above 1.6."""
    hydropathy = HYDROPATHY[_NUMBER[np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)]]
    if len(hydropathy) < STRETCH:
        return False
    mean = np.convolve(hydropathy, np.full(STRETCH, 1 / STRETCH), mode="valid").max()
    return bool(round(mean, 6) > SPANNING)  # the scale has one decimal: exactly 1.6 occurs


def measure_kinds(labels: np.ndarray, logits: np.ndarray, index: np.ndarray, spanning: np.ndarray) -> Kinds:
    """Ask of scored pairs what the scores tell apart.

    Parameters
    ----------
    labels : ndarray, dtype=int, shape=(N,)
    logits : ndarray, dtype=float, shape=(N,)
    index : ndarray, dtype=int, shape=(N, 2)
        The two proteins of each pair, as positions in `spanning`.
    spanning : ndarray, dtype=bool, shape=(P,)
        What `spans_membrane` says of each protein.
    """
    how_many, terms = spanning[index].sum(axis=1), protein_terms(logits, index)
    rest, total = ((logits - terms) ** 2).sum(), ((logits - logits.mean()) ** 2).sum()
    freedom = len(logits) - len(np.unique(index)) - 1
    within = {
        name: {"n_pairs": int(rows.sum()), "n_positive": int(labels[rows].sum()),
               "auroc": _auroc(labels[rows], logits[rows])}
        for number, name in enumerate(COMBINATIONS) if (rows := how_many == number).any()
    }  # fmt: skip
    return Kinds(
        len(logits), _auroc(labels, logits), _auroc(labels, how_many != 1), within,
        explained_by_proteins=float(1 - rest / total * (len(logits) - 1) / freedom) if freedom > 0 else None,
        auroc_of_proteins=_auroc(labels, terms),
    )  # fmt: skip


def protein_terms(logits: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The sum of one number per protein that comes nearest to the logits: ndarray, shape=(N,)."""
    proteins, columns = np.unique(index, return_inverse=True)
    rows, shape = np.repeat(np.arange(len(logits)), 2), (len(logits), len(proteins))
    design = sparse.csr_array((np.ones(len(rows)), (rows, columns.ravel())), shape=shape)
    mean = logits.mean()
    return design @ lsqr(design, logits - mean, damp=_DAMPING)[0] + mean


def _auroc(labels: np.ndarray, scores: np.ndarray) -> float | None:
    return float(roc_auc_score(labels, scores)) if len(np.unique(labels)) == 2 else None
