"""Figures of a bundle on labelled pairs it was not trained on, for its card."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from esm2amp_core.evaluation.evaluating import evaluate
from esm2amp_core.evaluation.files import write_report
from esm2amp_core.evaluation.numbered import Known
from esm2amp_core.evaluation.provenance import about_file, about_model
from esm2amp_core.labelled import read_labelled
from esm2amp_core.pairs import Limits, PairTable
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report, silent
from esm2amp_core.settings import Settings

SHOWN = ("auroc", "aupr", "accuracy", "mcc", "ece")
SCORES = "scores.csv"


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Labelled pairs to measure on.

    Attributes
    ----------
    name, title : str
        Of the report's folder; for people.
    pairs, sequences : Path
    train : Path or None
        Labelled training pairs for the baselines, of proteins in `sequences`; None for no baselines.
    keep : mapping of str to str
        Only rows with these values in these columns.
    composition : float or None
        AUROC known for composition and length alone, trained on the same pairs.
    """

    name: str
    title: str
    pairs: Path
    sequences: Path
    train: Path | None = None
    keep: Mapping[str, str] = field(default_factory=dict)
    composition: float | None = None


def measure_bundle(
    folder: Path, data_set: DataSet, settings: Settings, *, report: Report = silent
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Score and measure as `esm2amp evaluate` does.

    Returns
    -------
    figures : dict
        ``auroc`` and others with their 95 % intervals ``auroc_low``, ``auroc_high``; counts of pairs.
    report : dict of str to bytes
        Files of the report by name, without the scores of single pairs.
    """
    predictor = Predictor.load(folder, settings=settings)
    table = _read(data_set.pairs, data_set, settings)
    wanted = np.logical_and.reduce([table.frame[column] == value for column, value in data_set.keep.items()])
    table = replace(table, frame=table.frame[wanted].reset_index(drop=True)) if data_set.keep else table
    train = None if data_set.train is None else _read(data_set.train, data_set, settings)
    scores = predictor.predict(table, report=report).frame
    evaluation = evaluate(
        scores, table.proteins, threshold=predictor.bundle.manifest.threshold, title=data_set.title,
        model=about_model(predictor), known=Known(pairs=train, reference=predictor.reference),
        data=about_file("pairs", data_set.pairs) | about_file("sequences", data_set.sequences), report=report,
    )  # fmt: skip
    measures, found = evaluation.report.measures, scores["probability"].notna()
    figures: dict[str, Any] = {"n_pairs": int(found.sum()), "n_left_out": int((~found).sum()),
                               "n_positive": int(scores.loc[found, "label"].sum())}
    for name in SHOWN:
        interval = measures[name]
        figures |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    for baseline in evaluation.report.baselines:
        figures[f"auroc of {baseline.title}"] = baseline.measures["auroc"].value
    if data_set.composition is not None:
        figures["auroc of composition and length"] = data_set.composition
    with tempfile.TemporaryDirectory() as scratch:
        write_report(evaluation, place := Path(scratch) / "report")
        files = {path.name: path.read_bytes() for path in sorted(place.iterdir()) if path.name != SCORES}
    return figures, files


def _read(pairs: Path, data_set: DataSet, settings: Settings) -> PairTable:
    return read_labelled(pairs, data_set.sequences, limits=Limits(max_residues=settings.max_residues),
                         max_pairs=settings.max_pairs, max_file_mb=settings.max_file_mb)
