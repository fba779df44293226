"""A pair beside its own null: how would it score, and be explained, if one protein were a meaningless one?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.errors import SequenceError
from esm2amp_core.explain import resolve
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explanation_tests.controls import CONTROLS, Controls
from esm2amp_core.explanation_tests.p_values import empirical_p
from esm2amp_core.progress import Report, silent
from esm2amp_core.sequences import Protein

CHEAP = ("attention", "integrated_gradients")
"""Methods that take well below a second per pair: only these are computed for the controls."""
MOST_EXPLAINED = 25
"""Controls of each kind that are explained: gradients of a transformer take a third of a second each."""
RESIDUES_PER_1000 = {
    "A": 78.05, "C": 19.25, "D": 53.64, "E": 62.95, "F": 38.56, "G": 73.77, "H": 21.99, "I": 51.42,
    "K": 57.44, "L": 90.19, "M": 22.43, "N": 44.87, "P": 52.03, "Q": 42.64, "R": 51.29, "S": 71.20,
    "T": 58.41, "V": 64.41, "W": 13.30, "Y": 32.16,
}  # fmt: skip
"""Composition of natural proteins, as BLAST assumes it: Robinson and Robinson, PNAS 1991;88:8880,
doi 10.1073/pnas.88.20.8880."""


def run_controls(
    subject: Subject,
    pairs: PairFeatures,
    methods: Sequence[str] = (),
    settings: ExplainSettings | None = None,
    report: Report = silent,
    n: int = 50,
) -> Controls:
    """Score and explain `CONTROLS` of one pair.

    Parameters
    ----------
    subject : Subject
        With its embedder.
    pairs : PairFeatures
        One pair.
    methods : sequence of str
        Those of `CHEAP` among them that can explain the model are computed for the controls too.
    settings : ExplainSettings, optional
    report : Report
    n : int
        Controls of each kind.

    Raises
    ------
    ValueError
        If there is not one pair, or no embedder.
    SequenceError
        If the language model cannot read a control.
    """
    if len(pairs) != 1 or subject.embedder is None:
        raise ValueError(f"Controls are for one pair and need an embedder; {len(pairs)} pairs were given.")
    settings = settings or ExplainSettings()
    null = _null_pairs(subject, pairs.pair(0), n, settings.seed, report)
    (logit,), null_logits = _logits(subject, pairs), _logits(subject, null).reshape(len(CONTROLS), n)
    used = [method for method in CHEAP if method in methods and not resolve(method).why_not(subject)]
    C, T, explained = len(CONTROLS), len(subject.token_names), min(n, MOST_EXPLAINED)
    few = null.select(np.arange(C * n).reshape(C, n)[:, :explained].ravel())
    sizes, largest = np.empty((len(used), T)), np.empty((len(used), C, explained))
    for k, method in enumerate(used):
        explainer = resolve(method)(subject, settings)
        sizes[k] = np.abs(explainer.explain(pairs).value[0])
        largest[k] = np.abs(explainer.explain(few, report).value).max(axis=1).reshape(C, explained)
    return Controls(
        tuple(CONTROLS), subject.token_names, tuple(used), float(logit),
        float(subject.bundle.probabilities(np.array([logit]))[0]),
        null_logits, subject.bundle.probabilities(null_logits.ravel()).reshape(null_logits.shape),
        empirical_p(np.array([logit]), null_logits)[:, 0], sizes, largest,
        empirical_p(sizes[:, None], largest),
    )  # fmt: skip


def _null_pairs(
    subject: Subject, pair: tuple[Protein, Protein], n: int, seed: int, report: Report
) -> PairFeatures:
    """All controls, those of one kind after those of another, in the order of `CONTROLS`."""
    a, b = pair
    null = [(a, other) for make in (shuffled, random_like) for other in _several(make, b, n, seed)]
    null += [(other, b) for make in (shuffled, random_like) for other in _several(make, a, n, seed)]
    features, failures = embed_pooled([p for both in null for p in both], subject.embedder, report=report)
    if failures:
        raise SequenceError(f"A control cannot be read: {next(iter(failures.values()))}")
    return PairFeatures.of(dict(enumerate(null)), features, subject.feature_set)


def _several(
    make: Callable[[Protein, np.random.Generator], Protein], protein: Protein, n: int, seed: int
) -> list[Protein]:
    """Stand-ins of a protein; its sequence and the seed decide which."""
    random = np.random.default_rng([seed, int(protein.digest[:15], 16)])
    return [make(protein, random) for _ in range(n)]


def shuffled(protein: Protein, random: np.random.Generator) -> Protein:
    """The same residues in random order."""
    letters = random.permutation(list(protein.sequence))
    return Protein(f"{protein.id} shuffled", "".join(letters))


def random_like(protein: Protein, random: np.random.Generator) -> Protein:
    """A protein of the same length with residues drawn as in natural proteins."""
    shares = np.array(list(RESIDUES_PER_1000.values()))
    letters = random.choice(list(RESIDUES_PER_1000), len(protein.sequence), p=shares / shares.sum())
    return Protein(f"random, {len(letters)} residues", "".join(letters))


def _logits(subject: Subject, pairs: PairFeatures) -> np.ndarray:
    a, b = pairs.values[pairs.index[:, 0]], pairs.values[pairs.index[:, 1]]
    return subject.bundle.logits(a, b)[0]
