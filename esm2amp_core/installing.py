"""How a published model becomes a bundle that everything else here can use."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from esm2amp_core.bundles import (
    PUBLISHED_ENCODER,
    EncoderRef,
    Manifest,
    encoder_source,
    file_digest,
    locate_encoder_bundle,
    read_manifest,
)
from esm2amp_core.downloads.checkpoint import fetch_checkpoint
from esm2amp_core.downloads.hub import fetch_encoder
from esm2amp_core.downloads.published import architecture_named
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.models.checkpoint import read_checkpoint
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report, silent
from esm2amp_core.selfcheck import make_self_check
from esm2amp_core.settings import Settings

PUBLISHED_CITATION = (
    "Sun Y, Wang R, Luo Z, et al. ESM2_AMP: an interpretable framework for protein-protein interactions "
    "prediction and biological mechanism discovery. Brief Bioinform 2025;26(4):bbaf434."
)
PUBLISHED_LIMITATION = (
    "In its published training data the label can be told from the identity of single proteins; "
    "expect less on proteins that it has not seen."
)


def find_encoder(encoder: str, settings: Settings) -> str | Path:
    """Where the encoder lies that a person named, or that of the default bundle: its folder, or its id.

    Parameters
    ----------
    encoder : str
        Folder, Hugging Face id, name or folder of a model, or empty.
    settings : Settings
    """
    folder = locate_encoder_bundle(encoder, settings.bundle, settings.bundle_folders)
    if folder is None:
        return encoder
    return encoder_source(read_manifest(folder), folder)


def load_encoder(encoder: str, *, settings: Settings) -> Esm2Embedder:
    """The encoder of `find_encoder`, on the device and with the precision of the settings."""
    return Esm2Embedder.load(
        find_encoder(encoder, settings),
        device=settings.device,
        precision=settings.precision,
        max_residues=settings.max_residues,
    )


def import_checkpoint(
    architecture: str,
    checkpoint: Path,
    encoder: str,
    *,
    folder: Path | None = None,
    licence: str = "",
    citation: str = PUBLISHED_CITATION,
    source: str = "",
) -> tuple[Manifest, Path]:
    """Make a bundle of a published checkpoint.

    Parameters
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    checkpoint : Path
        The authors' ``.pth``; read without executing anything in it.
    encoder : str
        Folder or Hugging Face id of the ESM-2 model it was trained on.
    folder : Path, optional
        The new bundle; in the workspace, named after the architecture, when absent.
    licence, citation, source : str
        Kept in the bundle's card.

    Raises
    ------
    BundleError
        If the checkpoint does not hold that architecture, or does not fit the encoder.
    """
    if architecture not in ARCHITECTURES:
        raise BundleError(f"There is no architecture {architecture!r}.",
                          hint=f"Known: {', '.join(ARCHITECTURES)}.")
    folder = folder or _own_folder(architecture, Settings.from_environment())
    if folder.exists():
        raise BundleError(f"{folder} exists already.", hint="Remove it or name another folder.")
    classifier = _read_classifier(architecture, checkpoint)
    embedder = Esm2Embedder.load(encoder, device="cpu", precision="float32")
    if embedder.width != classifier.sizes["width"]:
        raise BundleError(
            f"{checkpoint.name} reads features of width {classifier.sizes['width']}; "
            f"{embedder.name} makes {embedder.width}.",
            hint="Name the encoder it was trained with.",
        )
    manifest = Manifest(
        name=folder.name,
        title=f"Published ESM2_AMP ({architecture})",
        summary=f"Imported from {checkpoint.name}; reads features of {embedder.name}.",
        architecture=architecture,
        sizes=classifier.sizes,
        feature_set=classifier.feature_set,
        encoder=EncoderRef(
            id=embedder.name,
            width=embedder.width,
            revision=embedder.revision,
            folder=str(Path(encoder).resolve()) if Path(encoder).is_dir() else "",
        ),
        training={"source": source or checkpoint.name, "checkpoint_sha256": file_digest(checkpoint)},
        limitations=_limitations(architecture, checkpoint),
        licence=licence or "See the source of the checkpoint.",
        citation=citation,
        created=f"{datetime.now(UTC):%Y-%m-%d}",
    )
    predictor = Predictor(ModelBundle.in_memory(manifest, classifier), embedder)
    return save_bundle(folder, manifest, classifier, selfcheck=make_self_check(predictor)), folder


def _own_folder(architecture: str, settings: Settings) -> Path:
    """Where a published model is installed unless a person says otherwise."""
    return settings.workspace / "models" / f"esm2amp_{architecture}"


def _read_classifier(architecture: str, checkpoint: Path) -> Classifier:
    """The classifier of a published checkpoint; layer sizes as its tensors show them."""
    architecture_class = resolve(architecture)
    state = read_checkpoint(checkpoint, architecture)
    return architecture_class.from_state(architecture_class.sizes_from(state), state)


def _limitations(architecture: str, checkpoint: Path) -> tuple[str, ...]:
    """What a person must know of an imported model."""
    # The published GRU was trained on the leakage-free gold standard, the others were not.
    limitations = () if architecture == "gru" else (PUBLISHED_LIMITATION,)
    named = architecture_named(checkpoint.name)
    if named and named != architecture:
        # amps and amp_cse have the same layers: only their names tell them apart.
        doubt = f"Imported as {architecture}, but the name {checkpoint.name} speaks of {named}."
        limitations = (doubt, *limitations)
    return limitations


def download_encoder(encoder_id: str = PUBLISHED_ENCODER, *, report: Report = silent) -> Path:
    """Fetch an encoder from the Hugging Face hub into its local cache."""
    return fetch_encoder(encoder_id, hub_url=Settings.from_environment().hub_url, report=report)


def download_model(
    architecture: str,
    *,
    file_name: str = "",
    settings: Settings | None = None,
    report: Report = silent,
) -> tuple[Manifest, Path]:
    """Fetch a published checkpoint and its encoder, and make a bundle of them, unless it is there already.

    The person has seen the terms (`downloads.checkpoint.published_terms`) and accepted them.

    Parameters
    ----------
    architecture : str
    file_name : str
        Name of the file in the article, where several could be meant.
    settings : Settings, optional
        Read from the environment when absent.
    report : Report
    """
    settings = settings or Settings.from_environment()
    folder = _own_folder(architecture, settings)
    if folder.exists():
        return read_manifest(folder), folder
    with_parts = settings.workspace / "downloads"
    found = fetch_checkpoint(
        architecture,
        with_parts,
        figshare_url=settings.figshare_url,
        file_name=file_name,
        report=report,
    )
    fetch_encoder(PUBLISHED_ENCODER, hub_url=settings.hub_url, report=report)
    report("Installing the model", 0, 1)
    installed = import_checkpoint(
        architecture, found.path, PUBLISHED_ENCODER, folder=folder,
        licence=found.licence, citation=found.citation, source=found.source,
    )  # fmt: skip
    # What was fetched is in the bundle now; only an interrupted download is kept, to go on from there.
    shutil.rmtree(with_parts, ignore_errors=True)
    return installed
