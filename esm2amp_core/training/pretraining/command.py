"""Pre-train the starter's language model.

Usage::

    python -m esm2amp_core.training.pretraining --data ../shared/data -o runs/encoder --minutes 60 --compile
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from esm2amp_core.training.pretraining.annotations import Annotations, read_annotations
from esm2amp_core.training.pretraining.corpus import Corpus, read_index, sequences_of
from esm2amp_core.training.pretraining.run import PretrainSettings, Run, export_encoder, pretrain
from esm2amp_core.training.pretraining.windows import Windows

VALIDATION_PART = 25
"""One annotated protein in so many is kept for validation."""


def make_windows(
    sequences: list[str], weights: np.ndarray, annotations: Annotations, settings: PretrainSettings
) -> Windows:
    """Windows over plain sequences followed by annotated ones, which make up their share of residues."""
    plain = float(weights @ np.array([min(len(s), 1024) for s in sequences]))
    share = settings.annotated_share
    # Where a protein works counts twice: it says most about whom it can meet.
    telling = (annotations.classes[:, :3] >= 0).any(axis=1) | ~np.isnan(annotations.terms[:, 0])
    known = np.where(telling, 2.0, 1.0)
    annotated = float(known @ np.array([min(len(s), 1024) for s in annotations.sequences]))
    known *= plain / annotated * share / (1 - share)
    corpus = Corpus.of([*sequences, *annotations.sequences], np.concatenate([weights, known]))
    return Windows(corpus, annotations, settings.windows, settings.batch_tokens, settings.seed)


def read_windows(
    data: Path, rows: pd.DataFrame, annotations: Annotations, settings: PretrainSettings
) -> tuple[Windows, Windows]:
    """Windows for training and for validation."""
    is_valid = np.arange(len(annotations)) % VALIDATION_PART == 0
    made = []
    for split, chosen in (("train", ~is_valid), ("valid", is_valid)):
        part = rows[rows["split"] == split]
        sequences = sequences_of(data / "pretrain_sequences" / "sequences.fasta.gz", part)
        made.append(make_windows(sequences, part["weight"].to_numpy(float),
                                 annotations.select(np.flatnonzero(chosen)), settings))
    return made[0], made[1]


def describe(run: Run, rows: pd.DataFrame, annotations: Annotations, n_excluded: int) -> dict[str, object]:
    """Facts for the model's card: data, exclusions, settings, losses."""
    train = rows[rows["split"] == "train"]
    classes = {task: int((annotations.classes[:, i] >= 0).sum())
               for i, task in enumerate(annotations.tasks.classes)}
    return {"data": "Natural protein sequences (UniProt, NCBI), 90 % non-redundant; part `train`",
            "n_sequences": len(train), "n_residues": int(train["length"].astype(int).sum()),
            "n_validation_sequences": int((rows["split"] == "valid").sum()),
            "n_excluded": rows.attrs["n_excluded"],
            "excluded": "rows whose 90 % cluster holds a protein of the benchmark's val or test split",
            "annotations": {
                "n_proteins": len(annotations), **classes,
                "go": int((~np.isnan(annotations.terms[:, 0])).sum()),
                "n_go_terms": len(annotations.tasks.terms),
                "melting": int((~np.isnan(annotations.melting)).sum()), "n_excluded": n_excluded,
                "excluded": "annotated sequences similar to a protein of the val or test split",
            },
            "tokens_read": run.step * run.settings.batch_tokens, "steps": run.step,
            "minutes": round(run.seconds / 60, 1), "settings": asdict(run.settings),
            "final": run.history[-1] if run.history else {}, "history": run.history}


def parse_window(text: str) -> tuple[int, float]:
    """Read ``LENGTH=SHARE``."""
    length, _, share = text.partition("=")
    return int(length), float(share)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m esm2amp_core.training.pretraining",
                                     description="Pre-train a small ESM-2 on sequences and annotations.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("--exclude", type=Path, required=True,
                        help="file of sequences, one per line, whose annotations must not be used")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of checkpoint and encoder")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0.0, help="length of the run by the clock")
    length.add_argument("--steps", type=int, default=0, help="length of the run in batches; reproducible")
    for option in fields(PretrainSettings):
        if option.name in ("layers", "width", "heads", "feed_forward", "batch_tokens", "seed"):
            parser.add_argument(f"--{option.name.replace('_', '-')}", type=int, default=option.default)
        elif option.name in ("peak_rate", "annotated_share"):
            parser.add_argument(f"--{option.name.replace('_', '-')}", type=float, default=option.default)
    parser.add_argument("--window", type=parse_window, action="append", default=[], metavar="LENGTH=SHARE",
                        help="tokens of a window and the share of batches of it; may be repeated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-seconds", type=float, default=240.0)
    parser.add_argument("--compile", action="store_true", help="fuse the network; needs a C++ compiler")
    parser.add_argument("--export-only", action="store_true", help="write the encoder of the last checkpoint")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    names = {option.name for option in fields(PretrainSettings)}
    given = {name: value for name, value in vars(options).items() if name in names}
    windows = tuple(options.window) or PretrainSettings.windows
    settings = PretrainSettings(**given, windows=windows)
    options.output.mkdir(parents=True, exist_ok=True)
    excluded = options.exclude.read_text(encoding="ascii").split()
    annotations = read_annotations(options.data, excluded=excluded)
    rows = read_index(options.data / "pretrain_sequences" / "index.tsv.gz", favour=settings.favour)
    run = Run.open(settings, annotations.tasks, options.output / "checkpoint.pt")
    if not options.export_only:
        train, valid = read_windows(options.data, rows, annotations, settings)
        pretrain(run, train, valid, options.output / "checkpoint.pt",
                 checkpoint_seconds=options.checkpoint_seconds, compiled=options.compile)
    export_encoder(run, options.output / "encoder")
    facts = json.dumps(describe(run, rows, annotations, len(excluded)), indent=2) + "\n"
    (options.output / "pretraining.json").write_text(facts, encoding="utf-8")
