"""The command that pre-trains the starter's language model."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd
import torch

from esm2amp_core.training.pretraining.corpus import Corpus, read_index, sequences_of
from esm2amp_core.training.pretraining.run import (
    PretrainSettings,
    Run,
    export_encoder,
    pretrain,
    save_description,
)
from esm2amp_core.training.pretraining.windows import Windows

CHECKPOINT, ENCODER, DESCRIPTION, FACTS = "checkpoint.pt", "encoder", "description.safetensors", "facts.json"


def read_windows(folder: Path, rows: pd.DataFrame, settings: PretrainSettings) -> dict[str, Windows]:
    """Windows of each split of the index: ``train`` and ``valid``."""
    windows = {}
    for split, part in rows.groupby("split"):
        corpus = Corpus.of(sequences_of(folder / "sequences.fasta.gz", part), part["weight"].to_numpy(float))
        windows[str(split)] = Windows(corpus, settings.windows, settings.batch_tokens, settings.seed)
    return windows


def describe(run: Run, rows: pd.DataFrame) -> dict[str, object]:
    """Facts for the model's card: data, exclusions, settings, losses."""
    train = rows[rows["split"] == "train"]
    return {"data": "Natural protein sequences (UniProt, NCBI), 90 % non-redundant; part `train`",
            "n_sequences": len(train), "n_residues": int(train["length"].astype(int).sum()),
            "n_validation_sequences": int((rows["split"] == "valid").sum()),
            "n_excluded": rows.attrs["n_excluded"],
            "excluded": "rows whose 90 % cluster holds a protein of the benchmark's val or test split",
            "objectives": "Masked residues in a quarter of the windows; in the others 129 numbers of each "
                          "residue's surroundings that follow from the sequence.",
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
                                     description="Pre-train a small ESM-2 on protein sequences.")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the data sets")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of checkpoint and encoder")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0.0, help="length of the run by the clock")
    length.add_argument("--steps", type=int, default=0, help="length of the run in batches; reproducible")
    for option in fields(PretrainSettings):
        if option.name in ("layers", "width", "heads", "feed_forward", "batch_tokens", "seed"):
            parser.add_argument(f"--{option.name.replace('_', '-')}", type=int, default=option.default)
    parser.add_argument("--peak-rate", type=float, default=PretrainSettings.peak_rate)
    parser.add_argument("--window", type=parse_window, action="append", default=[], metavar="LENGTH=SHARE",
                        help="tokens of a window and the share of batches of it; may be repeated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-seconds", type=float, default=240.0)
    parser.add_argument("--compile", action="store_true", help="fuse the network; needs a C++ compiler")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    names = {option.name for option in fields(PretrainSettings)}
    given = {name: value for name, value in vars(options).items() if name in names}
    settings = PretrainSettings(**given, windows=tuple(options.window) or PretrainSettings.windows)
    options.output.mkdir(parents=True, exist_ok=True)
    run = Run.open(settings, options.output / CHECKPOINT)
    folder = options.data / "pretrain_sequences"
    rows = read_index(folder / "index.tsv.gz", favour=settings.favour)
    windows = read_windows(folder, rows, settings)
    pretrain(run, windows["train"], windows["valid"], options.output / CHECKPOINT,
             checkpoint_seconds=options.checkpoint_seconds, compiled=options.compile)
    export_encoder(run, options.output / ENCODER)
    save_description(run, options.output / DESCRIPTION)
    facts = json.dumps(describe(run, rows), indent=2) + "\n"
    (options.output / FACTS).write_text(facts, encoding="utf-8")
