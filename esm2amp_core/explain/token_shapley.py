"""Shapley values of a pair's tokens: the classifier itself, asked with tokens left out."""

from __future__ import annotations

import numpy as np

from esm2amp_core.explain import shapley
from esm2amp_core.explain.base import Explainer
from esm2amp_core.explain.coalitions import STAGE, Game
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explanations import Explanation
from esm2amp_core.progress import Report, silent

DRAWN_CPU, DRAWN_ACCELERATOR = 4_096, 16_384
"""Coalitions per pair where all are too many."""


class TokenShapley(Explainer):
    """What each token adds to the logit, and what two of them add together.

    ``values`` (pairs, tokens): Shapley values. The logit of the baseline pair plus their sum is the pair's
    logit. ``arrays``: ``interactions`` (N, 2T, 2T), Shapley interaction indices, symmetric, diagonal 0;
    ``standard_errors`` (N, 2T) and ``interaction_errors`` (N, 2T, 2T), 0 where all coalitions were taken.

    All coalitions are taken where that is cheap (`siamese`, `mean`, few tokens) or the classifier runs on
    an accelerator, and there are at most 2^20; otherwise `DRAWN_CPU` or `DRAWN_ACCELERATOR` of them, the
    same ones for every pair. `ExplainSettings.coalitions` says otherwise.

    Tokens that are left out of a mean leave the others a larger share of it: a token without any influence
    of its own can have a small value.
    """

    method = "token_shapley"

    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """See `Explainer.explain`."""
        n = len(self.subject.token_names)
        n_coalitions = n_taken(self.subject, self.settings.coalitions)
        is_exact = n_coalitions == 2**n and n <= shapley.MOST_PLAYERS
        design = None if is_exact else shapley.Design.draw(n, n_coalitions, seed=self.settings.seed)
        present = shapley.all_coalitions(n) if design is None else design.present
        found = []
        for i in range(len(pairs)):
            report(STAGE, i * len(present), len(pairs) * len(present))

            def told(stage: str, done: int, _: int, i: int = i) -> None:
                report(stage, i * len(present) + done, len(pairs) * len(present))

            values = Game(self.subject, pairs, i).values(present, told)
            found.append(shapley.exact(values) if design is None else design.solve(values))
        value = np.array([one.values for one in found]).reshape(-1, n)
        base, output = (np.array([getattr(one, name) for one in found]) for name in ("base", "output"))
        arrays = {
            "interactions": np.array([one.interactions for one in found]),
            "standard_errors": np.array([one.value_errors for one in found]),
            "interaction_errors": np.array([one.interaction_errors for one in found]),
        }
        return Explanation(
            self.method, value, (self.pair_axis(pairs), self.token_axis), value, np.abs(value),
            base_values=base, outputs=output, arrays=arrays,
            checks={
                "efficiency_gap": np.abs(base + value.sum(axis=1) - output),
                "standard_error": arrays["standard_errors"].max(axis=1),
                "interaction_standard_error": arrays["interaction_errors"].max(axis=(1, 2)),
            },
            settings={"scale": "logit", "baseline": self.subject.baseline_words,
                      "coalitions": len(present), "exact": design is None, "seed": self.settings.seed},
        )  # fmt: skip


def n_taken(subject: Subject, wanted: int) -> int:
    """How many coalitions of a pair's tokens are taken; `wanted` as in `ExplainSettings.coalitions`."""
    n, on_cpu = len(subject.token_names), subject.device.type == "cpu"
    if not wanted:
        affordable = n <= shapley.MOST_PLAYERS and (subject.bundle.classifier.subsets_are_cheap or not on_cpu)
        wanted = 2**n if affordable else DRAWN_CPU if on_cpu else DRAWN_ACCELERATOR
    return min(2**n, wanted)
