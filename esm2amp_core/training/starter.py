"""The recipe of ``data/models/starter``: a small model that works out of the box.

One command goes from sequences to the finished bundle; whatever lies in the work folder already
is not made again::

    python -m esm2amp_core.training.starter --work runs/starter -o data/models/starter --test

1. Pre-train a small ESM-2 by masked language modelling, without sequences related to the
   benchmark's validation and test proteins (`pretrain`).
2. Rescale its last norm so that segment means of training proteins have mean 0 and variance 1.
3. Train the `amps` classifier on the benchmark's training pairs (`fit`); all choices by validation AUROC.
4. Fit the temperature on validation pairs, write the bundle, and measure it as the program itself
   scores pairs. ``--test`` adds the test pairs; look at them once.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from transformers import EsmForMaskedLM, EsmTokenizer

from esm2amp_core.bundles import ENCODER, EncoderRef, Manifest
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.features import FEATURE_SETS, ProteinFeatures
from esm2amp_core.models.amp import Amps
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictor import Predictor
from esm2amp_core.selfcheck import make_self_check
from esm2amp_core.sequences import Protein
from esm2amp_core.training.pretraining import command as pretraining
from esm2amp_core.training.evaluate import fit_temperature, measure
from esm2amp_core.training.fit import FitResult, FitSettings, LabelledPairs, fit, score
from esm2amp_core.training.warm_start import WarmStartSettings, warm_start

PRETRAINING = ("--minutes", "25", "--peak-rate", "8e-4", "--heads", "4", "--batch-tokens", "4096",
               "--threads", "1", "--compile",
               "--favour", "human=3", "--favour", "multispecies=3", "--favour", "maetschke_Mmusc=3")
SIZES = {"layers": 1, "heads": 8, "feedforward": 256, "hidden1": 128, "hidden2": 32}
DROPOUT = 0.1
WARM_STARTS = (
    WarmStartSettings(epochs=12, kept_tokens=10, batch_pairs=4096, dropout=0.3, weight_decay=0.1),
    WarmStartSettings(epochs=16, kept_tokens=10, batch_pairs=2048, dropout=0.3, weight_decay=0.1),
)
SETTINGS = FitSettings(rate=5e-5, weight_decay=0.05, epochs=1, averaging=0.99)
SEGMENTS = FEATURE_SETS["segments"]
MAX_RESIDUES = 2_700
"""Longer proteins are neither trained on nor scored: the program refuses them."""
TRAINING_RESIDUES = 1_500
"""Training pairs with a longer protein are left out to save time."""
N_STANDARD = 150
"""Training proteins from which the scale of the features is taken."""
CACHE_MB = 2_000
FLOORS = {"composition and length, boosted trees": {"auroc": 0.586},
          "dipeptides, small symmetric network": {"auroc": 0.60},
          "published, TUnA with ESM-2 150M": {"auroc": 0.692, "aupr": 0.681, "accuracy": 0.639}}
LIMITATIONS = (
    "On the public test pairs it ranks worse than amino-acid composition and length alone (AUROC 0.586): "
    "it is for trying the program, not for judging proteins.",
    "A small language model trained for 25 minutes on one processor core: it is there so that the "
    "program works at once. The published ESM-2 with 650 million parameters tells far more.",
    "Trained and measured on human proteins only.",
    "Negative training pairs are pairs never reported to interact; some of them do. "
    "Positive ones include members of one complex that do not touch.",
    "In training and measurement half of the pairs interact. Where interactions are rare, most pairs "
    "called interacting are not, whatever the probability says.",
)
CITATION = (
    "Method: ESM2_AMP, Brief Bioinform 2025, doi 10.1093/bib/bbaf434. Encoder architecture: Lin et al., "
    "Science 2023, doi 10.1126/science.ade2574. Pairs: Bernett, Blumenthal and List, Brief Bioinform 2024, "
    "doi 10.1093/bib/bbae076. Sequences: UniProt, CC BY 4.0."
)
LICENCE = "CC BY 4.0 (weights trained here; sequences from UniProt, CC BY 4.0)"


@dataclass(frozen=True)
class Benchmark:
    """The leakage-free human interaction benchmark.

    Attributes
    ----------
    proteins : dict of str to Protein
    splits : dict of str to DataFrame
        ``train``, ``val``, ``test``; columns protein_a, protein_b, label.
    """

    proteins: dict[str, Protein]
    splits: dict[str, pd.DataFrame]

    def proteins_of(self, split: str, *, longest: int = MAX_RESIDUES) -> list[Protein]:
        """Proteins of a split's pairs with at most so many residues, each once."""
        frame = self.splits[split]
        names = pd.unique(pd.concat([frame["protein_a"], frame["protein_b"]]))
        return [p for p in map(self.proteins.__getitem__, names) if len(p.sequence) <= longest]

    def labelled(self, split: str, features: ProteinFeatures) -> LabelledPairs:
        """Pairs of a split of which both proteins have features."""
        rows, frame = features.rows(), self.splits[split]
        index = np.array([[rows.get(self.proteins[name].digest, -1) for name in frame[side]]
                          for side in ("protein_a", "protein_b")]).T
        known = (index >= 0).all(axis=1)
        labels = frame["label"].to_numpy(np.float32)
        return LabelledPairs(torch.from_numpy(features.select(SEGMENTS)), torch.from_numpy(index[known]),
                             torch.from_numpy(labels[known]))


def read_benchmark(folder: Path) -> Benchmark:
    """Read proteins.tsv.gz, train.tsv.gz, val.tsv.gz and test.tsv.gz."""
    table = pd.read_csv(folder / "proteins.tsv.gz", sep="\t", dtype=str, keep_default_na=False)
    proteins = {name: Protein(name, sequence)
                for name, sequence in zip(table["protein"], table["sequence"], strict=True)}
    kinds = {"protein_a": str, "protein_b": str, "label": int}
    splits = {split: pd.read_csv(folder / f"{split}.tsv.gz", sep="\t", dtype=kinds, keep_default_na=False)
              for split in ("train", "val", "test")}
    return Benchmark(proteins, splits)


def pretrained_encoder(options: argparse.Namespace) -> Path:
    """Folder of the pre-trained encoder; made when it is not there."""
    folder = options.work / "pretraining"
    if not (folder / "encoder" / "config.json").exists():
        data = options.data / "pretrain_sequences"
        pretraining.main(["--sequences", str(data / "sequences.fasta.gz"), "--index", str(data / "index.tsv.gz"),
                       "-o", str(folder), "--seed", str(options.seed), *PRETRAINING])
    return folder / "encoder"


def embed(proteins: Iterable[Protein], encoder: Path, cache: FeatureCache) -> ProteinFeatures:
    """Features in float32 of proteins that are all short enough.

    Raises
    ------
    ValueError
        If one could not be read.
    """
    embedder = Esm2Embedder.load(encoder, device="cpu", precision="float32", max_residues=MAX_RESIDUES)
    features, failures = embed_pooled(proteins, embedder, cache=cache, report=Milestones())
    if failures:
        raise ValueError(f"{len(failures)} proteins could not be read: {next(iter(failures.values()))}")
    return features


class Milestones:
    """Prints progress at each tenth of the way."""

    def __init__(self) -> None:
        self._last = -1

    def __call__(self, message: str, done: int, total: int) -> None:
        """Called by whoever works; see `progress.Report`."""
        if total and (tenth := 10 * done // total) != self._last:
            self._last = tenth
            print(f"{datetime.now(UTC):%H:%M:%S} {message}: {tenth}0 %", flush=True)


def segment_statistics(features: ProteinFeatures) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of segment tokens: two ndarrays, dtype=float64, shape=(D,)."""
    tokens = features.select(SEGMENTS).reshape(-1, features.width).astype(np.float64)
    return tokens.mean(axis=0), tokens.std(axis=0)


@torch.no_grad()
def standardise(model: EsmForMaskedLM, mean: np.ndarray, scale: np.ndarray) -> None:
    """Make the encoder give ``(states - mean) / scale`` by changing weights alone.

    The last layer norm ends in a scale and a shift per dimension, which take it up; the letter
    head undoes it, so the model predicts the same masked residues as before.

    Parameters
    ----------
    model : EsmForMaskedLM
        Changed in place.
    mean, scale : ndarray, shape=(D,)
    """
    centre, width = (torch.from_numpy(values).double() for values in (mean, scale))
    norm, dense = model.esm.encoder.emb_layer_norm_after, model.lm_head.dense
    weight = dense.weight.double()
    dense.bias.copy_(dense.bias.double() + weight @ centre)
    dense.weight.copy_(weight * width)
    norm.bias.copy_((norm.bias.double() - centre) / width)
    norm.weight.copy_(norm.weight.double() / width)


def standardised_encoder(
    raw_encoder: Path, benchmark: Benchmark, cache: FeatureCache, options: argparse.Namespace
) -> Path:
    """Folder of the encoder as shipped; made when it is not there."""
    # Named as in the bundle: features in the cache are known by the encoder's name, too.
    encoder = options.work / options.output.name / ENCODER
    if not (encoder / "config.json").exists():
        sample = benchmark.proteins_of("train")[:N_STANDARD]
        write_standardised(raw_encoder, encoder, *segment_statistics(embed(sample, raw_encoder, cache)))
    return encoder


def write_standardised(source: Path, target: Path, mean: np.ndarray, scale: np.ndarray) -> None:
    """Write a standardised copy of an encoder."""
    model = EsmForMaskedLM.from_pretrained(source, local_files_only=True)
    standardise(model, mean, scale)
    model.save_pretrained(target)
    EsmTokenizer.from_pretrained(source, local_files_only=True).save_pretrained(target)


def train_classifier(train: LabelledPairs, valid: LabelledPairs, *, seed: int) -> tuple[Amps, FitResult]:
    """Build `amps`, train it without attention, then all of it."""
    torch.manual_seed(seed)
    classifier = Amps(train.features.shape[2], **SIZES, dropout=DROPOUT)
    for settings in WARM_STARTS:
        warm_start(classifier, train, valid, replace(settings, seed=seed), report=print_entry)
    return classifier, fit(classifier, train, valid, replace(SETTINGS, seed=seed), report=print_entry)


def print_entry(entry: dict[str, float]) -> None:
    """Print the figures of one epoch."""
    print(json.dumps(entry), flush=True)


def make_manifest(
    name: str, classifier: Amps, encoder: Path, *, temperature: float, training: dict[str, Any]
) -> Manifest:
    """The card, still without figures."""
    embedder = Esm2Embedder.load(encoder, device="cpu", precision="float32")
    return Manifest(
        name=name, title="Starter model (small, trained from scratch)",
        summary="ESM2_AMPS on a 5-million-parameter ESM-2 of our own; try the program with it.",
        architecture="amps", sizes=classifier.sizes, feature_set=classifier.feature_set,
        encoder=EncoderRef(id="esm2amp/starter-encoder", width=embedder.width, revision=embedder.revision,
                           folder=ENCODER),
        temperature=temperature,
        calibration="Temperature fitted on the validation pairs by least cross-entropy.",
        training=training, limitations=LIMITATIONS, licence=LICENCE, citation=CITATION,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def write_bundle(folder: Path, manifest: Manifest, classifier: Amps, encoder: Path) -> None:
    """Write the bundle with a fresh self-check, in the place of an earlier one."""
    embedder = Esm2Embedder.load(encoder, device="cpu", precision="float32")
    predictor = Predictor(ModelBundle.in_memory(manifest, classifier), embedder)
    save_bundle(folder, manifest, classifier, encoder_folder=encoder, selfcheck=make_self_check(predictor),
                replace_existing=True)


def measure_bundle(folder: Path, benchmark: Benchmark, split: str, cache: FeatureCache) -> dict[str, float]:
    """Figures of a bundle on one split, scored as the program scores pairs, in float32.

    Returns
    -------
    dict of str to float
        As `evaluate.measure`, and ``n_left_out``: pairs the program refuses, for a protein that is too long.
    """
    predictor = Predictor.load(folder, device="cpu", precision="float32", cache=cache)
    frame = benchmark.splits[split][["protein_a", "protein_b"]]
    frame = frame.assign(row=np.arange(1, len(frame) + 1))[["row", "protein_a", "protein_b"]]
    scored = predictor.predict(PairTable(frame, benchmark.proteins), report=Milestones()).frame
    found = scored["probability"].notna().to_numpy()
    labels = benchmark.splits[split]["label"].to_numpy()[found]
    probabilities = scored["probability"].to_numpy(float)[found]
    figures = measure(labels, probabilities, threshold=predictor.bundle.manifest.threshold)
    return {**figures, "n_left_out": int((~found).sum())}


def describe_training(
    encoder: Path, train: LabelledPairs, benchmark: Benchmark, result: FitResult, options: argparse.Namespace
) -> dict[str, Any]:
    """Facts of the whole recipe for the card."""
    facts = json.loads((encoder.parent / "pretraining.json").read_text(encoding="utf-8"))
    facts.pop("history")
    n_given = len(benchmark.splits["train"])
    return {
        "command": "python -m esm2amp_core.training.starter --data ../shared/data --work runs/starter "
                   f"-o data/models/starter --seed {options.seed} --test",
        "seed": options.seed,
        "encoder": facts,
        "classifier": {
            "data": "Human gold standard of Bernett et al. 2024, block Intra1 (training)",
            "n_pairs": len(train), "n_positive": int(train.labels.sum()),
            "n_left_out": n_given - len(train),
            "left_out": f"pairs with a protein over {TRAINING_RESIDUES} residues, to save time",
            "settings": asdict(replace(SETTINGS, seed=options.seed)), "dropout": DROPOUT,
            "warm_starts": [asdict(settings) for settings in WARM_STARTS],
            "best_epoch": result.best_epoch,
        },
        "choices": "Every choice was made on validation pairs (block Intra0). "
                   "The test pairs (Intra2) were scored once, with the finished model.",
        "features": "The encoder's last norm is rescaled so that segments of training proteins have "
                    "mean 0 and variance 1 in each dimension; its masked-residue predictions are unchanged.",
    }


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m esm2amp_core.training.starter",
                                     description="Make the starter bundle from sequences and pairs.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/starter"), help="folder of what is half done")
    parser.add_argument("-o", "--output", type=Path, default=Path("data/models/starter"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--test", action="store_true", help="measure on the test pairs too")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the recipe."""
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    benchmark = read_benchmark(options.data / "ppi_human_bernett")
    cache = FeatureCache(options.work / "features.sqlite", CACHE_MB)
    raw_encoder = pretrained_encoder(options)
    encoder = standardised_encoder(raw_encoder, benchmark, cache, options)
    proteins = [*benchmark.proteins_of("train", longest=TRAINING_RESIDUES), *benchmark.proteins_of("val")]
    features = embed(proteins, encoder, cache)
    train, valid = (benchmark.labelled(split, features) for split in ("train", "val"))
    classifier, result = train_classifier(train, valid, seed=options.seed)
    temperature = fit_temperature(valid.labels.numpy(), score(classifier, valid))
    manifest = make_manifest(options.output.name, classifier, encoder, temperature=temperature,
                             training=describe_training(raw_encoder, train, benchmark, result, options))
    write_bundle(options.output, manifest, classifier, encoder)
    figures = {split: measure_bundle(options.output, benchmark, split, cache)
               for split in ("val", *(["test"] if options.test else []))}
    manifest = replace(manifest, metrics={**figures, "for_comparison_on_test": FLOORS})
    write_bundle(options.output, manifest, classifier, encoder)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
