"""DeepSHAP and Integrated Gradients of the dense network (AE_DNN; Lundberg 2017, arXiv 1705.07874)."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import torch
from torch import Tensor

from esm2amp_core.explain.second_model import SecondModelExplainer, mean_of_orders, mean_sizes, signed_sums
from esm2amp_core.explain.subject import PairFeatures
from esm2amp_core.explanations import Explanation
from esm2amp_core.progress import Report, silent
from esm2amp_core.surrogates import NETWORK
from esm2amp_core.surrogates.network import DenseNetwork
from esm2amp_core.surrogates.surrogate import swapped

STEPS = 128
"""Of Integrated Gradients, as midpoints of equal stretches."""
AT_ONCE = 4_096
"""Points of their paths that the network reads at once."""


class DeepShap(SecondModelExplainer):
    """Attributions of the network's logit, grouped by token.

    ``values`` (pairs, tokens): DeepSHAP against the training pairs kept with the network, summed over a
    token's compressed numbers; ``magnitude`` the mean of their sizes, as published. Base value + sum over
    tokens = the network's logit, the mean of both orders. ``arrays`` holds ``integrated_gradients`` and
    ``integrated_gradients_magnitude`` (N, 2T), from the mean of the same training pairs.
    """

    method = "deep_shap"
    kind = NETWORK

    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """See `Explainer.explain`."""
        import shap  # three seconds and 300 MB

        # A copy of its own: DeepSHAP leaves hooks behind where it is stopped.
        network = deepcopy(self.surrogate.network).cpu().requires_grad_(True)
        background = torch.from_numpy(self.surrogate.background)
        baseline = background.mean(dim=0)
        explainer = shap.DeepExplainer(deepcopy(network), background)
        base = self.surrogate.outputs(self.surrogate.background).mean()
        at_baseline = float(network(baseline).detach())
        found: dict[str, list[np.ndarray]] = {
            name: [] for name in ("value", "magnitude", "gradients", "gradients_magnitude", "outputs")
        }
        for rows in self.batches(pairs, "DeepSHAP", report):
            both = torch.from_numpy(np.concatenate([rows, swapped(rows)]))
            shares = explainer.shap_values(both, check_additivity=False)[..., 0]
            gradients = integrated_gradients(network, both, baseline).numpy()
            for name, attributions in (("value", shares), ("gradients", gradients)):
                mean = mean_of_orders(*np.split(attributions, 2))  # (n, 2T * latent)
                found[name].append(signed_sums(mean, self.n_tokens))
                sizes = "magnitude" if name == "value" else "gradients_magnitude"
                found[sizes].append(mean_sizes(mean, self.n_tokens))
            found["outputs"].append(self.surrogate.symmetric_outputs(rows))
        value, magnitude, ig, ig_magnitude, outputs = map(np.concatenate, found.values())
        return Explanation(
            self.method, value, (self.pair_axis(pairs), self.token_axis), value=value, magnitude=magnitude,
            base_values=np.full(len(pairs), base), outputs=outputs,
            arrays={"integrated_gradients": ig, "integrated_gradients_magnitude": ig_magnitude},
            checks={
                "additivity_gap": np.abs(base + value.sum(axis=1) - outputs),
                "integrated_gradients_gap": np.abs(at_baseline + ig.sum(axis=1) - outputs),
            },
            settings={"scale": "logit of the network", "background_rows": len(background),
                      "steps": STEPS, **self.about()},
        )  # fmt: skip


def integrated_gradients(network: DenseNetwork, rows: Tensor, baseline: Tensor) -> Tensor:
    """Integrated Gradients of the logits (Sundararajan et al. 2017, arXiv 1703.01365).

    Parameters
    ----------
    network : DenseNetwork
    rows : Tensor, shape=(N, inputs)
    baseline : Tensor, shape=(inputs,)

    Returns
    -------
    Tensor, shape=(N, inputs)
    """
    steps = (torch.arange(STEPS) + 0.5) / STEPS
    parts = []
    for some in rows.split(max(1, AT_ONCE // STEPS)):
        way = some - baseline                                                    # (n, inputs)
        points = (baseline + steps[:, None, None] * way).requires_grad_()        # (steps, n, inputs)
        (gradients,) = torch.autograd.grad(network(points).sum(), points)
        parts.append((gradients.mean(dim=0) * way).detach())
    return torch.cat(parts)
