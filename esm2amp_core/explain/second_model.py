"""What the explainers of a second model (AE_RF, AE_DNN) have in common."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from esm2amp_core.errors import BundleError
from esm2amp_core.explain.base import Explainer
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.progress import Report
from esm2amp_core.surrogates.autoencoder import pair_rows
from esm2amp_core.surrogates.card import why_unusable
from esm2amp_core.surrogates.surrogate import ForestSurrogate, NetworkSurrogate, load_surrogate, swapped

AT_ONCE = 8
"""Pairs between two reports."""


class SecondModelExplainer(Explainer):
    """Explains a second model, trained on the same pairs as the classifier.

    A forest and a dense network depend on the order of the two proteins. What is explained is the mean of
    both orders: what is found for (B, A) is put back to the tokens it belongs to, and averaged.
    """

    kind: ClassVar[str]

    @classmethod
    def why_not(cls, subject: Subject) -> str:
        """See `Explainer.why_not`; its files are opened too, so that a damaged one stops no other method."""
        if reason := why_unusable(cls.kind, subject.bundle):
            return reason
        try:
            load_surrogate(cls.kind, subject.bundle)
        except BundleError as error:
            return str(error)
        return ""

    @cached_property
    def surrogate(self) -> ForestSurrogate | NetworkSurrogate:
        """The second model, read and checked when first needed."""
        return load_surrogate(self.kind, self.subject.bundle)

    @property
    def n_tokens(self) -> int:
        """Of a pair: 2T."""
        return len(self.subject.token_names)

    def batches(self, pairs: PairFeatures, stage: str, report: Report) -> Iterator[np.ndarray]:
        """Compressed tokens (n, 2T * latent) of some pairs at a time."""
        latents = self.surrogate.autoencoder.encode_tokens(pairs.values)
        for start in range(0, len(pairs), AT_ONCE):
            report(stage, start, len(pairs))
            yield pair_rows(latents, pairs.index[start : start + AT_ONCE])
        report(stage, len(pairs), len(pairs))

    def about(self) -> dict[str, Any]:
        """Where the second model comes from and how good it is, for provenance."""
        card = self.surrogate.card
        return {"second_model": self.kind, "created": card.created, "files": dict(card.checksums),
                "learned": card.training.get("target", "labels"),
                "validation_auroc": card.metrics.get("validation", {}).get("auroc"),
                "agreement_with_classifier": card.metrics.get("agreement"), "orders": "mean of both"}


def mean_of_orders(given: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Attributions (n, 2T * latent) of both orders, those of the other one put back to their tokens."""
    return (given + swapped(other)) / 2


def signed_sums(attributions: np.ndarray, n_tokens: int) -> np.ndarray:
    """Sum over each token's numbers: (n, 2T * latent) to (n, 2T)."""
    return attributions.reshape(len(attributions), n_tokens, -1).sum(axis=2, dtype=np.float64)


def mean_sizes(attributions: np.ndarray, n_tokens: int) -> np.ndarray:
    """Mean |.| over each token's numbers, as published: (n, 2T * latent) to (n, 2T)."""
    return np.abs(attributions).reshape(len(attributions), n_tokens, -1).mean(axis=2, dtype=np.float64)
