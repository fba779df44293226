"""From a trained bundle of the recipe to the one that comes with the program: figures, card, reports."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from esm2amp_core.bundles import ENCODER, EXPLAINERS, MANIFEST, REPORTS, SELFCHECK, WEIGHTS, read_manifest
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.settings import Settings
from esm2amp_core.training import bundling
from esm2amp_core.training.kinds import Kinds, measure_kinds, spans_membrane
from esm2amp_core.training.measuring import DataSet, measure_bundle
from esm2amp_core.training.prepare import VALIDATION, Prepared
from esm2amp_core.training.starter_card import ABLATION, CARDS, CITATION, LICENCE, LOOKS, limitations


def ship(
    folder: Path, target: Path, prepared: Prepared, data_sets: Sequence[DataSet], settings: Settings
) -> None:
    """Measure a bundle and write it, with its card, to where it is shipped.

    Without `data_sets` nothing is measured on them: figures and reports that are shipped already stay where
    they are of the same weights.
    """
    bundle = ModelBundle.load(folder)
    metrics, files = kept_figures(target, bundle)
    metrics |= bundle.manifest.metrics
    for data_set in data_sets:
        metrics[data_set.name], report = measure_bundle(folder, data_set, settings)
        files |= {f"{REPORTS}/{data_set.name}/{file}": content for file, content in report.items()}
        print(json.dumps({data_set.name: metrics[data_set.name]}), flush=True)
    card, kinds = CARDS[folder.name], kinds_told_apart(bundle, prepared)
    manifest = replace(
        bundle.manifest, title=card.title, summary=card.summary, limitations=limitations(kinds),
        licence=LICENCE, citation=CITATION, metrics=metrics,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        training={**bundle.manifest.training, "ablation": ABLATION, "kinds_told_apart": asdict(kinds),
                  "looks_at_the_test_set": LOOKS},
    )  # fmt: skip
    files |= {name: (folder / name).read_bytes() for name in bundling.EXTRAS if (folder / name).exists()}
    # Not among the bundle's checksums: each has its own, and names the weights that it belongs to.
    explainers = _files(target, EXPLAINERS)
    save_bundle(target, manifest, bundle.classifier, encoder_folder=folder / ENCODER,
                selfcheck=json.loads((folder / SELFCHECK).read_text(encoding="utf-8")),
                extras=files, replace_existing=True)
    for name, content in explainers.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(content)


def kept_figures(target: Path, bundle: ModelBundle) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What a shipped bundle of the same weights holds beside them: its figures and reports."""
    if not (target / MANIFEST).exists():
        return {}, {}
    shipped, models = read_manifest(target), set()
    for manifest in (shipped, bundle.manifest):
        models.add((manifest.checksums[WEIGHTS], manifest.encoder.revision))
    if len(models) > 1:
        return {}, {}
    return dict(shipped.metrics), _files(target, REPORTS)


def _files(folder: Path, part: str) -> dict[str, bytes]:
    """Contents of the files in one part of a folder, by relative path."""
    paths = sorted(path for path in (folder / part).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def kinds_told_apart(bundle: ModelBundle, prepared: Prepared) -> Kinds:
    """How far kinds of proteins explain what the model says of the validation pairs."""
    valid = prepared.data.pairs(VALIDATION, FEATURE_SETS[bundle.manifest.feature_set])
    logits = bundling.product_logits(bundle, valid)
    spanning = [spans_membrane(protein.sequence) for protein in prepared.data.proteins]
    return measure_kinds(valid.labels.numpy().astype(int), logits, valid.index.numpy(), np.array(spanning))
