"""``esm2amp models``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from esm2amp_core.bundles import ARCHITECTURE_TITLES, Manifest, find_bundles, locate_bundle, read_manifest
from esm2amp_core.cli.console import NOTES, OUTPUT, reporting
from esm2amp_core.cli.forest_conversion import convert_forest
from esm2amp_core.downloads.published import TELLING_WORDS
from esm2amp_core.errors import BundleError
from esm2amp_core.settings import Settings

app = typer.Typer(no_args_is_help=True)
app.command("convert-forest")(convert_forest)
Name = Annotated[str, typer.Argument(help="Name of an installed model, or its folder.")]
SELF_CHECK_FAILED = 3
PUBLISHED = sorted(TELLING_WORDS)
FIGURES = {"auroc": "AUROC", "aupr": "AUPR", "accuracy": "accuracy", "mcc": "MCC", "n_pairs": "pairs"}


@app.command("list")
def list_models() -> None:
    """List the installed models."""
    table = Table("name", "architecture", "encoder", "title", box=None)
    for name, folder in find_bundles(Settings.from_environment().bundle_folders).items():
        try:
            manifest = read_manifest(folder)
        except BundleError as error:
            table.add_row(name, "damaged", "", str(error))
            continue
        table.add_row(name, manifest.architecture, manifest.encoder.id, manifest.title)
    OUTPUT.print(table)


@app.command()
def show(
    name: Name,
    everything: Annotated[bool, typer.Option("--all", help="Training, files and versions too.")] = False,
) -> None:
    """Show a model's card."""
    manifest = read_manifest(locate_bundle(name, Settings.from_environment().bundle_folders))
    facts = asdict(manifest) if everything else _in_short(manifest)
    for field, value in facts.items():
        plain = isinstance(value, str | int | float)
        OUTPUT.print(f"{field}: {value if plain else json.dumps(value, ensure_ascii=False, indent=2)}")
    if not everything:
        OUTPUT.print(f"(esm2amp models show {name} --all prints the rest.)")


def _in_short(manifest: Manifest) -> dict[str, str]:
    """What a person asks first."""
    facts = {
        "name": manifest.name,
        "title": manifest.title,
        "summary": manifest.summary,
        "method": ARCHITECTURE_TITLES.get(manifest.architecture, manifest.architecture),
        "encoder": manifest.encoder.id,
        "called interacting from": f"{manifest.threshold:g}",
        "calibration": manifest.calibration,
        "licence": manifest.licence,
        "citation": manifest.citation,
    }
    for name, values in {**manifest.metrics, "metrics": manifest.metrics}.items():
        if isinstance(values, dict) and (line := _figures(values)):
            facts[f"measured on {name}" if name != "metrics" else name] = line
    facts |= {f"limit {number}": text for number, text in enumerate(manifest.limitations, start=1)}
    return {field: text for field, text in facts.items() if text}


def _figures(values: dict[str, object]) -> str:
    """The figures people compare; a metric may be a number or an interval with its value."""
    shown = []
    for key, title in FIGURES.items():
        value = values.get(key)
        value = value.get("value") if isinstance(value, dict) else value
        if isinstance(value, int | float):
            shown.append(f"{title} {value:,}" if isinstance(value, int) else f"{title} {value:.3f}")
    return ", ".join(shown)


@app.command()
def check(name: Name) -> None:
    """Verify a model's checksums and score its own three pairs again."""
    from esm2amp_core.predictor import Predictor
    from esm2amp_core.selfcheck import run_self_check

    # Shipped numbers were made in float32; another precision would differ without being wrong.
    cases = run_self_check(Predictor.load(name, precision="float32"))
    for case in cases:
        verdict = "as shipped" if case.passed else f"shipped with {case.expected:.6f}: DIFFERENT"
        OUTPUT.print(f"pair {case.number}: probability {case.found:.6f}, {verdict}")
    if not all(case.passed for case in cases):
        raise typer.Exit(SELF_CHECK_FAILED)
    OUTPUT.print("OK: files and scores are as shipped.")


@app.command("import")
def import_model(
    architecture: Annotated[str, typer.Option(help=f"{', '.join(PUBLISHED[:-1])} or {PUBLISHED[-1]}.")],
    checkpoint: Annotated[Path, typer.Option(help="The authors' .pth file.")],
    encoder: Annotated[str, typer.Option(help="Folder or Hugging Face id of its ESM-2 model.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Folder of the new bundle.")] = None,
) -> None:
    """Turn a published checkpoint into a model that the app and this command use."""
    from esm2amp_core.installing import import_checkpoint

    manifest, folder = import_checkpoint(architecture, checkpoint, encoder, folder=output)
    _tell_installed(manifest, folder)


@app.command()
def download(
    what: Annotated[str, typer.Argument(help=f"{', '.join(PUBLISHED)}, or the id of an encoder.")],
    file: Annotated[str, typer.Option(help="Name of the file, where several could be meant.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the licence without being asked.")] = False,
) -> None:
    """Fetch a published model from figshare and its encoder from the Hugging Face hub.

    The only command that touches the network.
    """
    from esm2amp_core.downloads.checkpoint import published_terms
    from esm2amp_core.installing import download_encoder, download_model
    from esm2amp_core.models import ARCHITECTURES

    if what not in ARCHITECTURES:
        if folder := find_bundles(Settings.from_environment().bundle_folders).get(what):
            NOTES.print(f"The model {what} is installed already, in {folder}. Use it with --bundle {what}.")
            return
        with reporting() as report:
            NOTES.print(f"Encoder {what} is installed in {download_encoder(what, report=report)}.")
        return
    settings = Settings.from_environment()
    NOTES.print(published_terms(what, figshare_url=settings.figshare_url, file_name=file))
    if not yes:
        typer.confirm("Go on?", abort=True, err=True)
    with reporting() as report:
        manifest, folder = download_model(what, file_name=file, settings=settings, report=report)
    _tell_installed(manifest, folder)


def _tell_installed(manifest: Manifest, folder: Path) -> None:
    for limitation in manifest.limitations:
        NOTES.print(f"Mind: {limitation}")
    found = find_bundles(Settings.from_environment().bundle_folders).get(folder.name)
    name = folder.name if found == folder else folder
    NOTES.print(f"{manifest.title} is installed in {folder}. Use it with --bundle {name}.")
