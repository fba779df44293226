"""Integrated Gradients on the tokens that a classifier reads (METHOD: ESM2_AMP, doi 10.1093/bib/bbaf434)."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from esm2amp_core.explain.base import Explainer
from esm2amp_core.explain.path import POINTS, RULE, checks, integrate
from esm2amp_core.explain.subject import PairFeatures
from esm2amp_core.explanations import Explanation
from esm2amp_core.progress import Report, silent

STAGE, MOST_STEPS = "Integrating gradients", 4_000


class IntegratedGradients(Explainer):
    """What each token moved the logit by, on the way from the average training protein to the pair.

    ``values`` (pairs, tokens): sum over a token's numbers, signed; all sums of a pair add up to its logit
    minus that of the baseline. ``magnitude``: mean without signs over a token's numbers, as published.
    ``checks``: ``completeness_gap`` (logits) is what the sums miss, ``steps`` the gradients taken,
    ``left_open`` 1 where these were too few for a gap under 1 % of the difference. Pairs are computed one by
    one, so that company changes no digit.
    """

    method = "integrated_gradients"

    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """See `Explainer.explain`."""
        subject, found = self.subject, []
        baseline = subject.baseline[None]
        for i in range(len(pairs)):
            report(STAGE, i, len(pairs))
            tokens = pairs.tokens([i]).to(subject.device)

            def logits(points: Tensor, i: int = i) -> Tensor:
                report(STAGE, i, len(pairs))  # it may be stopped here too: a pair can take seconds
                return subject.logits(points)

            path = integrate(logits, (tokens,), (baseline,), most_steps=MOST_STEPS, at_once=POINTS)
            found.append(path.summed())
        values, magnitudes = np.stack([path.attributions[0] for path in found], axis=1)  # (N, 2T) each
        return Explanation(
            self.method, values, (self.pair_axis(pairs), self.token_axis), value=values,
            magnitude=magnitudes,
            base_values=np.array([path.at_baseline for path in found]),
            outputs=np.array([path.at_input for path in found]),
            checks=checks(found),
            settings={"baseline": subject.baseline_words, "scale": "logit", "most_steps": MOST_STEPS,
                      "rule": RULE},
        )  # fmt: skip
