"""Scoring pairs so that a pair's score depends on the pair alone, to the last digit.

A sum of floating-point numbers depends on the order of its terms, and matrix products order them by
the shape of the batch. Left alone, (A, B) and (B, A) would differ in the last digits even for a
symmetric classifier, and so would the same pair in a long and in a short table. Hence the contents of
a pair decide which protein stands first, and every batch has the same shape.
"""

from __future__ import annotations

import numpy as np
import torch

from esm2amp_core.models.classifier import Classifier

CPU_BATCH_PAIRS, ACCELERATOR_BATCH_PAIRS = 64, 512


def score_pairs(classifier: Classifier, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits of both orders of each pair.

    Parameters
    ----------
    classifier : Classifier
        In evaluation mode.
    a, b : ndarray, dtype=float32, shape=(N, T, D)

    Returns
    -------
    one_order, other_order : ndarray, dtype=float64, shape=(N,)
        The contents of a pair decide which order is the first. Equal if the classifier is symmetric.
    """
    device = next(classifier.parameters()).device
    size = CPU_BATCH_PAIRS if device.type == "cpu" else ACCELERATOR_BATCH_PAIRS
    N, T, D = a.shape
    orders = 1 if classifier.is_symmetric else 2
    logits = np.empty((orders, N))
    batch = torch.zeros(size, 2, T, D)  # the last rows stay as they are when fewer pairs are left
    for start in range(0, N, size):
        pairs = torch.from_numpy(_in_own_order(a[start : start + size], b[start : start + size]))
        batch[: len(pairs)] = pairs
        for order, dims in enumerate([(), (1,)][:orders]):
            scored = _logits(classifier, batch.flip(dims).flatten(1, 2).to(device))  # (size, 2T, D)
            logits[order, start : start + len(pairs)] = scored[: len(pairs)]
    return logits[0], logits[-1]


def _in_own_order(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pairs (N, 2, T, D) in which that protein stands first whose first differing number is the smaller."""
    flat_a, flat_b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    differing = (flat_a != flat_b).argmax(axis=1)[:, None]
    swap = np.take_along_axis(flat_a, differing, 1) > np.take_along_axis(flat_b, differing, 1)  # (N, 1)
    swap = swap[:, :, None]
    return np.stack([np.where(swap, b, a), np.where(swap, a, b)], axis=1).astype(np.float32, copy=False)


@torch.inference_mode()
def _logits(classifier: Classifier, tokens: torch.Tensor) -> np.ndarray:
    # On NVIDIA devices cuDNN would round a GRU's float32 inputs to 10 bits.
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        return classifier(tokens).logits.float().cpu().numpy()
