"""Options that the training commands share, and how they are read and answered."""

from __future__ import annotations

import shlex
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from esm2amp_core.cli.console import NOTES, OUTPUT
from esm2amp_core.errors import UserError
from esm2amp_core.exports import delimited
from esm2amp_core.files.run_lock import sole_writer
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.models import ARCHITECTURES
from esm2amp_core.progress import Report
from esm2amp_core.settings import Settings

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from esm2amp_core.bundles import Manifest
    from esm2amp_core.training.prepare import Prepared, Sources
    from esm2amp_core.training.search import Range

SOME_ROWS_FAILED = 3
LEFT_OUT = "left_out.csv"

Pairs = Annotated[Path, typer.Option(help="Labelled training pairs: CSV, TSV or XLSX, also .gz.")]
Validation = Annotated[Path, typer.Option(help="Labelled validation pairs, of other proteins.")]
Sequences = Annotated[Path | None, typer.Option(help="FASTA, or a table with protein and sequence.")]
EncoderName = Annotated[
    str, typer.Option(help="ESM-2 model: folder, Hugging Face id, or a model of `esm2amp models list`.")
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Folder of the new model.")]
ValidationOrNone = Annotated[Path | None, typer.Option(help="Labelled validation pairs, of other proteins.")]
OutputOrNone = Annotated[Path | None, typer.Option("-o", "--output", help="Folder of the new model.")]
ExplainerKind = Annotated[
    str, typer.Option("--explainer", help="Train a second model that explains: ae_rf (forest) or ae_dnn.")
]
ExplainedBundle = Annotated[str, typer.Option(help="With --explainer: the model it explains and goes into.")]
ExplainerPairs = Annotated[int, typer.Option(min=10, help="With --explainer: training pairs at most.")]
ExplainerTrials = Annotated[int, typer.Option(min=0, help="With ae_rf: settings of the forest to try.")]
ExplainerTarget = Annotated[
    str, typer.Option(help="With --explainer: labels (as published), or classifier: its calls.")
]
Label = Annotated[str, typer.Option(help="Column of the labels (1 interacts, 0 does not).")]
AllowLeaks = Annotated[bool, typer.Option("--allow-leaks", help="Also if validation repeats training pairs.")]
CopyEncoder = Annotated[
    bool | None,
    typer.Option("--copy-encoder/--refer-to-encoder", help="Put the encoder into the model, or its place."),
]
Architecture = Annotated[str, typer.Option(help=f"{', '.join(ARCHITECTURES)}.")]
Title = Annotated[str, typer.Option(help="What people see.")]
Rate = Annotated[float | None, typer.Option(help="Learning rate; the published one if absent.")]
WeightDecay = Annotated[float | None, typer.Option(help="The published one if absent.")]
Size = Annotated[list[str] | None, typer.Option(help="A layer size, such as layers=2; may be repeated.")]
Dropout = Annotated[float | None, typer.Option(help="Dropout rate of the body.")]
Batch = Annotated[int, typer.Option(min=1, help="Pairs per step.")]
Epochs = Annotated[int, typer.Option(min=1, help="Epochs at most.")]
Patience = Annotated[int, typer.Option(min=1, help="Epochs without a better validation AUROC.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Same seed, same machine: same weights.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, typer.Option(help="Of training: auto, float32 or bfloat16.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")]


def state_file(output: Path) -> Path:
    """Where a run is kept until its model is written: beside the model."""
    return output.with_name(f"{output.name}.training")


def sole_run(output: Path) -> AbstractContextManager[None]:
    """Be the only process that trains into a folder.

    Raises
    ------
    UserError
        If another one does.
    """
    return sole_writer(output, "trained")


def check_state(state: Path, *, resume: bool) -> None:
    """Refuse to go on with, or to overwrite, an earlier run that nobody spoke of."""
    if state.exists() and not resume:
        raise UserError(f"{state} holds a run that was interrupted.",
                        hint="Add --resume to go on with it, or remove that file to begin anew.")
    if resume and not state.exists():
        NOTES.print(f"There was nothing to resume: {state} does not exist. Training begins.")


def read_sizes(texts: list[str] | None) -> dict[str, int]:
    """Layer sizes of the command line: ``["layers=2"]`` is ``{"layers": 2}``."""
    sizes = {}
    for text in texts or []:
        name, _, number = text.partition("=")
        if not number.strip().isdecimal():
            raise UserError(f"--size is {text!r}.", hint="Write a name and a whole number: --size layers=2.")
        sizes[name.strip()] = int(number)
    return sizes


def read_ranges(texts: list[str] | None) -> dict[str, Range]:
    """Ranges of the command line: ``rate=1e-5:1e-3``, or ``hidden1=64:256:64`` with a step."""
    from esm2amp_core.training.search import Range

    ranges = {}
    for text in texts or []:
        name, _, range_ = text.partition("=")
        try:
            low, high, *step = range_.split(":")
            ranges[name.strip()] = Range(float(low), float(high), *map(int, step))
        except (ValueError, TypeError):
            raise UserError(f"--search is {text!r}.",
                            hint="Write rate=1e-5:1e-3, or hidden1=64:256:64 with a step.") from None
    return ranges


def command_facts() -> dict[str, Any]:
    """How this was called, for the model's card."""
    return {"command": shlex.join(["esm2amp", *sys.argv[1:]])}


def print_trial(trial: FrozenTrial) -> None:
    """One line per trial."""
    values = ", ".join(f"{name} {value:.4g}" for name, value in trial.params.items())
    outcome = f"{trial.value:.4f}" if trial.state.name == "COMPLETE" else "stopped early"
    NOTES.print(f"trial {trial.number + 1}: {outcome} ({values})")


def print_epoch(entry: dict[str, float]) -> None:
    """One line per epoch, for logs and for people."""
    NOTES.print(
        f"epoch {entry['epoch']:3d}  loss {entry['train_loss']:.4f}  validation: loss "
        f"{entry['valid_loss']:.4f}  AUROC {entry['valid_auroc']:.4f}  AUPR {entry['valid_aupr']:.4f}  "
        f"MCC {entry['valid_mcc']:.4f}  accuracy {entry['valid_accuracy']:.4f}  rate {entry['rate']:.2e}"
    )


def given(**options: Any) -> dict[str, Any]:
    """The options that a person gave."""
    return {name: value for name, value in options.items() if value is not None}


def make_folder(folder: Path) -> None:
    """Make a folder unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror or error}.",
                        hint="Name another folder.") from None


def left_out_file(output: Path) -> Path:
    """Where the rows that a model was not trained on are listed: beside the model."""
    return output.with_name(f"{output.name}.{LEFT_OUT}")


def write_left_out(prepared: Prepared, path: Path) -> bool:
    """List the rows that cannot be used, each with its reason; False if there are none."""
    from esm2amp_core.training.prepare import left_out_rows

    rows = left_out_rows(prepared.data)
    if rows.empty:
        path.unlink(missing_ok=True)  # of an earlier run
        return False
    with whole_file(path) as part:
        part.write_bytes(delimited(rows))
    NOTES.print(f"All rows left out: {path}")
    return True


def exit_if_listed(listed: bool) -> None:
    """Leave with the exit code that says that some rows had errors, if there are such."""
    if listed:
        raise typer.Exit(SOME_ROWS_FAILED)


def sources_of(
    pairs: Path, validation: Path | None, sequences: Path | None, encoder: str, label: str, allow_leaks: bool
) -> Sources:
    """What the person gave, as one thing."""
    from esm2amp_core.training.prepare import Sources

    return Sources(pairs=pairs, validation=validation, sequences=sequences, encoder=encoder, label=label,
                   allow_leaks=allow_leaks)


def prepare_data(sources: Sources, device: str, copy_encoder: bool | None, report: Report) -> Prepared:
    """Read, check and embed; warnings go to the terminal."""
    from esm2amp_core.training.prepare import prepare

    settings = Settings.from_environment()
    return prepare(
        sources, settings, device=device, copy_encoder=copy_encoder, warn=NOTES.print, report=report
    )


def tell_result(manifest: Manifest, folder: Path) -> None:
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
