"""From scores and labels to a report."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core import __version__
from esm2amp_core.evaluation import novelty
from esm2amp_core.evaluation.baselines import BASELINES
from esm2amp_core.evaluation.composition import composition
from esm2amp_core.evaluation.curves import curves, observed_shares, operating_points, rates_at
from esm2amp_core.evaluation.facts import data_facts, left_out, notes
from esm2amp_core.evaluation.intervals import LEVEL, Replicates, resample
from esm2amp_core.evaluation.measures import MEASURES, N_BINS, Ranking
from esm2amp_core.evaluation.numbered import Known, NumberedPairs, number_pairs
from esm2amp_core.predictions import Status
from esm2amp_core.progress import Report as Progress
from esm2amp_core.progress import silent
from esm2amp_core.reports import BaselineFigures, ClassFigures, Interval, Report
from esm2amp_core.sequences import Protein

CLASS = "training_class"
FEWEST = 10
"""Pairs of either label below which a class gets no figures: they would say nothing."""
LIBRARIES = ("numpy", "pandas", "scikit-learn", "torch", "transformers")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A report, and the rows it is about.

    Attributes
    ----------
    report : Report
    scores : DataFrame, one line per input row
        As predicted, with ``training_class`` where it is known, and ``probability (BASELINE)`` of each.
    """

    report: Report
    scores: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to evaluate.

    Attributes
    ----------
    n_resamples : int
        Drawn of each kind for the intervals.
    seed : int
    """

    n_resamples: int = 1000
    seed: int = 0


def evaluate(
    scores: pd.DataFrame,
    proteins: Mapping[str, Protein],
    *,
    threshold: float,
    title: str,
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    known: Known | None = None,
    settings: Settings | None = None,
    report: Progress = silent,
) -> Evaluation:
    """Measure predictions against labels.

    Parameters
    ----------
    scores : DataFrame, one line per input row
        `RESULT_COLUMNS`, and an int column ``label`` of 0 and 1.
    proteins : mapping of str to Protein
        By id as written in `scores`.
    threshold : float
        Probability from which the model calls a pair interacting.
    title : str
    model, data : mapping
        Facts for the report: which model, which files.
    known : Known, optional
        What is known of the model's training; without it there are no classes and no baselines.
    settings : Settings, optional
    report : Progress

    Raises
    ------
    PairError
        If no row was scored, or the scored rows have one label only.
    Cancelled
        If the result is no longer wanted.
    """
    known, settings = known or Known(), settings or Settings()
    pairs = number_pairs(scores, proteins, known)
    labels = pairs.indexed.labels
    rankings = {"model": Ranking(labels, pairs.frame["probability"].to_numpy(float), threshold)}
    for name, probabilities in _baseline_scores(pairs, settings.seed, report).items():
        rankings[name] = Ranking(labels, probabilities)
    groups = _classes(pairs)
    subsets = {name: np.flatnonzero(groups == name) for name in novelty.CLASSES} if groups is not None else {}
    parts = {name: Ranking(labels[rows], rankings["model"].probabilities[rows], threshold)
             for name, rows in subsets.items() if _is_enough(labels[rows])}  # fmt: skip

    def statistic(weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        figures = rates_at(rankings["model"], weights) | observed_shares(rankings["model"], weights)
        for name, ranking in rankings.items():
            figures |= {f"{name} {key}": value for key, value in ranking.measure(weights).items()}
        for name, ranking in parts.items():
            rows = None if weights is None else weights[:, subsets[name]]
            figures |= {f"{name} {key}": value for key, value in ranking.measure(rows).items()}
        return figures

    replicates = resample(statistic, pairs.indexed.a, pairs.indexed.b, n_resamples=settings.n_resamples,
                          seed=settings.seed, report=report)
    figures = _Figures(statistic(), replicates)
    counts = [counts[0] for counts in rankings["model"].counts()]
    points = operating_points(rankings["model"], replicates)
    result = Report(
        title=title,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=dict(model),
        data={**data, **data_facts(scores, pairs)},
        settings={"n_resamples": settings.n_resamples, "seed": settings.seed, "level": LEVEL,
                  "n_bins": N_BINS, "threshold": threshold},
        versions={"esm2amp": __version__, "python": platform.python_version(),
                  **{library: version(library) for library in LIBRARIES}},
        measures=figures.of("model"),
        confusion={"tp": points[0].true_positives, "fp": points[0].false_positives,
                   "fn": int(counts[0][-1]) - points[0].true_positives,
                   "tn": int(counts[1][-1]) - points[0].false_positives},
        operating_points=points,
        classes=tuple(_class(name, rows, pairs, figures) for name, rows in subsets.items()),
        baselines=tuple(
            BaselineFigures(name=baseline.name, title=baseline.title, description=baseline.description,
                            measures=figures.of(baseline.name), difference=figures.ahead(baseline.name))
            for baseline in BASELINES if baseline.name in rankings
        ),
        curves=curves(rankings["model"], replicates),
        left_out=left_out(scores),
        notes=notes(scores, pairs),
    )  # fmt: skip
    return Evaluation(report=result, scores=_with_columns(scores, pairs, groups, rankings))


@dataclass(frozen=True)
class _Figures:
    """Figures by ``WHOSE MEASURE``, and their replicates."""

    estimates: dict[str, np.ndarray]
    replicates: Replicates

    def of(self, name: str) -> dict[str, Interval]:
        """All measures of the model, a class or a baseline."""
        return {
            key: self.replicates.interval(f"{name} {key}", float(self.estimates[f"{name} {key}"][0]),
                                          low=-1 if key == "mcc" else 0, high=1)
            for key in MEASURES
        }  # fmt: skip

    def ahead(self, name: str) -> dict[str, Interval]:
        """The model's measures minus those of a baseline."""
        return {
            key: self.replicates.difference(
                f"model {key}", f"{name} {key}",
                float(self.estimates[f"model {key}"][0] - self.estimates[f"{name} {key}"][0]),
            )
            for key in MEASURES
        }  # fmt: skip


def _baseline_scores(pairs: NumberedPairs, seed: int, report: Progress) -> dict[str, np.ndarray]:
    """Probabilities of every baseline; none where no training pairs were given."""
    if pairs.train is None:
        return {}
    features = composition(pairs.proteins)
    found = {}
    for number, baseline in enumerate(BASELINES):
        report("Training baselines", number, len(BASELINES))
        found[baseline.name] = baseline.probabilities(pairs.train, pairs.indexed, features, seed=seed)
    report("Training baselines", len(BASELINES), len(BASELINES))
    return found


def _classes(pairs: NumberedPairs) -> np.ndarray | None:
    return None if pairs.seen is None else novelty.classes(pairs.seen, pairs.indexed.a, pairs.indexed.b)


def _is_enough(labels: np.ndarray) -> bool:
    return min(np.sum(labels == 0), np.sum(labels == 1)) >= FEWEST


def _class(name: str, rows: np.ndarray, pairs: NumberedPairs, figures: _Figures) -> ClassFigures:
    labels = pairs.indexed.labels[rows]
    enough = _is_enough(labels)
    few = f"Fewer than {FEWEST} pairs of one label: too few for figures." if len(rows) else "No pair here."
    return ClassFigures(
        name=name,
        n_pairs=len(rows),
        n_positive=int(labels.sum()),
        n_proteins=len(np.union1d(pairs.indexed.a[rows], pairs.indexed.b[rows])),
        measures=figures.of(name) if enough else {},
        note="" if enough else few,
    )


def _with_columns(
    scores: pd.DataFrame, pairs: NumberedPairs, groups: np.ndarray | None, rankings: Mapping[str, Ranking]
) -> pd.DataFrame:
    """All rows, with their class and what the baselines say of them."""
    table = scores.drop(columns=[CLASS], errors="ignore").copy()
    scored = (table["status"] != Status.ERROR).to_numpy()
    if groups is not None and "trust_class" not in table:  # what the scoring told already
        values = np.full(len(table), "", dtype=object)
        values[scored] = groups
        table[CLASS] = values
    for name, ranking in rankings.items():
        if name != "model":
            column = np.full(len(table), np.nan)
            column[scored] = ranking.probabilities
            table[f"probability ({name})"] = column
    return table
