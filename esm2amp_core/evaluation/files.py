"""The folder that a report becomes: JSON, tables, and one page to read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from esm2amp_core import exports
from esm2amp_core.evaluation.evaluating import Evaluation
from esm2amp_core.evaluation.page import to_html
from esm2amp_core.files.whole_folder import whole_folder
from esm2amp_core.predictions import PredictionTable
from esm2amp_core.reports import REPORT, REPORT_PAGE, Interval, Report


def write_report(evaluation: Evaluation, folder: Path) -> None:
    """Write a report; the whole folder appears at once, or not at all.

    Raises
    ------
    UserError
        If the folder exists and is not empty, or cannot be written.
    """
    report = evaluation.report
    files = {
        REPORT: report.to_json().encode(),
        REPORT_PAGE: to_html(report).encode(),
        "metrics.csv": _table(("group", "name", "value", "low", "high"), _metrics(report)),
        "curves.csv": _table(("curve", "threshold", "x", "y", "low", "high", "pairs"), _curves(report)),
        "classes.csv": _table(("class", "n_pairs", "n_positive", "n_proteins", "measure", "value", "low",
                               "high", "note"), _classes(report)),
        "baselines.csv": _table(("baseline", "measure", "value", "low", "high", "model_minus_baseline",
                                 "difference_low", "difference_high"), _baselines(report)),
        "scores.csv": exports.to_csv(PredictionTable(evaluation.scores)),
    }  # fmt: skip
    with whole_folder(folder) as part:
        for name, data in files.items():
            (part / name).write_bytes(data)


def _numbers(interval: Interval) -> tuple[float, ...]:
    return (interval.value, interval.low, interval.high)


def _metrics(report: Report) -> Iterator[Sequence[object]]:
    for name, interval in report.measures.items():
        yield "measure", name, *_numbers(interval)
    for name, number in report.confusion.items():
        yield "confusion", name, number, "", ""
    for point in report.operating_points:
        yield point.name, "threshold", point.threshold, "", ""
        yield point.name, "recall", *_numbers(point.recall)
        yield point.name, "false_positive_rate", *_numbers(point.false_positive_rate)
        for prevalence, interval in point.precision.items():
            yield point.name, f"precision at {prevalence.replace(':', ' to ')}", *_numbers(interval)


def _curves(report: Report) -> Iterator[Sequence[object]]:
    found = report.curves
    thresholds = ["", *found.thresholds]  # no pair is called at the ROC curve's origin
    for threshold, x, y in zip(thresholds, found.false_positive_rate, found.recall, strict=True):
        yield "roc", threshold, x, y, "", "", ""
    for threshold, x, y in zip(found.thresholds, found.recall[1:], found.precision, strict=True):
        yield "precision_recall", threshold, x, y, "", "", ""
    bins = (found.bin_low, found.bin_probability, found.bin_observed, found.bin_observed_low,
            found.bin_observed_high, found.bin_pairs)  # fmt: skip
    for row in zip(*bins, strict=True):
        yield "reliability", *row


def _classes(report: Report) -> Iterator[Sequence[object]]:
    for part in report.classes:
        facts = (part.name, part.n_pairs, part.n_positive, part.n_proteins)
        if not part.measures:
            yield *facts, "", "", "", "", part.note
        for name, interval in part.measures.items():
            yield *facts, name, *_numbers(interval), part.note


def _baselines(report: Report) -> Iterator[Sequence[object]]:
    for baseline in report.baselines:
        for name, interval in baseline.measures.items():
            yield baseline.name, name, *_numbers(interval), *_numbers(baseline.difference[name])


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV; numbers that are missing stay empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow(["" if value != value else value for value in row])
    return text.getvalue().encode()
