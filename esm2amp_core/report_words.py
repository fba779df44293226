"""What the numbers of a report mean, in one plain line each; for the page to read and for the app."""

from __future__ import annotations

from esm2amp_core.number_text import number_text
from esm2amp_core.predictions import precision_in_words
from esm2amp_core.reports import Interval, OperatingPoint, Report

MEASURES = {
    "auroc": ("AUROC", "How often an interacting pair is scored above a non-interacting one. Guessing: 0.5; "
              "perfect: 1."),
    "aupr": ("AUPR", "Average precision over all thresholds. Guessing: the share of interacting pairs; "
             "perfect: 1."),
    "accuracy": ("Accuracy", "Share of all pairs that are called correctly at the threshold."),
    "balanced_accuracy": ("Balanced accuracy", "Mean of recall and specificity: right also where one label "
                          "is rare. Guessing: 0.5."),
    "mcc": ("MCC", "Matthews correlation of calls and labels. Guessing: 0; perfect: 1."),
    "f1": ("F1", "Harmonic mean of precision and recall."),
    "precision": ("Precision", "Of the pairs called interacting, the share that do, in this table. Where "
                  "interactions are rarer it is lower: see below."),
    "recall": ("Recall", "Of the interacting pairs, the share that are found (sensitivity)."),
    "specificity": ("Specificity", "Of the pairs that do not interact, the share that are not called."),
    "brier": ("Brier score", "Mean squared distance of probability and label. 0 is perfect; always saying "
              "0.5 gives 0.25."),
    "ece": ("Calibration error", "Mean distance between probability and observed share (ECE, 15 equal "
            "intervals). 0 is perfect; in small tables chance alone makes it larger."),
}  # fmt: skip
"""Title and meaning of each figure."""

CLASSES = {
    "C1": ("C1: both proteins seen", "Both proteins were in training, in other pairs."),
    "C2": ("C2: one protein seen", "One protein was in training, the other is new."),
    "C3": ("C3: no protein seen", "Both proteins are new to the model: the honest test for a new protein."),
}

CURVES = {
    "roc": ("ROC", "Recall against false alarms for every threshold; the dot is the model's. The dashed "
            "line is guessing."),
    "precision_recall": ("Precision and recall", "For every threshold, at this table's share of interacting "
                         "pairs; the dashed line is guessing."),
    "reliability": ("Reliability", "On the dashed line a pair given 0.7 interacts in 7 of 10 cases. Bars are "
                    "95 % intervals; the axes show the probabilities that occur."),
}  # fmt: skip
"""Title and meaning of each curve."""

COMPARED = ("auroc", "aupr", "accuracy", "mcc", "brier")
"""Figures by which model and baselines are compared."""

AHEAD = (
    "A difference whose interval holds 0 is not established. For the Brier score lower is better. Baselines "
    "call pairs from 0.5."
)
RARE = (
    "Precision, the share of called pairs that interact, falls with how rare interactions are: here for one "
    "interacting pair per 1, 10, 100 and 1,000 others, from recall and false positive rate, with 95 % "
    "intervals. Where false alarms are fewer than about 10 pairs it is a guess; where there were none, the "
    "lower bound assumes three."
)
_FACTS = {
    "name": "model", "title": "its title",
    "pairs_sha256": "SHA-256 of the pairs file", "sequences_sha256": "SHA-256 of the sequences file",
    "train_pairs_file": "training pairs file", "train_pairs_sha256": "SHA-256 of the training pairs file",
    "train_sequences_file": "training sequences file",
    "train_sequences_sha256": "SHA-256 of the training sequences file",
    "digest": "SHA-256 of the model's card", "n_rows": "rows", "n_scored": "rows scored",
    "n_left_out": "rows left out", "n_positive": "of the scored, interacting", "n_proteins": "proteins",
    "n_repeated": "rows that repeat a pair",
    "n_contradicting": "pairs labelled both 1 and 0", "classes_from": "proteins seen, according to",
    "n_train": "training pairs used", "n_also_in_training": "scored pairs that are training pairs",
    "n_resamples": "resamples of each kind", "n_bins": "bins of probability for the calibration error",
    "level": "confidence",
}  # fmt: skip

WIDE = 50
"""Percentage points from which an interval of a precision tells nothing."""
INTERVAL = (
    "The 95 % interval behind each figure comes from resampling the proteins: pairs that share a protein are "
    "not independent, and resampling pairs alone would give intervals that are too narrow."
)


def facts(report: Report) -> dict[str, str]:
    """How the numbers were made, by names that people know."""
    groups = (precision_in_words(report.model), report.data, report.settings, report.versions)
    return {_FACTS.get(name, name.replace("_", " ")): _shown(name, value)
            for group in groups for name, value in group.items() if value not in ("", None)}  # fmt: skip


def _shown(name: str, value: object) -> str:
    counted = name.startswith("n_") and isinstance(value, int)
    return f"{value:,}" if counted else str(value)


def point_words(point: OperatingPoint) -> str:
    """Which threshold is meant: ``0.527, recall 0.25``."""
    where = "the model's threshold" if point.name == "threshold" else point.name
    return f"{point.threshold:.3f}, {where}"


def number_words(value: float, digits: int = 3) -> str:
    """A figure as people read it; a dash where there is none."""
    return "–" if value != value else f"{value:.{digits}f}"


def interval_words(interval: Interval, digits: int = 3) -> str:
    """For example ``0.612 (0.598 to 0.626)``."""
    value = number_words(interval.value, digits)
    if not interval.is_known:
        return value
    return f"{value} ({interval.low:.{digits}f} to {interval.high:.{digits}f})"


def difference_words(interval: Interval, digits: int = 3) -> str:
    """The same with signs: ``+0.026 (−0.011 to +0.063)``."""
    form = f"+.{digits}f"
    value, low, high = (number_text(number, form) for number in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})" if interval.is_known else value


def verdict(report: Report) -> list[str]:
    """What the report says, in a few sentences: the first thing to read."""
    auroc = report.measures["auroc"]
    share = f"{100 * auroc.value:.0f} of 100"
    words = [f"An interacting pair is scored above a non-interacting one in {share} cases "
             f"(AUROC {interval_words(auroc)}; guessing gives 0.5)."]  # fmt: skip
    if auroc.is_known and auroc.low <= 0.5 <= auroc.high:
        words[0] += " That cannot be told from guessing."
    if report.baselines:
        words.append(_against_baselines(report))
    rare = report.operating_points[0].precision["1:100"]
    words.append(_where_rare(rare, report.confusion["tp"] + report.confusion["fp"]))
    return words


def _where_rare(precision: Interval, n_called: int) -> str:
    """Expected precision at 1 : 100, or that it cannot be told, with its interval."""
    rare = "Where 100 pairs do not interact for each that does, "
    low, high = 100 * precision.low, 100 * precision.high
    if n_called and precision.is_known and high - low <= WIDE:
        return f"{rare}{100 * precision.value:.1f} % of the pairs that it calls interacting would be right."
    between = f": anything from {low:.1f} to {high:.1f} %" if precision.is_known else ""
    pairs = "pair was" if n_called == 1 else "pairs were"
    return (f"{rare}too little is known to tell how many of the pairs that it calls interacting would be "
            f"right{between} ({n_called:,} {pairs} called here).")


def _against_baselines(report: Report) -> str:
    """How the model stands against the best baseline, by AUROC."""
    best = max(report.baselines, key=lambda baseline: baseline.measures["auroc"].value)
    ahead = best.difference["auroc"]
    against = f"{best.title.lower()}, the best baseline (AUROC {best.measures['auroc'].value:.3f})"
    if not ahead.is_known or ahead.low <= 0 <= ahead.high:
        return f"It cannot be told from {against}: difference {difference_words(ahead)}."
    return f"It is {'ahead of' if ahead.value > 0 else 'behind'} {against}: {difference_words(ahead)}."
