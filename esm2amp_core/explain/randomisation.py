"""Would a method say the same of a model that learned nothing?

Adebayo et al., Sanity checks for saliency maps, 2018 (arXiv 1810.03292).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch

from esm2amp_core.explain import resolve
from esm2amp_core.explain.agreement import rank_correlation
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.second_model import SecondModelExplainer
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explanation_tests.randomisation import Randomisation
from esm2amp_core.explanations import Explanation
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.progress import Report, silent

MOST_PAIRS, SHUFFLES, COALITIONS = 5, 5, 1_000
"""What is enough to see whether two explanations are alike."""
STAGE = "Explaining shuffled models"


def check_randomisation(
    subject: Subject,
    pairs: PairFeatures,
    methods: Sequence[str],
    settings: ExplainSettings | None = None,
    report: Report = silent,
) -> Randomisation:
    """Explain copies of the model of which every weight matrix is shuffled, and compare.

    Only the first `MOST_PAIRS` pairs are used. The classifier itself is not changed.

    Parameters
    ----------
    subject : Subject
    pairs : PairFeatures
    methods : sequence of str
        Keys of `METHODS`.
    settings : ExplainSettings, optional
    report : Report
    """
    settings = replace(settings or ExplainSettings(), coalitions=COALITIONS)
    pairs = pairs.select(slice(0, MOST_PAIRS))
    reasons = {method: _why_not(method, subject) for method in methods}
    checked = [method for method in methods if not reasons[method]]
    found: dict[str, list[Explanation]] = {method: [] for method in checked}
    for draw in range(SHUFFLES + 1):
        model = _shuffled(subject, settings.seed, draw) if draw else subject
        for k, method in enumerate(checked):
            here = (STAGE, draw * len(checked) + k, (SHUFFLES + 1) * len(checked))
            report(*here)
            explainer = resolve(method)(model, settings)
            within = lambda *_, here=here: report(*here)  # noqa: E731  it may be stopped there too
            found[method].append(explainer.explain(pairs, within))
    unknown = np.full((SHUFFLES, len(pairs)), np.nan)
    correlations = [
        np.array([_compared(found[method], of) if method in found else unknown for method in methods])
        for of in (lambda explanation: np.abs(explanation.value), lambda explanation: explanation.magnitude)
    ]
    return Randomisation(tuple(methods), tuple(reasons.values()), pairs.rows, *correlations)


def _compared(explanations: Sequence[Explanation], of: Callable[[Explanation], np.ndarray]) -> np.ndarray:
    """Rank correlations (R, N) of the first explanation with each other one."""
    own, *others = map(of, explanations)
    return rank_correlation(own[None], np.array(others))


def _why_not(method: str, subject: Subject) -> str:
    explainer = resolve(method)
    if issubclass(explainer, SecondModelExplainer):
        return "It explains a second model, whose weights are not those of the classifier."
    if method == "residue_gradients":
        return "It is Integrated Gradients carried on to residues; these are checked."
    return explainer.why_not(subject)


def _shuffled(subject: Subject, seed: int, draw: int) -> Subject:
    """The same subject around a copy of the classifier with each of its tensors shuffled."""
    classifier = shuffle_weights(deepcopy(subject.bundle.classifier), seed=seed * SHUFFLES + draw)
    return Subject(replace(subject.bundle, classifier=classifier), subject.background, subject.embedder)


@torch.no_grad()
def shuffle_weights(classifier: Classifier, *, seed: int) -> Classifier:
    """Put the numbers of each weight tensor into random order, in place; their distribution stays."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in classifier.parameters():
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    return classifier
