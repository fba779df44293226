"""Attention weights from the ordinary forward pass (METHOD: ESM2_AMP, doi 10.1093/bib/bbaf434)."""

from __future__ import annotations

import numpy as np
import torch

from esm2amp_core.explain.base import Explainer
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.progress import Report, silent

AT_ONCE = 64
"""Pairs per forward pass."""


class Attention(Explainer):
    """Weights of every layer and head, and what follows from them.

    ``values`` (pairs, layers, heads, tokens, tokens): row i says how much token i takes from each token;
    rows sum to 1. A token's importance is the weight it receives, averaged over queries, heads and layers.
    ``arrays`` holds ``rollout`` (N, 2T, 2T): the layers' head means multiplied up, each mixed half and half
    with the identity for the residual connection (Abnar and Zuidema 2020, doi 10.18653/v1/2020.acl-main.385).
    """

    method = "attention"

    @classmethod
    def why_not(cls, subject: Subject) -> str:
        """See `Explainer.why_not`."""
        if "heads" in subject.bundle.manifest.sizes:
            return ""
        return f"{subject.bundle.manifest.title} has no attention: only amps and amp_cse do."

    @torch.inference_mode()
    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """See `Explainer.explain`."""
        values = np.empty(0)
        for start in range(0, len(pairs), AT_ONCE):
            report("Reading attention", start, len(pairs))
            tokens = pairs.tokens(slice(start, start + AT_ONCE)).to(self.subject.device)
            weights = torch.stack(self.subject.bundle.classifier(tokens).attention, dim=1)
            if not start:  # room for all at once: of many pairs, a list of parts would be there twice
                values = np.empty((len(pairs), *weights.shape[1:]), np.float32)
            values[start : start + AT_ONCE] = weights.cpu().numpy()  # (n, layers, H, 2T, 2T)
        report("Reading attention", len(pairs), len(pairs))
        N, layers, heads, _, _ = values.shape
        received = values.mean(axis=(1, 2, 3), dtype=np.float64)  # (N, 2T)
        axes = (self.pair_axis(pairs), Axis("layers", tuple(range(1, layers + 1))),
                Axis("heads", tuple(range(1, heads + 1))), self.token_axis, self.token_axis)  # fmt: skip
        row_sums = values.sum(axis=-1, dtype=np.float64).reshape(N, -1)
        return Explanation(
            self.method, values, axes, value=received, magnitude=received,
            arrays={"rollout": rollout(values)},
            checks={"row_sum_error": np.abs(row_sums - 1).max(axis=1)},
            settings={"importance": "weight received, mean of queries, heads and layers"},
        )  # fmt: skip


def rollout(attention: np.ndarray) -> np.ndarray:
    """Attention (N, layers, heads, 2T, 2T) followed through the layers: ndarray, shape=(N, 2T, 2T)."""
    means = attention.mean(axis=2, dtype=np.float64)
    mixed = 0.5 * means + 0.5 * np.eye(means.shape[-1])
    followed = mixed[:, 0]
    for layer in range(1, mixed.shape[1]):
        followed = mixed[:, layer] @ followed
    return followed.astype(np.float32)
