"""Does a bundle still give the numbers it was shipped with?"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pandas as pd

from esm2amp_core.bundles import SELFCHECK
from esm2amp_core.errors import BundleError
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import PredictionTable
from esm2amp_core.sequences import Protein

UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
INSULIN_A, INSULIN_B = "GIVEQCCTSICSLYQLENYCN", "FVNQHLCGSHLVEALYLVCGERGFFYTPKT"
PAIRS = ((INSULIN_A, INSULIN_B), (UBIQUITIN, UBIQUITIN), (UBIQUITIN, INSULIN_B))
TOLERANCE = 1e-3
"""Difference in probability that another machine or library version may make in float32."""


class Predictor(Protocol):
    """What is checked: a `predictor.Predictor`, which imports this module."""

    bundle: Any

    def predict(self, pairs: PairTable) -> PredictionTable:
        """Score every row."""
        ...


@dataclass(frozen=True)
class SelfCheckCase:
    """One of a bundle's own pairs: the probability it was shipped with and the one found here."""

    number: int
    expected: float
    found: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """True where the two agree within the tolerance."""
        return abs(self.expected - self.found) <= self.tolerance


def largest_shift(predictor: Predictor) -> float:
    """How far the bundle's own pairs lie from what they should be, in probability: at most.

    Raises
    ------
    BundleError
        If the bundle has no readable self-check.
    """
    return max(abs(case.found - case.expected) for case in run_self_check(predictor))


def make_self_check(predictor: Predictor) -> dict[str, Any]:
    """Contents of ``selfcheck.json`` for a new bundle: three pairs of small proteins, scored now."""
    scores = _score(predictor, list(PAIRS))
    cases = [
        {"sequence_a": a, "sequence_b": b, **score} for (a, b), score in zip(PAIRS, scores, strict=True)
    ]
    return {"tolerance": TOLERANCE, "cases": cases}


def run_self_check(predictor: Predictor) -> list[SelfCheckCase]:
    """Score the bundle's stored pairs again, without the feature cache.

    Raises
    ------
    BundleError
        If the bundle has no readable self-check.
    """
    path = predictor.bundle.folder / SELFCHECK
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        sequences = [(case["sequence_a"], case["sequence_b"]) for case in stored["cases"]]
        expected = [float(case["probability"]) for case in stored["cases"]]
        tolerance = float(stored["tolerance"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        name = predictor.bundle.manifest.name
        raise BundleError(f"{SELFCHECK} of {name} cannot be read: {error}.") from None
    if not sequences or not 0 < tolerance <= TOLERANCE:
        raise BundleError(
            f"{SELFCHECK} of {predictor.bundle.manifest.name} checks nothing: it has {len(sequences)} pairs "
            f"and a tolerance of {tolerance}.",
            hint="Install the model again.",
        )
    found = [score["probability"] for score in _score(predictor, sequences)]
    return [
        SelfCheckCase(number, before, now, tolerance)
        for number, (before, now) in enumerate(zip(expected, found, strict=True), start=1)
    ]


def _score(predictor: Predictor, sequences: list[tuple[str, str]]) -> list[dict[str, float]]:
    """Logit and probability of pairs of bare sequences; never from the cache."""
    fresh = replace(predictor, cache=None)
    rows = range(1, len(sequences) + 1)
    frame = pd.DataFrame(
        {
            "row": list(rows),
            "protein_a": [f"{row}a" for row in rows],
            "protein_b": [f"{row}b" for row in rows],
        }
    )
    proteins = {
        f"{row}{side}": Protein(f"{row}{side}", sequence)
        for row, pair in zip(rows, sequences, strict=True)
        for side, sequence in zip("ab", pair, strict=True)
    }
    scored = fresh.predict(PairTable(frame, proteins)).frame
    if failed := list(scored["message"][scored["status"] == "error"]):
        raise BundleError(f"The self-check could not be scored: {failed[0]}")
    return scored[["logit", "probability"]].to_dict("records")
