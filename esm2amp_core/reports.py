"""Reports of evaluations: what is in ``report.json``, and where reports lie.

A report is a folder: ``report.json`` with every number, the same as tables (``.csv``) and as one page to
read (``report.html``). This module reads the JSON alone and knows nothing of how the numbers came about.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from esm2amp_core.errors import BundleError, UserError
from esm2amp_core.report_checks import check_report

FORMAT = 1
Figures = TypeVar("Figures")
REPORT, REPORT_PAGE = "report.json", "report.html"
TABLES = ("metrics.csv", "curves.csv", "classes.csv", "baselines.csv", "scores.csv")
MAX_REPORT_BYTES = 20_000_000
PREVALENCES = ("1:1", "1:10", "1:100", "1:1000")
"""Interacting pairs to others."""


class ReportError(UserError):
    """A report cannot be read."""


@dataclass(frozen=True)
class Interval:
    """A figure, and where it lies with 95 % confidence; missing numbers are NaN."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def is_known(self) -> bool:
        """True if there are bounds."""
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """What calling pairs from one probability on would mean.

    Attributes
    ----------
    name : str
        ``threshold``: the model's own; ``recall 0.25``: the highest that finds a quarter.
    threshold : float
    true_positives, false_positives : int
    recall, false_positive_rate : Interval
    precision : dict of str to Interval
        At each of `PREVALENCES`, from the two rates.
    """

    name: str
    threshold: float
    true_positives: int
    false_positives: int
    recall: Interval
    false_positive_rate: Interval
    precision: dict[str, Interval]


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """Figures of the pairs with as many proteins seen in training.

    Attributes
    ----------
    name : str
        C1 both, C2 one, C3 none (Park and Marcotte, Nat. Methods 2012;9:1134).
    n_pairs, n_positive, n_proteins : int
    measures : dict of str to Interval
        Empty where the class has too few pairs of either label; `note` says so.
    """

    name: str
    n_pairs: int
    n_positive: int
    n_proteins: int
    measures: dict[str, Interval]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class BaselineFigures:
    """Figures of a baseline on the same pairs, and how far the model is ahead.

    Attributes
    ----------
    name, title, description : str
    measures : dict of str to Interval
    difference : dict of str to Interval
        Model minus baseline, both on the same resampled pairs.
    """

    name: str
    title: str
    description: str
    measures: dict[str, Interval]
    difference: dict[str, Interval]


@dataclass(frozen=True, kw_only=True)
class Curves:
    """Points of the curves; lists of equal length belong together.

    Attributes
    ----------
    thresholds, recall, false_positive_rate, precision : list of float
        By falling threshold; recall and false positive rate begin at 0.
    bin_low, bin_high, bin_pairs, bin_probability, bin_observed : list of float
        Occupied intervals of probability: their edges, pairs, mean probability, and share that interacts.
    bin_observed_low, bin_observed_high : list of float
        Where that share lies with 95 % confidence.
    """

    thresholds: list[float]
    recall: list[float]
    false_positive_rate: list[float]
    precision: list[float]
    bin_low: list[float]
    bin_high: list[float]
    bin_pairs: list[int]
    bin_probability: list[float]
    bin_observed: list[float]
    bin_observed_low: list[float]
    bin_observed_high: list[float]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was measured of one model on one table of pairs.

    Attributes
    ----------
    title : str
    created : str
        UTC, ISO 8601.
    model : dict
        Name, title, SHA-256, architecture, threshold, encoder, device, precision.
    data : dict
        Files and their SHA-256; numbers of rows, pairs and proteins.
    settings : dict
        Resamples, seed, level, intervals of probability.
    versions : dict of str to str
    measures : dict of str to Interval
    confusion : dict of str to int
        ``tp``, ``fp``, ``fn``, ``tn`` at the model's threshold.
    operating_points : tuple of OperatingPoint
    classes : tuple of ClassFigures
        Empty where it is not known what the model was trained on.
    baselines : tuple of BaselineFigures
        Empty where no training pairs were given.
    curves : Curves
    left_out : tuple of dict
        Rows without a score: row, protein_a, protein_b, reason.
    notes : tuple of str
        What a reader has to know; plain sentences.
    """

    title: str
    created: str
    model: dict[str, Any]
    data: dict[str, Any]
    settings: dict[str, Any]
    versions: dict[str, str]
    measures: dict[str, Interval]
    confusion: dict[str, int]
    operating_points: tuple[OperatingPoint, ...]
    classes: tuple[ClassFigures, ...]
    baselines: tuple[BaselineFigures, ...]
    curves: Curves
    left_out: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = field(default=())
    format: int = FORMAT

    def to_json(self) -> str:
        """Text of ``report.json``; NaN becomes null."""
        return json.dumps(_plain(asdict(self)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read ``report.json``.

        Raises
        ------
        ReportError
            If it is not a report, or of another format.
        """
        try:
            values = json.loads(text)
            if values.get("format") != FORMAT:
                raise ReportError(f"The report has format {values.get('format')!r}; this program reads "
                                  f"{FORMAT}.", hint="Evaluate again with this program.")
            values |= {
                "measures": _intervals(values["measures"]),
                "curves": Curves(**values["curves"]),
                "operating_points": tuple(_point(point) for point in values["operating_points"]),
                "classes": tuple(_with_intervals(ClassFigures, part) for part in values["classes"]),
                "baselines": tuple(_with_intervals(BaselineFigures, part) for part in values["baselines"]),
                "left_out": tuple(values["left_out"]),
                "notes": tuple(values["notes"]),
            }
            report = cls(**values)
            check_report(report, PREVALENCES)
            return report
        except BundleError as error:
            raise ReportError(error.message, hint="Evaluate again.") from None
        except (ArithmeticError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ReportError(f"The report cannot be read: {error}.", hint="Evaluate again.") from None


def read_report(folder: Path) -> Report:
    """The report in `folder`.

    Raises
    ------
    ReportError
        If there is none, or it cannot be read.
    """
    path = folder / REPORT
    try:
        if path.stat().st_size > MAX_REPORT_BYTES:
            raise ReportError(f"{path} has {path.stat().st_size:,} bytes: it is no report.")
        return Report.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ReportError(f"{path} cannot be read: {error}.", hint="Evaluate again.") from None


def find_reports(folders: Iterable[Path]) -> dict[str, Path]:
    """Report folders by name; where two share a name, the one in the earlier folder counts."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"[!.]*/{REPORT}")):
            found.setdefault(path.parent.name, path.parent)
    return found


def _plain(value: Any) -> Any:
    """As JSON values."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _interval(values: Mapping[str, float | None]) -> Interval:
    return Interval(**{name: math.nan if value is None else float(value) for name, value in values.items()})


def _intervals(values: Mapping[str, Mapping[str, float | None]]) -> dict[str, Interval]:
    return {name: _interval(inner) for name, inner in values.items()}


def _point(values: Mapping[str, Any]) -> OperatingPoint:
    rates = {name: _interval(values[name]) for name in ("recall", "false_positive_rate")}
    return OperatingPoint(**{**values, **rates, "precision": _intervals(values["precision"])})


def _with_intervals(record: type[Figures], values: Mapping[str, Any]) -> Figures:
    """A record whose `measures` and `difference` are intervals by name."""
    named = {f.name: _intervals(values[f.name]) for f in fields(record)
             if f.name in ("measures", "difference")}  # fmt: skip
    return record(**{**values, **named})
