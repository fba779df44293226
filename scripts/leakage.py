"""Leakage, shown: one kind of model, trained on two splits of the same pairs, measured inside and outside.

The published training pairs (Pan et al. 2010) hold a trap: most of their proteins occur with one label only.
Split by pair, a model can answer from memory, and its figures say nothing of new proteins. Makes the table
of docs/leakage.md::

    python scripts/leakage.py --data ../shared/data --work runs/leakage
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

from esm2amp_core.settings import Settings
from esm2amp_core.training.bundling import train_bundle
from esm2amp_core.training.fit import FitSettings
from esm2amp_core.training.measuring import DataSet, measure_bundle
from esm2amp_core.training.prepare import Sources, prepare
from esm2amp_core.training.recipe import Recipe

RECIPE = Recipe(
    architecture="siamese",
    settings=FitSettings(rate=1e-3, weight_decay=0.05, batch_pairs=512, epochs=12, patience=4,
                         plateau_patience=1, plateau_factor=0.3),
)  # fmt: skip
SPLITS = ("split_random", "split_strict")


def write_parts(pairs: pd.DataFrame, split: str, folder: Path) -> dict[str, Path]:
    """One table per part of a split."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for part, rows in pairs.groupby(split):
        paths[str(part)] = folder / f"{part}.tsv"
        rows[["protein_a", "protein_b", "label"]].to_csv(paths[str(part)], sep="\t", index=False)
    return paths


def run(split: str, data: Path, work: Path, encoder: str, settings: Settings) -> dict[str, Any]:
    """Train under one split; figures on its own test part and on the leakage-free benchmark."""
    pan, bernett = data / "ppi_human_pan", data / "ppi_human_bernett"
    pairs = pd.read_csv(pan / "pairs.tsv.gz", sep="\t", dtype=str, keep_default_na=False)
    parts = write_parts(pairs, split, work / split)
    proteins = pan / "proteins.tsv.gz"
    bundle = work / f"model_{split}"
    if not bundle.exists():
        prepared = prepare(Sources(pairs=parts["train"], validation=parts["val"], sequences=proteins,
                                   encoder=encoder, allow_leaks=True), settings, warn=print)
        train_bundle(prepared, RECIPE, bundle, on_epoch=print)
    own = DataSet(name="own", title="Own test part", pairs=parts["test"], sequences=proteins,
                  train=parts["train"])
    outside = DataSet(name="bernett", title="Leakage-free benchmark, test part",
                      pairs=bernett / "test.tsv.gz", sequences=bernett / "proteins.tsv.gz")
    return {data_set.name: measure_bundle(bundle, data_set, settings)[0] for data_set in (own, outside)}


def main() -> None:
    """Run both splits and print the figures."""
    parser = argparse.ArgumentParser(description="Measure the same model under a leaky and a strict split.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/leakage"))
    parser.add_argument("--encoder", default="starter", help="a model whose encoder is meant, or a folder")
    options = parser.parse_args()
    settings = Settings(workspace=options.work / "workspace", device="cpu", precision="float32",
                        max_pairs=1_000_000)
    figures = {split: run(split, options.data, options.work, options.encoder, settings) for split in SPLITS}
    (options.work / "leakage.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
