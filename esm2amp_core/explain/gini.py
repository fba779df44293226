"""Gini importance of the forest (AE_RF)."""

from __future__ import annotations

import numpy as np

from esm2amp_core.explain.second_model import SecondModelExplainer, mean_of_orders, mean_sizes, signed_sums
from esm2amp_core.explain.subject import PairFeatures
from esm2amp_core.explanations import Explanation
from esm2amp_core.progress import Report, silent
from esm2amp_core.surrogates import FOREST


class Gini(SecondModelExplainer):
    """How much splits on a token's numbers lowered the forest's impurity, over all training pairs.

    ``values`` (tokens): the token's share, the mean of both orders; the shares add up to 1. They are the same
    for every pair. ``magnitude`` is the mean over a token's numbers, as published.
    """

    method = "gini"
    kind = FOREST

    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """See `Explainer.explain`."""
        report("Gini importance", 0, 1)
        importances = self.surrogate.forest.feature_importances_[None, :]  # (1, 2T * latent)
        shared = mean_of_orders(importances, importances)
        shares, N = signed_sums(shared, self.n_tokens), len(pairs)
        report("Gini importance", 1, 1)
        return Explanation(
            self.method, shares[0], (self.token_axis,), value=np.repeat(shares, N, axis=0),
            magnitude=np.repeat(mean_sizes(shared, self.n_tokens), N, axis=0),
            settings={"scale": "share of the impurity that the forest's splits removed", **self.about()},
        )  # fmt: skip
