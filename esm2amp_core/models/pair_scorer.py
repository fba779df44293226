"""Many proteins held in memory, and their pairs scored by index.

A pair's score depends on the pair alone, to the last digit. A sum of floating-point numbers depends on the
order of its terms, and matrix products order them by the shape of the batch. Left alone, (A, B) and (B, A)
would differ in the last digits even for a symmetric classifier, and so would the same pair in a long and in
a short table. Hence the contents of a pair decide which protein stands first, and every batch has the same
shape.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from esm2amp_core.models.classifier import Classifier
from esm2amp_core.models.pairwise import Known

CPU_BATCH_PAIRS, ACCELERATOR_BATCH_PAIRS = 64, 512
MAX_KNOWN_BYTES = 1_500_000_000
"""What may be kept of proteins beside their features. Where it would be more, nothing is kept: the work of
one protein is then done again for each of its pairs, a fourteenth of all in the published size."""
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class PairScorer:
    """Scores pairs of proteins whose features it holds; `ModelBundle.scorer` makes one.

    Parameters
    ----------
    classifier : Classifier
        In evaluation mode.
    features : ndarray, dtype=float32, shape=(N, T, D)
        Of every protein, tokens in the order of the classifier's feature set.
    probabilities : callable
        From logits to calibrated probabilities, in which orders are compared.
    precision : str
        ``float32`` or ``bfloat16``: of the matrix products, where the architecture has them in both.
    """

    def __init__(
        self,
        classifier: Classifier,
        features: np.ndarray,
        probabilities: Callable[[np.ndarray], np.ndarray],
        *,
        precision: str = "float32",
    ) -> None:
        self._device = next(classifier.parameters()).device
        self._tokens = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)).to(self._device)
        self._orders = 1 if classifier.is_symmetric else 2
        self._pairwise = classifier.pairwise(DTYPES[precision])
        self._probabilities = probabilities
        self._batch = CPU_BATCH_PAIRS if self._device.type == "cpu" else ACCELERATOR_BATCH_PAIRS
        self._rank = np.array(
            [int.from_bytes(blake2b(row, digest_size=8).digest()) for row in self._tokens.cpu().numpy()],
            dtype=np.uint64,
        )
        self._known: Known | None = None
        self._is_known = np.zeros(len(self), dtype=bool)

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def precision(self) -> str:
        """In which format the matrix products are computed."""
        return str(self._pairwise.dtype).removeprefix("torch.")

    def score(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score pairs: one logit per unordered pair.

        Parameters
        ----------
        first, second : ndarray, dtype=int64, shape=(M,)
            Rows of the features, from 0.

        Returns
        -------
        logits : ndarray, dtype=float64, shape=(M,)
            To the last digit the same for (first, second) and (second, first), in whatever batch. The mean
            of both orders where the classifier is not symmetric.
        order_difference : ndarray, dtype=float64, shape=(M,)
            How much the probabilities of the two orders differ; 0 where they cannot.

        Raises
        ------
        IndexError
            If there is no such row; negative ones count as none.
        ValueError
            If the two are not of one length.
        """
        one_order, other_order = self.in_both_orders(first, second)
        difference = np.abs(self._probabilities(one_order) - self._probabilities(other_order))
        return (one_order + other_order) / 2, difference

    @torch.inference_mode()
    def in_both_orders(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Logits of both orders of each pair; see `score`.

        Returns
        -------
        ndarray, dtype=float64, shape=(2, M)
            The contents of a pair decide which order is the first. Equal if the classifier is symmetric.
        """
        first, second = (np.asarray(rows, dtype=np.int64) for rows in (first, second))
        if first.shape != second.shape or first.ndim != 1:
            raise ValueError(f"Rows of shape {first.shape} and {second.shape} make no pairs.")
        pairs = np.stack([first, second])
        if pairs.size and not 0 <= pairs.min() <= pairs.max() < len(self):
            raise IndexError(f"Rows must lie in 0 to {len(self) - 1}.")
        swapped = self._rank[first] > self._rank[second]
        pairs[:, swapped] = pairs[::-1, swapped]
        self._learn(pairs)
        logits = np.empty((2, len(first)))
        # On NVIDIA devices cuDNN would round a GRU's float32 inputs to 10 bits.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            for rows in _whole_batches(len(first), self._batch):
                sides = [self._facts(side) for side in torch.from_numpy(pairs[:, rows]).to(self._device)]
                kept = slice(rows[0], rows[-1] + 1)
                for order in range(self._orders):
                    scored = self._pairwise.on_pairs(*(sides[::-1] if order else sides))
                    logits[order, kept] = scored.cpu().numpy()[: kept.stop - kept.start]
        if self._orders == 1:
            logits[1] = logits[0]
        return logits

    def _facts(self, rows: Tensor) -> Known:
        """What the classifier wants to know of some proteins."""
        tokens = (self._tokens[rows],) if self._pairwise.reads_tokens or self._known is None else ()
        if self._pairwise.per_protein is None:
            return tokens
        if self._known is None:
            known = self._pairwise.per_protein(tokens[0])
            return (*tokens, *known) if self._pairwise.reads_tokens else known
        return (*tokens, *(fact[rows] for fact in self._known))

    def _learn(self, pairs: np.ndarray) -> None:
        """Do the work of single proteins for those that are met for the first time."""
        new = np.unique(pairs)
        new = new[~self._is_known[new]]
        if self._pairwise.per_protein is None or not len(new):
            return
        for rows in _whole_batches(len(new), self._batch):
            found = self._pairwise.per_protein(self._tokens[torch.from_numpy(new[rows]).to(self._device)])
            if self._known is None:
                if len(self) * sum(fact[0].nbytes for fact in found) > MAX_KNOWN_BYTES:
                    return
                self._known = tuple(fact.new_empty(len(self), *fact.shape[1:]) for fact in found)
            for kept, fact in zip(self._known, found, strict=True):
                kept[new[rows]] = fact
        self._is_known[new] = True


def _whole_batches(length: int, size: int) -> list[np.ndarray]:
    """Positions 0 to `length` in batches of one shape: the last position fills the last one."""
    return [np.minimum(np.arange(start, start + size), length - 1) for start in range(0, length, size)]
