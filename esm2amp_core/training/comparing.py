"""Several architectures on one data set: the ablation of the publication, as one table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from esm2amp_core.bundles import WEIGHTS, Manifest, read_manifest
from esm2amp_core.errors import UserError
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.progress import Report, silent
from esm2amp_core.training.bundling import train_bundle
from esm2amp_core.training.changes import changes
from esm2amp_core.training.fit import Entry
from esm2amp_core.training.prepare import VALIDATION, Prepared
from esm2amp_core.training.recipe import Recipe

TABLE = "comparison.csv"


def compare(
    prepared: Prepared,
    recipes: Sequence[Recipe],
    folder: Path,
    *,
    device: str = "auto",
    facts: Mapping[str, Any] | None = None,
    on_model: Callable[[str], None] = lambda architecture: None,
    on_epoch: Callable[[Entry], None] = lambda entry: None,
    report: Report = silent,
) -> pd.DataFrame:
    """Train each recipe into ``folder/ARCHITECTURE`` and write ``folder/comparison.csv``.

    What an earlier call finished is taken over, what it left half done goes on.

    Parameters
    ----------
    prepared : Prepared
        With validation pairs.
    recipes : sequence of Recipe
        Of different architectures.
    folder : Path
    device, facts, on_epoch, report
        As for `train_bundle`.
    on_model : callable
        Called with the name of each architecture before it is trained.

    Returns
    -------
    DataFrame
        One row per architecture, in the order given: its size, its best epoch, its validation figures.

    Raises
    ------
    UserError
        If `folder` holds a model of other data or settings.
    """
    rows = []
    for recipe in recipes:
        bundle = folder / recipe.architecture
        if bundle.exists():
            manifest = _finished(bundle, prepared, recipe)
        else:
            on_model(recipe.architecture)
            state = folder / f"{recipe.architecture}.training"
            manifest = train_bundle(
                prepared, recipe, bundle, device=device, checkpoint=state, facts=facts, on_epoch=on_epoch,
                report=report,
            )  # fmt: skip
        rows.append(_row(manifest, bundle))
    table = pd.DataFrame(rows)
    with whole_file(folder / TABLE) as part:
        table.to_csv(part, index=False, lineterminator="\n")
    return table


def _finished(bundle: Path, prepared: Prepared, recipe: Recipe) -> Manifest:
    """The card of a model that is there already, if it is the one that would be trained."""
    manifest = read_manifest(bundle)
    then = {name: manifest.training.get(name, {}) for name in ("data", "classifier")}
    now = json.loads(json.dumps({"data": prepared.facts, "classifier": recipe.facts()}, default=str))
    differing = changes({**then, "encoder": manifest.encoder.revision},
                        {**now, "encoder": prepared.encoder.ref.revision})
    if differing:
        raise UserError(f"{bundle} was trained otherwise: {'; '.join(differing)}.",
                        hint="Name another folder, or remove that model.")
    return manifest


def _row(manifest: Manifest, bundle: Path) -> dict[str, Any]:
    training = manifest.training
    return {
        "architecture": manifest.architecture,
        "megabytes": round((bundle / WEIGHTS).stat().st_size / 1e6, 2),
        "best_epoch": training["best_epoch"],
        "n_epochs": training["n_epochs"],
        **manifest.metrics[VALIDATION],
    }
