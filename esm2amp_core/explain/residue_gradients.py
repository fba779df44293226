"""Integrated Gradients through the language model: what each residue moved the score by."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from esm2amp_core.explain.base import Explainer
from esm2amp_core.explain.path import PathSum, checks
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explain.two_part_path import RULE, integrate_through
from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.features import FeatureSet, token_stretch
from esm2amp_core.progress import Report, silent
from esm2amp_core.sequences import residue_number

STAGE, MOST_STEPS = "Following the score back to residues", 200
MOST_PASSES = 4 * MOST_STEPS
"""Of the language model: every step takes two, and stretches that are halved were computed for nothing."""
RESIDUES_AT_ONCE = {"cuda": 16_384, "mps": 1_024, "cpu": 1_024}
"""Of all steps computed together."""


class ResidueGradients(Explainer):
    """What each residue moved the logit by, on the way from two proteins of unknown residues to the pair.

    The path starts where every residue is what ESM-2 makes of ``<mask>``, its own word for unknown. Lengths,
    start and end stay. It leads to what the first layer reads of the two sequences, both at once, and the
    gradients go back through classifier, pooling and language model, which computes in float32.

    ``values`` (residues): sum over a residue's numbers, signed; a pair's sum is its logit minus that of the
    unknown proteins. The residues of all pairs follow each other; in ``arrays``, ``row_of_residue``,
    ``protein_of_residue`` (``A``, ``B``) and ``position_of_residue`` (from 1) tell whose they are, and
    ``magnitude_of_residue`` is the mean without signs over a residue's numbers. ``value`` and ``magnitude``
    of a token are the sums over the residues it stands for; ``cls`` and ``eos`` stand for none and get 0:
    what they carry comes from residues, and is theirs. ``checks`` as in `IntegratedGradients`.
    """

    method = "residue_gradients"

    @classmethod
    def why_not(cls, subject: Subject) -> str:
        """See `Explainer.why_not`."""
        if hasattr(subject.embedder, "states"):
            return ""
        return f"The language model of {subject.bundle.manifest.title} is not there, or has no gradients."

    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """See `Explainer.explain`."""
        embedder = self.subject.embedder.in_float32()
        found: list[PathSum] = []
        for i in range(len(pairs)):
            chains = [embedder.inputs(protein.sequence) for protein in pairs.pair(i)]
            given, masked = zip(*chains, strict=True)
            poolings = [pooling(self.subject.feature_set, one.shape[1] - 2).to(one.device) for one in given]
            n_done = 0

            def tokens(a: Tensor, b: Tensor, i: int = i, poolings: list[Tensor] = poolings) -> Tensor:
                """Tokens (B, 2T, D) that the classifier reads."""
                nonlocal n_done
                report(STAGE, i * MOST_PASSES + min(n_done, MOST_PASSES - 1), len(pairs) * MOST_PASSES)
                n_done += len(a)
                parts = [pool @ embedder.states(one) for pool, one in zip(poolings, (a, b), strict=True)]
                return torch.cat(parts, dim=1).to(self.subject.device)

            at_once = RESIDUES_AT_ONCE[embedder.device] // sum(states.shape[1] for states in given)
            path = integrate_through(tokens, self.subject.logits, given, masked, most_steps=MOST_STEPS,
                                     at_once=max(1, at_once))
            found.append(path.summed())
        report(STAGE, len(pairs) * MOST_PASSES, len(pairs) * MOST_PASSES)
        return self._explanation(pairs, found)

    def _explanation(self, pairs: PairFeatures, found: list[PathSum]) -> Explanation:
        chains = [(i, side, protein.sequence, path.attributions[which][:, 1:-1])  # (2, L), cls and eos stay
                  for i, path in enumerate(found)
                  for which, (side, protein) in enumerate(zip("AB", pairs.pair(i), strict=True))]  # fmt: skip
        residues = [(pairs.rows[i], side, residue_number(place), letter)
                    for i, side, sequence, _ in chains for place, letter in enumerate(sequence)]  # fmt: skip
        rows, sides, numbers, _ = zip(*residues, strict=True)
        labels = tuple(f"{side}.{letter}{number}" for _, side, number, letter in residues)
        value, magnitude = np.zeros((2, len(pairs), len(self.subject.token_names)))
        for i, side, sequence, moved in chains:
            for token, stretch in self._stretches(side, len(sequence)):
                value[i, token], magnitude[i, token] = moved[:, stretch].sum(axis=1)
        values, magnitudes = np.concatenate([moved for *_, moved in chains], axis=1)
        return Explanation(
            self.method, values, (Axis("residues", labels),), value, magnitude,
            base_values=np.array([path.at_baseline for path in found]),
            outputs=np.array([path.at_input for path in found]),
            arrays={
                "row_of_residue": np.array(rows), "protein_of_residue": np.array(sides),
                "position_of_residue": np.array(numbers), "magnitude_of_residue": magnitudes,
            },
            checks=checks(found),
            settings={"baseline": "every residue masked", "scale": "logit", "most_steps": MOST_STEPS,
                      "rule": RULE, "precision": "float32"},
        )  # fmt: skip

    def _stretches(self, side: str, length: int) -> Iterator[tuple[int, slice]]:
        """Positions of one protein's tokens, and the residues that each stands for."""
        for position, name in enumerate(self.subject.token_names):
            of, _, token = name.partition(".")
            if of == side and (stretch := token_stretch(token, length)):
                yield position, slice(*stretch)


def pooling(feature_set: FeatureSet, length: int) -> Tensor:
    """What makes tokens of a protein's states, as `features.pool_protein` does: Tensor, shape=(T, L + 2)."""
    weights = torch.zeros(len(feature_set.tokens), length + 2)
    for row, token in enumerate(feature_set.tokens):
        start, stop = token_stretch(token, length) or {"cls": (-1, 0), "eos": (length, length + 1)}[token]
        weights[row, start + 1 : stop + 1] = 1 / (stop - start)
    return weights
