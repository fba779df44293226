"""How good predictions are, and how far their probabilities may be trusted."""

from __future__ import annotations

import numpy as np
from sklearn import metrics

from esm2amp_core.calibration import fit_temperature  # noqa: F401


def measure(labels: np.ndarray, probabilities: np.ndarray, *, threshold: float = 0.5) -> dict[str, float]:
    """Figures of a binary prediction.

    Parameters
    ----------
    labels : ndarray, dtype=int, shape=(N,)
        1 for pairs that interact, 0 for the others; both occur.
    probabilities : ndarray, dtype=float, shape=(N,)
    threshold : float
        Probability from which a pair is called interacting.

    Returns
    -------
    dict of str to float
        ``n_pairs``, ``n_positive``, ``auroc``, ``aupr``, ``accuracy``, ``mcc``, ``f1``, ``precision``,
        ``recall``, ``specificity``, ``balanced_accuracy``, ``brier``.

    Raises
    ------
    ValueError
        If only one label occurs or a probability is missing.
    """
    if len(np.unique(labels)) != 2:
        raise ValueError("Ranking figures need pairs of both labels.")
    calls = (probabilities >= threshold).astype(int)
    return {
        "n_pairs": len(labels),
        "n_positive": int(np.sum(labels)),
        "auroc": float(metrics.roc_auc_score(labels, probabilities)),
        "aupr": float(metrics.average_precision_score(labels, probabilities)),
        "accuracy": float(metrics.accuracy_score(labels, calls)),
        "mcc": float(metrics.matthews_corrcoef(labels, calls)),
        "f1": float(metrics.f1_score(labels, calls, zero_division=0.0)),
        "precision": float(metrics.precision_score(labels, calls, zero_division=0.0)),
        "recall": float(metrics.recall_score(labels, calls)),
        "specificity": float(metrics.recall_score(labels, calls, pos_label=0)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(labels, calls)),
        "brier": float(metrics.brier_score_loss(labels, probabilities)),
    }


def log_loss(labels: np.ndarray, logits: np.ndarray) -> float:
    """Mean binary cross-entropy of logits, in nats; both arrays of shape (N,)."""
    return float(np.mean(np.logaddexp(0.0, logits) - labels * logits))
