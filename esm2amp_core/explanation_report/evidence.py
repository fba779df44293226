"""What tells whether explanations can be believed, as far as a folder holds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_report.reading import read_test, tested_at
from esm2amp_core.explanation_report.words import SIGNED_AGREEMENT, interval, number, share
from esm2amp_core.explanation_tests.agreement import Agreement
from esm2amp_core.explanation_tests.controls import CONTROLS, Controls
from esm2amp_core.explanation_tests.faithfulness import CURVES, Faithfulness
from esm2amp_core.explanation_tests.randomisation import Randomisation
from esm2amp_core.explanations import METHODS
from esm2amp_core.plots.curves import Band, Curves, controls_histogram, faithfulness_curves
from esm2amp_core.plots.matrices import agreement_matrix

NO_BETTER = "On this pair this method does no better than random orders of segments: do not build on it."
NO_BETTER_ON_AVERAGE = "Over these pairs this method does no better than random orders of segments."


@dataclass(frozen=True)
class Test:
    """A test of explanations: what it says, its figures by name, its table."""

    title: str
    lines: list[str]
    figures: dict[str, tuple[Figure, str]] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = field(default_factory=list)
    numbers: tuple[int, ...] = ()


def tests_of(folder: ExplanationFolder, row: int | None) -> list[Test]:
    """Tests of what is said of one pair, or of all pairs (None).

    Raises
    ------
    JobError
        If a file of the folder is damaged.
    """
    makers = ((Faithfulness, _faithfulness), (Agreement, _agreement), (Randomisation, _randomisation),
              (Controls, _controls))  # fmt: skip
    found = ((make, read_test(folder, noun)) for noun, make in makers)
    return [make(arrays, row) for make, arrays in found
            if arrays is not None and not (make is _agreement and len(arrays.methods) < 2)]


def _faithfulness(found: Faithfulness, row: int | None) -> Test:
    titles = _titles(found.methods)
    lines = ["Segments are taken away, or added to nothing, the most important first. A good explanation "
             "makes the score change sooner than random orders do; its score is above 0. p is the share of "
             "random orders that do as well. Several methods are tested side by side, so it is corrected for "
             "their number (Holm); a method counts as better where the corrected p is at most 0.05."]
    i = tested_at(found.rows, row)
    if i is None:
        if row is not None:
            lines.append(f"This pair was not tested; the means are those of the {len(found.rows):,} pairs "
                         "that were, spread evenly over the table.")
        rows = [
            (title, number(found.mean_score[m]), interval(found.mean_low[m], found.mean_high[m]),
             number(found.mean_p_values[m]), number(found.corrected_mean_p_values[m]),
             _yes(found.better_on_average[m]),
             share(found.share_better[m], found.share_low[m], found.share_high[m]))
            for m, title in enumerate(titles)
        ]  # fmt: skip
        return Test("Do the explanations hold?", lines, header=(
            "Method", "Mean score", "95 % interval", "p", "p, corrected", "Better than random",
            "Better on this share of pairs"), rows=rows, numbers=(1, 2, 3, 4, 6))  # fmt: skip
    panels = []
    for curve, name in CURVES.items():
        logits, random = getattr(found, curve)[i], getattr(found, f"random_{curve}")[i]
        by_title = dict(zip(titles, logits, strict=True))
        panels.append(Curves(name, np.arange(logits.shape[1]), by_title, Band(*random)))
    low, high = found.random_score[i]
    rows = [(title, *map(number, numbers), _yes(good)) for title, *numbers, good in
            zip(titles, found.score[i], found.p_values[i], found.corrected_p_values[i],
                found.better_than_random[i], strict=True)]  # fmt: skip
    lines.append(f"The central 95 % of {found.n_orders:,} random orders score from {interval(low, high)}.")
    caption = "Left: segments are taken away. Right: they are added. Grey: 95 % of random orders."
    return Test(
        "Do the explanations hold?", lines,
        {"faithfulness": (faithfulness_curves(panels, unit="logit", step_unit="segments changed"), caption)},
        ("Method", "Score", "p", "p, corrected", "Better than random"), rows, (1, 2, 3),
    )  # fmt: skip


def _agreement(found: Agreement, row: int | None) -> Test:
    i = tested_at(found.rows, row)
    sizes, signed = (found.mean, found.signed_mean) if i is None else (
        found.correlations[i], found.signed_correlations[i])  # fmt: skip
    caption = "Rank correlation of the segments' importance: 1 the same order, 0 unrelated, −1 reversed."
    if np.isfinite(signed).any():
        caption += f" {SIGNED_AGREEMENT}"
    words = ("Methods that ask the same model in different ways and agree support each other; those of a "
             "second model may well differ.")
    return Test("Do the methods agree?", [words],
                {"agreement": (agreement_matrix(sizes, _titles(found.methods), below=signed), caption)})


def _randomisation(found: Randomisation, row: int | None) -> Test:
    rows = [(title, number(value), number(magnitude), reason or ("–" if value != value else ""))
            for title, value, magnitude, reason in
            zip(_titles(found.methods), found.mean, found.magnitude_mean, found.reasons, strict=True)]
    return Test("Would they say it of a model that learned nothing?", [
        "Rank correlation with the explanation of the same model after its weights were shuffled; mean of "
        "the pairs tried: near 0 is right; near 1, a method shows the input rather than what the model "
        "learned. Values are compared without their signs; magnitudes may stay alike, since they also tell "
        "how unusual a segment is."],
        header=("Method", "Of values", "Of magnitudes", "Not checked because"), rows=rows, numbers=(1, 2),
    )  # fmt: skip


def _controls(found: Controls, row: int | None) -> Test:
    words = [CONTROLS.get(kind, kind) for kind in found.kinds]
    decoys = dict(zip(words, found.null_probabilities, strict=True))
    rows = [(name, f"{len(values):,}", number(float(np.median(values))), number(p))
            for (name, values), p in zip(decoys.items(), found.p_values, strict=True)]
    caption = "Probabilities of decoys; the dashed line is this pair."
    return Test(
        "Would any protein do?",
        ["The pair beside decoys that resemble it. p is the share of decoys that reach its score: where it "
         "is large, the score says little about these two proteins."],
        {"controls": (controls_histogram(decoys, found.probability), caption)},
        ("Decoys", "Number", "Median probability", "p"), rows, (1, 2, 3),
    )  # fmt: skip


def _titles(methods: Sequence[str]) -> list[str]:
    return [METHODS[method].title if method in METHODS else method for method in methods]


def _yes(good: bool) -> str:
    return "yes" if good else "no"
