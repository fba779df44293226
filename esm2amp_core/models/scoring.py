"""Scoring pairs in batches, so that a pair's score depends on the pair alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from esm2amp_core.models.classifier import Classifier

BATCH_PAIRS = 256


def score_pairs(
    classifier: Classifier, a: np.ndarray, b: np.ndarray, *, batch_pairs: int = BATCH_PAIRS
) -> tuple[np.ndarray, np.ndarray]:
    """Logits of both orders of each pair.

    Sums of floating-point numbers depend on their order, so even a symmetric classifier would give
    (A, B) and (B, A) scores that differ in the last digits. Hence each pair is first brought into
    an order that its contents decide, and pairs with the same contents are scored once.

    Parameters
    ----------
    classifier : Classifier
        In evaluation mode.
    a, b : ndarray, dtype=float32, shape=(N, T, D)

    Returns
    -------
    one_order, other_order : ndarray, dtype=float64, shape=(N,)
        Which order comes first is decided by the pair's contents; both are the same array if the
        classifier is symmetric.
    """
    a, b = (np.ascontiguousarray(side, dtype=np.float32) for side in (a, b))
    pairs, row_of = _distinct_pairs(a, b)  # (M, 2, T, D), (N,)
    one_order = _score(classifier, pairs, batch_pairs)
    if classifier.is_symmetric:
        return one_order[row_of], one_order[row_of]
    return one_order[row_of], _score(classifier, pairs[:, ::-1], batch_pairs)[row_of]


def _distinct_pairs(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct unordered pairs (M, 2, T, D), and which of them each input row is (N,)."""
    numbers: dict[bytes, int] = {}
    pairs, row_of = [], np.empty(len(a), dtype=np.int64)
    for row, sides in enumerate(zip(a, b, strict=True)):
        ordered = sorted(sides, key=np.ndarray.tobytes)
        key = b"".join(side.tobytes() for side in ordered)
        if key not in numbers:
            numbers[key] = len(pairs)
            pairs.append(np.stack(ordered))
        row_of[row] = numbers[key]
    return np.stack(pairs) if pairs else np.empty((0, 2, *a.shape[1:]), np.float32), row_of


@torch.inference_mode()
def _score(classifier: Classifier, pairs: np.ndarray, batch_pairs: int) -> np.ndarray:
    """Logits (M,) of pairs (M, 2, T, D), in the order in which each pair's proteins stand."""
    device = next(classifier.parameters()).device
    M, _, T, D = pairs.shape
    logits = np.empty(M)
    for start in range(0, M, batch_pairs):
        batch = np.ascontiguousarray(pairs[start : start + batch_pairs]).reshape(-1, 2 * T, D)
        scored: Tensor = classifier(torch.from_numpy(batch).to(device)).logits
        logits[start : start + batch_pairs] = scored.cpu().numpy()
    return logits


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow; missing stays missing."""
    return np.exp(-np.logaddexp(0.0, -x))
