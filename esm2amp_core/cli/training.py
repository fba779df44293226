"""``esm2amp train``, ``esm2amp tune`` and ``esm2amp compare``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esm2amp_core.cli.console import NOTES, OUTPUT, reporting
from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings

SOME_ROWS_FAILED = 3

if TYPE_CHECKING:
    from esm2amp_core.bundles import Manifest
    from esm2amp_core.training.prepare import Prepared, Sources

Pairs = Annotated[Path, typer.Option(help="Labelled training pairs: CSV, TSV or XLSX, also .gz.")]
Validation = Annotated[Path, typer.Option(help="Labelled validation pairs, of other proteins.")]
Sequences = Annotated[Path | None, typer.Option(help="FASTA, or a table with protein and sequence.")]
EncoderName = Annotated[
    str, typer.Option(help="ESM-2 model: folder, Hugging Face id, or a model of `esm2amp models list`.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder of the new model.")]
Label = Annotated[str, typer.Option(help="Column of the labels (1 interacts, 0 does not).")]
AllowLeaks = Annotated[bool, typer.Option("--allow-leaks", help="Go on if validation repeats training pairs.")]
CopyEncoder = Annotated[
    bool | None,
    typer.Option("--copy-encoder/--refer-to-encoder", help="Put the encoder into the model, or its place."),
]
Size = Annotated[list[str] | None, typer.Option(help="A layer size, such as layers=2; may be repeated.")]
Dropout = Annotated[float | None, typer.Option(help="Dropout rate of the body.")]
Batch = Annotated[int, typer.Option(min=1, help="Pairs per step.")]
Epochs = Annotated[int, typer.Option(min=1, help="Epochs at most.")]
Patience = Annotated[int, typer.Option(min=1, help="Epochs without a better validation AUROC.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same machine: same weights.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="Of training: auto, float32 or bfloat16.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")]


def train(
    pairs: Pairs,
    validation: Validation,
    output: Output,
    sequences: Sequences = None,
    architecture: Annotated[str, typer.Option(help="amps, amp_cse, gru, mean or dpm.")] = "amps",
    encoder: EncoderName = "",
    label: Label = "",
    size: Size = None,
    dropout: Dropout = None,
    rate: Annotated[float | None, typer.Option(help="Learning rate; the published one if absent.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="The published one if absent.")] = None,
    batch: Batch = 256,
    epochs: Epochs = 35,
    patience: Patience = 10,
    averaging: Annotated[float, typer.Option(help="Decay of a running average of weights; 0: none.")] = 0.0,
    seed: Seed = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    title: Annotated[str, typer.Option(help="What people see.")] = "",
    allow_leaks: AllowLeaks = False,
    copy_encoder: CopyEncoder = None,
    resume: Resume = False,
) -> None:
    """Train a classifier on labelled pairs and make a model of it that everything here can use.

    The epoch with the best validation AUROC is kept, calibrated and measured on the validation pairs. A run
    that was stopped goes on from its last epoch with --resume, and ends with the same weights.
    """
    from esm2amp_core.training.bundling import check_new, train_bundle
    from esm2amp_core.training.recipe import Recipe

    check_new(output)
    state = state_file(output)
    check_state(state, resume=resume)
    chosen = {"rate": rate, "weight_decay": weight_decay, "batch_pairs": batch, "epochs": epochs,
              "patience": patience, "averaging": averaging, "precision": precision, "seed": seed}  # fmt: skip
    recipe = Recipe.published(
        architecture, **{name: value for name, value in chosen.items() if value is not None}
    ).with_body(read_sizes(size), dropout)
    sources = _sources(pairs, validation, sequences, encoder, label, allow_leaks)
    with reporting() as report:
        prepared = _prepare(sources, device, copy_encoder, report)
        manifest = train_bundle(
            prepared, recipe, output, device=device, checkpoint=state, title=title, facts=command_facts(),
            on_epoch=print_epoch, report=report,
        )  # fmt: skip
    _tell(manifest, output)
    if any(part.left_out.size for part in prepared.data.parts.values()):
        raise typer.Exit(SOME_ROWS_FAILED)


def state_file(output: Path) -> Path:
    """Where a run is kept until its model is written: beside the model."""
    return output.with_name(f"{output.name}.training")


def check_state(state: Path, *, resume: bool) -> None:
    """Refuse to go on with, or to overwrite, an earlier run that nobody spoke of."""
    if state.exists() and not resume:
        raise UserError(f"{state} holds a run that was interrupted.",
                        hint="Add --resume to go on with it, or remove that file to begin anew.")


def read_sizes(texts: list[str] | None) -> dict[str, int]:
    """Layer sizes of the command line: ``["layers=2"]`` is ``{"layers": 2}``."""
    sizes = {}
    for text in texts or []:
        name, _, number = text.partition("=")
        if not number.strip().isdecimal():
            raise UserError(f"--size is {text!r}.", hint="Write a name and a whole number: --size layers=2.")
        sizes[name.strip()] = int(number)
    return sizes


def command_facts() -> dict[str, Any]:
    """How this was called, for the model's card."""
    return {"command": shlex.join(["esm2amp", *sys.argv[1:]])}


def print_epoch(entry: dict[str, float]) -> None:
    """One line per epoch, for logs and for people."""
    NOTES.print(
        f"epoch {entry['epoch']:3d}  loss {entry['train_loss']:.4f}  validation: loss {entry['valid_loss']:.4f}"
        f"  AUROC {entry['valid_auroc']:.4f}  AUPR {entry['valid_aupr']:.4f}  MCC {entry['valid_mcc']:.4f}"
        f"  accuracy {entry['valid_accuracy']:.4f}  rate {entry['rate']:.2e}"
    )


def _sources(
    pairs: Path, validation: Path | None, sequences: Path | None, encoder: str, label: str, allow_leaks: bool
) -> Sources:
    from esm2amp_core.training.prepare import Sources

    return Sources(pairs=pairs, validation=validation, sequences=sequences, encoder=encoder, label=label,
                   allow_leaks=allow_leaks)


def _prepare(sources: Sources, device: str, copy_encoder: bool | None, report: Any) -> Prepared:
    from esm2amp_core.training.prepare import prepare

    settings = Settings.from_environment()
    return prepare(
        sources, settings, device=device, copy_encoder=copy_encoder, warn=NOTES.print, report=report
    )


def _tell(manifest: Manifest, folder: Path) -> None:
    """What came out."""
    figures, training = manifest.metrics["validation"], manifest.training
    OUTPUT.print(
        f"{folder}: best epoch {training['best_epoch']} of {training['n_epochs']}. Validation: AUROC "
        f"{figures['auroc']:.4f}, AUPR {figures['aupr']:.4f}, MCC {figures['mcc']:.4f}, accuracy "
        f"{figures['accuracy']:.4f}, {figures['n_pairs']:,} pairs."
    )
    OUTPUT.print(manifest.calibration)
    for limitation in manifest.limitations:
        OUTPUT.print(f"Mind: {limitation}")
    OUTPUT.print(f"Use it with: esm2amp predict PAIRS -o RESULTS --bundle {shlex.quote(str(folder))}")
