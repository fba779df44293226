"""TreeSHAP of the forest (AE_RF; Lundberg et al. 2020, doi 10.1038/s42256-019-0138-9)."""

from __future__ import annotations

import numpy as np

from esm2amp_core.explain.second_model import SecondModelExplainer, mean_of_orders, mean_sizes, signed_sums
from esm2amp_core.explain.subject import PairFeatures
from esm2amp_core.explanations import Explanation
from esm2amp_core.progress import Report, silent
from esm2amp_core.surrogates import FOREST
from esm2amp_core.surrogates.surrogate import swapped

INTERACTS = 1
"""The class whose probability is explained."""


class TreeShap(SecondModelExplainer):
    """Shapley values of the forest's probability, grouped by token.

    ``values`` (pairs, tokens): the sum over a token's compressed numbers; ``magnitude`` the mean of their
    sizes, as published. Base value + sum over tokens = the forest's probability, the mean of both orders.
    What is not known yet is averaged over the training pairs that a tree sent each way (path-dependent).
    """

    method = "tree_shap"
    kind = FOREST

    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """See `Explainer.explain`."""
        import shap  # three seconds and 300 MB

        explainer = shap.TreeExplainer(self.surrogate.forest, feature_perturbation="tree_path_dependent")
        base = float(np.asarray(explainer.expected_value)[INTERACTS])
        value, magnitude, outputs = [], [], []
        for rows in self.batches(pairs, "TreeSHAP", report):
            both = explainer.shap_values(np.concatenate([rows, swapped(rows)]), check_additivity=False)
            given, other = np.split(both[..., INTERACTS], 2)
            attributions = mean_of_orders(given, other)  # (n, 2T * latent)
            value.append(signed_sums(attributions, self.n_tokens))
            magnitude.append(mean_sizes(attributions, self.n_tokens))
            outputs.append(self.surrogate.symmetric_outputs(rows))
        found, answers = np.concatenate(value), np.concatenate(outputs)
        return Explanation(
            self.method, found, (self.pair_axis(pairs), self.token_axis), value=found,
            magnitude=np.concatenate(magnitude), base_values=np.full(len(pairs), base), outputs=answers,
            checks={"additivity_gap": np.abs(base + found.sum(axis=1) - answers)},
            settings={"scale": "forest probability", "perturbation": "tree_path_dependent", **self.about()},
        )  # fmt: skip
