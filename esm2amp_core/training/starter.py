"""The recipe of ``data/models``: small models that work out of the box.

One command goes from sequences to finished bundles; whatever lies in the work folder already
is not made again::

    python -m esm2amp_core.training.starter --data ../shared/data --work runs/starter -o data/models --test

1. Pre-train a small ESM-2 (`pretraining`), without sequences related to the benchmark's validation and test
   proteins.
2. Rescale its last norm so that segments of training proteins have mean 0 and variance 1 (`standardise`).
3. Train each classifier of `RECIPES` on the benchmark's training pairs; all choices by validation AUROC.
4. Write the bundles with their cards (`shipping`). ``--test`` measures them as `esm2amp evaluate` does, also
   on the public test pairs: look at them once per release, and record it in `starter_card.LOOKS`. Without
   it, figures that are shipped already stay where the weights are the same.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.features import FEATURE_SETS, ProteinFeatures
from esm2amp_core.labelled import read_labelled
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.models.siamese import Siamese
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.training import bundling
from esm2amp_core.training.data import LabelledPairs
from esm2amp_core.training.fit import FitSettings, fit
from esm2amp_core.training.measuring import DataSet
from esm2amp_core.training.prepare import TRAIN, VALIDATION, Prepared, Sources, prepare
from esm2amp_core.training.pretraining import command as pretraining
from esm2amp_core.training.recipe import Recipe
from esm2amp_core.training.shipping import ship
from esm2amp_core.training.standardise import standardised_readout, write_standardised
from esm2amp_core.training.starter_card import ENCODER_ID

PRETRAINING = ("--minutes", "28", "--threads", "1", "--compile")
RECIPES = {
    "starter": Recipe(
        architecture="siamese", dropout=0.3,
        sizes={"readout": 129, "hidden1": 256, "embedding": 64, "hidden2": 64},
        settings=FitSettings(rate=1e-3, weight_decay=0.05, batch_pairs=2048, epochs=20, patience=6,
                             plateau_patience=1, plateau_factor=0.5, averaging=0.98, precision="float32"),
    ),
    "starter_amps": Recipe(
        architecture="amps", dropout=0.2,
        sizes={"layers": 2, "heads": 8, "feedforward": 512, "hidden1": 128, "hidden2": 64},
        settings=FitSettings(rate=2e-4, weight_decay=0.05, epochs=4, patience=2, averaging=0.99),
    ),
}  # fmt: skip
DEFAULT = "starter"
SEGMENTS = FEATURE_SETS["segments"]
MAX_RESIDUES = 2_700
"""Longer proteins are neither trained on nor scored: the program refuses them."""
N_STANDARD = 300
"""Training proteins from which the scale of the states is taken."""


@dataclass(frozen=True)
class StarterEncoder:
    """The shipped language model.

    Attributes
    ----------
    folder : Path
    readout : tuple of Tensor
        Weight (C, D) and bias (C,) of the linear map from its states to the surroundings of a residue.
    facts : dict
        Of its pre-training.
    """

    folder: Path
    readout: tuple[torch.Tensor, torch.Tensor]
    facts: dict[str, object]


def starter_settings(work: Path) -> Settings:
    """Settings under which the recipe reads and scores."""
    return Settings(workspace=work / "workspace", max_residues=MAX_RESIDUES, device="cpu",
                    precision="float32", max_pairs=1_000_000)


def make_encoder(options: argparse.Namespace) -> StarterEncoder:
    """Pre-train and rescale; what is there already is kept."""
    made = options.work / "pretraining"
    if not (made / pretraining.FACTS).exists():
        pretraining.main(["--data", str(options.data), "-o", str(made), "--seed", str(options.seed),
                          *PRETRAINING])
    facts = json.loads((made / pretraining.FACTS).read_text(encoding="utf-8"))
    facts.pop("history")
    mean, scale = segment_statistics(sample_features(options, made / pretraining.ENCODER))
    folder = options.work / ENCODER_ID.rpartition("/")[2]
    write_standardised(made / pretraining.ENCODER, folder, mean, scale)
    description = load_file(made / pretraining.DESCRIPTION)
    readout = standardised_readout(description["weight"], description["bias"], mean, scale)
    return StarterEncoder(folder, readout, facts)


def sample_features(options: argparse.Namespace, encoder: Path) -> ProteinFeatures:
    """Features of some training proteins."""
    table = read_labelled(*benchmark_files(options, "train"), max_pairs=1_000_000)
    proteins = [p for p in table.proteins.values() if len(p.sequence) <= MAX_RESIDUES][:N_STANDARD]
    return embed(proteins, encoder)


def embed(proteins: list[Protein], encoder: Path, cache: FeatureCache | None = None) -> ProteinFeatures:
    """Features in float32.

    Raises
    ------
    ValueError
        If a protein could not be read.
    """
    embedder = Esm2Embedder.load(encoder, device="cpu", precision="float32", max_residues=MAX_RESIDUES)
    features, failures = embed_pooled(proteins, embedder, cache=cache)
    if failures:
        raise ValueError(f"{len(failures)} proteins could not be read: {next(iter(failures.values()))}")
    return features


def segment_statistics(features: ProteinFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of segment tokens: two ndarrays, dtype=float64, shape=(D,)."""
    tokens = features.select(SEGMENTS).reshape(-1, features.width).astype(np.float64)
    return tokens.mean(axis=0), tokens.std(axis=0)


def benchmark_files(options: argparse.Namespace, split: str) -> tuple[Path, Path]:
    """Pairs and proteins of one split of the benchmark."""
    folder = options.data / "ppi_human_bernett"
    return folder / f"{split}.tsv.gz", folder / "proteins.tsv.gz"


def prepare_benchmark(options: argparse.Namespace, encoder: StarterEncoder) -> Prepared:
    """Training and validation pairs with features of the shipped encoder."""
    (train, proteins), (valid, _) = (benchmark_files(options, split) for split in ("train", "val"))
    sources = Sources(pairs=train, validation=valid, sequences=proteins, encoder=str(encoder.folder))
    prepared = prepare(sources, starter_settings(options.work), copy_encoder=True, warn=print,
                       report=Milestones())
    ref = replace(prepared.encoder.ref, id=ENCODER_ID)
    return replace(prepared, encoder=replace(prepared.encoder, ref=ref))


@torch.no_grad()
def read_surroundings(classifier: Siamese, train: LabelledPairs, encoder: StarterEncoder) -> None:
    """Let the read-out give what the encoder learned to describe, scaled over proteins, and keep it so.

    Left free it would be fitted to the few thousand training proteins, and say less of new ones.
    """
    weight, bias = encoder.readout
    proteins = train.features[train.index.unique()].mean(dim=1)                           # (P, D)
    described = proteins @ weight.T + bias                                                # (P, C)
    scale = described.std(dim=0).clamp(min=1e-6)
    classifier.readout.weight.copy_(weight / scale[:, None])
    classifier.readout.bias.copy_((bias - described.mean(dim=0)) / scale)
    classifier.readout.requires_grad_(False)


def train_bundle(
    name: str, prepared: Prepared, encoder: StarterEncoder, options: argparse.Namespace
) -> Path:
    """Train one classifier and write its bundle, still without figures of other data.

    A bundle that is there already is kept.
    """
    folder = options.work / "bundles" / name
    if folder.exists():
        return folder
    recipe = replace(RECIPES[name], settings=replace(RECIPES[name].settings, seed=options.seed))
    train, valid = (prepared.data.pairs(part, SEGMENTS) for part in (TRAIN, VALIDATION))
    classifier: Classifier = recipe.build(prepared.encoder.ref.width)
    if isinstance(classifier, Siamese) and recipe.sizes["readout"] == len(encoder.readout[1]):
        read_surroundings(classifier, train, encoder)
    result = fit(classifier, train, valid, recipe.settings, report=print_entry,
                 checkpoint=options.work / f"{name}.pt")
    bundling.write_bundle(folder, classifier.requires_grad_(False), prepared, recipe, result,
                          facts={"encoder": encoder.facts, "command": command_line(options)})
    return folder


def command_line(options: argparse.Namespace) -> str:
    """How the recipe was called."""
    return f"python -m esm2amp_core.training.starter --data ../shared/data --seed {options.seed} --test"


def print_entry(entry: dict[str, float]) -> None:
    """Print the figures of one epoch."""
    print(json.dumps(entry), flush=True)


class Milestones:
    """Prints progress at each tenth of the way."""

    def __init__(self) -> None:
        self._last = -1

    def __call__(self, message: str, done: int, total: int) -> None:
        """Called by whoever works; see `progress.Report`."""
        if total and (tenth := 10 * done // total) != self._last:
            self._last = tenth
            print(f"{datetime.now(UTC):%H:%M:%S} {message}: {tenth}0 %", flush=True)


def data_sets(options: argparse.Namespace, *, baselines: bool) -> list[DataSet]:
    """What the card reports: the public test pairs, and sets that were never trained on."""
    def files(folder: str) -> dict[str, Path]:
        return {"pairs": options.data / folder / "pairs.tsv.gz",
                "sequences": options.data / folder / "proteins.tsv.gz"}

    (test, proteins), (train, _) = benchmark_files(options, "test"), benchmark_files(options, "train")
    found = [DataSet(name="test", title="Public test pairs of the human gold standard", pairs=test,
                     sequences=proteins, train=train if baselines else None, composition=0.586)]
    # AUROC of composition and length with boosted trees trained on the same pairs, per set.
    for species, floor in (("M.musculus", 0.600), ("D.melanogaster", 0.710), ("E.coli", 0.723),
                           ("A.thaliana", 0.562)):
        found.append(DataSet(name=f"maetschke_{species}", title=f"{species}, Maetschke et al. 2012",
                             **files("ppi_maetschke"), keep={"species": species}, composition=floor))
    found.append(DataSet(name="dscript_E.coli", title="E. coli, test pairs of D-SCRIPT",
                         **files("ppi_dscript_ecoli"), composition=0.708))
    found.append(DataSet(name="realtest", title="The publication's test pairs outside the gold standard",
                         **files("ppi_human_realtest"), keep={"bernett_split": ""}))
    return [data_set for data_set in found if data_set.pairs.exists()]


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m esm2amp_core.training.starter",
                                     description="Make the shipped models from sequences and pairs.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/starter"), help="folder of what is half done")
    parser.add_argument("-o", "--output", type=Path, default=Path("data/models"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--test", action="store_true", help="measure on the test pairs and other sets, too")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the recipe."""
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    encoder = make_encoder(options)
    prepared = prepare_benchmark(options, encoder)
    for name in RECIPES:
        folder = train_bundle(name, prepared, encoder, options)
        measured = data_sets(options, baselines=name == DEFAULT) if options.test else []
        ship(folder, options.output / name, prepared, measured, starter_settings(options.work))


if __name__ == "__main__":
    main()
