"""Whether a report that others wrote holds what pages show of it, before they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from esm2amp_core.json_records import check_kinds

MEASURES = ("auroc", "aupr", "accuracy", "balanced_accuracy", "mcc", "f1", "precision", "recall",
            "specificity", "brier", "ece")  # fmt: skip
COMPARED = ("auroc", "aupr", "accuracy", "mcc", "brier")
CLASSES = ("C1", "C2", "C3")
_COUNTS = ("n_scored", "n_positive", "n_proteins")
_LARGEST = 2**53


def check_report(report: Any, prevalences: tuple[str, ...]) -> None:
    """Refuse a `reports.Report` that pages could not show.

    Raises
    ------
    UserError, ValueError
        Naming what is missing or of another kind.
    """
    for record in (report, report.curves, *report.operating_points, *report.classes, *report.baselines):
        check_kinds(type(record), vars(record), "The report")
    for fault in _faults(report, prevalences):
        raise ValueError(fault)


def _faults(report: Any, prevalences: tuple[str, ...]) -> Iterator[str]:
    """What is wrong, in a few words each."""
    counts = [report.data.get(name) for name in _COUNTS]
    counts += [report.confusion.get(name) for name in ("tp", "fp", "fn", "tn")]
    counts += [number for part in report.classes for number in (part.n_pairs, part.n_positive)]
    counts += [point.false_positives for point in report.operating_points]
    if not all(map(_is_count, counts)):
        yield "numbers of pairs or proteins are missing or no whole numbers"
    if not all(isinstance(text, str) for text in (*report.notes, report.data.get("classes_from", ""))):
        yield "its notes are no texts"
    if not _holds(report.measures, MEASURES) or set(report.measures) - set(MEASURES):
        yield "its figures are not the known ones"
    if not report.operating_points or not all(_holds(point.precision, prevalences)
                                              for point in report.operating_points):  # fmt: skip
        yield "operating points are missing"
    if any(part.name not in CLASSES or (part.measures and not _holds(part.measures, COMPARED))
           for part in report.classes):  # fmt: skip
        yield "its classes are not C1, C2 and C3"
    if not all(_holds(part.measures, COMPARED) and _holds(part.difference, COMPARED)
               for part in report.baselines):  # fmt: skip
        yield "figures of baselines are missing"
    if not _fit_together(vars(report.curves)):
        yield "points of its curves do not fit together"


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and 0 <= value <= _LARGEST


def _holds(values: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return set(names) <= set(values)


def _fit_together(curves: Mapping[str, list]) -> bool:
    """True if the lists hold numbers and those that belong together are of equal length."""
    points = [value for values in curves.values() for value in values]
    if not all(value is None or isinstance(value, int | float) for value in points):
        return False
    bins = {len(points) for name, points in curves.items() if name.startswith("bin_")}
    n = len(curves["thresholds"])
    rates = (len(curves["recall"]), len(curves["false_positive_rate"]))
    return len(bins) == 1 and len(curves["precision"]) == n and rates == (n + 1, n + 1)
