"""Model bundles: a trained classifier in a folder, saved and loaded without executing anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from esm2amp_core.background import Background
from esm2amp_core.bundles import (
    BACKGROUND,
    ENCODER,
    MANIFEST,
    SELFCHECK,
    TRAINING_PROTEINS,
    WEIGHTS,
    Manifest,
    bundle_digest,
    file_digest,
    read_manifest,
)
from esm2amp_core.errors import BundleError
from esm2amp_core.files.whole_file import why_unwritable
from esm2amp_core.models.agreement import architecture_of, check_agreement
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.models.integrity import ENCODER_SUFFIXES, file_inside, verify_files
from esm2amp_core.models.pair_scorer import PairScorer
from esm2amp_core.models.weights import as_float32
from esm2amp_core.reference import TrainingReference

LIBRARIES = ("torch", "transformers", "safetensors", "numpy", "esm2amp")


@dataclass(frozen=True)
class ModelBundle:
    """A classifier with everything needed to turn its logits into calls.

    Attributes
    ----------
    manifest : Manifest
    folder : Path or None
        Where it was loaded from; None for one that was never saved.
    digest : str
        SHA-256 that stands for the whole bundle; empty for one that was never saved.
    classifier : Classifier
        In evaluation mode, on its device.
    """

    manifest: Manifest
    folder: Path | None
    digest: str
    classifier: Classifier

    @classmethod
    def load(cls, folder: Path, *, device: str | torch.device = "cpu") -> Self:
        """Read a bundle.

        Parameters
        ----------
        folder : Path
        device : str or torch.device
            Where the classifier computes.

        Raises
        ------
        BundleError
            If a file is missing, changed or not what the manifest says, or a weight is not a number.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        verify_files(folder, manifest)
        try:
            state = as_float32(load_file(folder / WEIGHTS))
        except (SafetensorError, OSError) as error:
            raise BundleError(f"{WEIGHTS} of {manifest.name} cannot be read: {error}.") from None
        architecture = architecture_of(manifest)
        sizes = architecture.sizes_from(state)
        # Tensors cannot show the number of heads; every other size they do.
        if "heads" in sizes:
            sizes["heads"] = manifest.sizes.get("heads", sizes["heads"])
        check_agreement(manifest, sizes)
        classifier = architecture.from_state(sizes, state).to(device)
        return cls(manifest, folder, bundle_digest(folder), classifier)

    @classmethod
    def in_memory(cls, manifest: Manifest, classifier: Classifier) -> Self:
        """A bundle that is not, or not yet, on disk.

        Raises
        ------
        BundleError
            If the manifest describes another classifier.
        """
        check_agreement(manifest, classifier.sizes)
        return cls(manifest, None, "", classifier.eval())

    def reference(self) -> TrainingReference | None:
        """The proteins it was trained on, if the bundle tells; read from disk at each call.

        Raises
        ------
        BundleError
            If the file cannot be read.
        """
        listed = self.folder is not None and TRAINING_PROTEINS in self.manifest.checksums
        return TrainingReference.load(self.folder / TRAINING_PROTEINS) if listed else None

    def background(self) -> Background | None:
        """What its training proteins look like, if the bundle tells; read from disk at each call.

        Raises
        ------
        BundleError
            If the file cannot be read, or belongs to other features.
        """
        if self.folder is None or BACKGROUND not in self.manifest.checksums:
            return None
        background = Background.load(self.folder / BACKGROUND)
        if (background.tokens, background.values.shape[2]) != (
            self.manifest.features.tokens, self.manifest.sizes["width"]
        ):  # fmt: skip
            raise BundleError(f"{BACKGROUND} of {self.manifest.name} belongs to another model.")
        return background

    @property
    def device(self) -> torch.device:
        """Where the classifier computes."""
        return next(self.classifier.parameters()).device

    def logits(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Score pairs: one logit per unordered pair.

        A classifier that is not symmetric scores both orders; the pair's logit is the mean of the two.

        Parameters
        ----------
        a, b : ndarray, dtype=float32, shape=(N, T, D)
            Features of the first and of the second proteins, tokens as in the manifest's feature set.

        Returns
        -------
        logits : ndarray, dtype=float64, shape=(N,)
            To the last digit the same for (a, b) and (b, a), in whatever batch.
        order_difference : ndarray, dtype=float64, shape=(N,)
            How much the probabilities of the two orders differ; 0 where they cannot.

        Raises
        ------
        ValueError
            If the shapes are not those of the feature set.
        """
        if a.shape != b.shape:
            raise ValueError(f"Features of shape {a.shape} do not fit those of shape {b.shape}.")
        rows = np.arange(len(a))
        return self.scorer(np.concatenate([a, b])).score(rows, len(a) + rows)

    def scorer(self, features: np.ndarray, *, precision: str = "float32") -> PairScorer:
        """Hold the features of many proteins, to score their pairs by index.

        Parameters
        ----------
        features : ndarray, dtype=float32, shape=(N, T, D)
            Of every protein, tokens as in the manifest's feature set.
        precision : str
            ``float32`` or ``bfloat16``: of the classifier's matrix products.

        Raises
        ------
        ValueError
            If the shape is not that of the feature set.
        """
        expected = (len(features), len(self.manifest.features.tokens), self.manifest.sizes["width"])
        if features.shape != expected:
            raise ValueError(f"Features of shape {features.shape} do not fit {expected}.")
        return PairScorer(self.classifier, features, self.probabilities, precision=precision)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, same shape as `logits`; see `calibration.Calibration`."""
        return self.manifest.calibrated.probabilities(logits)


def save_bundle(
    folder: Path,
    manifest: Manifest,
    classifier: Classifier,
    *,
    encoder_folder: Path | None = None,
    selfcheck: Mapping[str, Any],
    extras: Mapping[str, bytes | Path] | None = None,
    replace_existing: bool = False,
) -> Manifest:
    """Write a bundle: the whole folder appears at once, or not at all.

    Parameters
    ----------
    folder : Path
        The new bundle.
    manifest : Manifest
        Checksums and library versions are filled in here, as is the place of an encoder that comes along.
    classifier : Classifier
    encoder_folder : Path, optional
        A language model to copy into the bundle: its .json, .txt and .safetensors files.
    selfcheck : mapping
        Contents of ``selfcheck.json``: ``tolerance`` and ``cases``.
    extras : mapping of str to bytes or Path, optional
        More files, by relative path inside the bundle: their contents, or a file to copy.
    replace_existing : bool
        Put it in the place of a bundle that is there already.

    Returns
    -------
    Manifest
        As written.

    Raises
    ------
    BundleError
        If the folder exists, the manifest describes another classifier, a weight is not a number, or an
        extra file has the place of another one or a place outside.
    """
    folder = Path(folder)
    check_agreement(manifest, classifier.sizes)
    state = as_float32(classifier.state_dict())
    if folder.exists() and not replace_existing:
        raise _exists(folder)
    part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    try:
        part.mkdir(parents=True)
        save_file(state, part / WEIGHTS)
        (part / SELFCHECK).write_text(json.dumps(selfcheck, indent=2) + "\n", encoding="utf-8")
        if encoder_folder is not None:
            _copy_encoder(Path(encoder_folder), part / ENCODER)
            manifest = replace(manifest, encoder=replace(manifest.encoder, folder=ENCODER))
        for name, content in (extras or {}).items():
            _add_file(part, name, content)
        files = sorted(path for path in part.rglob("*") if path.is_file())
        manifest = replace(
            manifest,
            checksums={path.relative_to(part).as_posix(): file_digest(path) for path in files},
            versions={library: version(library) for library in LIBRARIES},
        )
        (part / MANIFEST).write_text(manifest.to_json(), encoding="utf-8")
        _put_in_place(part, folder, replace_existing=replace_existing)
    except OSError as error:
        if folder.exists() and not replace_existing:
            raise _exists(folder) from None
        raise BundleError(f"{folder} cannot be written: {error.strerror or error}.") from None
    except SafetensorError as error:  # of a full disk, too
        raise BundleError(f"{folder} cannot be written: {why_unwritable(part, str(error))}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def _copy_encoder(source: Path, target: Path) -> None:
    """Copy what a language model consists of; the folder's other files stay behind."""
    files = [path for path in sorted(source.iterdir()) if path.suffix in ENCODER_SUFFIXES]
    if not (source / "config.json").is_file() or not any(path.suffix == ".safetensors" for path in files):
        raise BundleError(
            f"{source} is not a language model: it needs config.json and a .safetensors file of weights."
        )
    target.mkdir()
    for path in files:
        shutil.copyfile(path, target / path.name)


def _add_file(folder: Path, name: str, content: bytes | Path) -> None:
    """Write one more file into the new bundle."""
    target = file_inside(folder, name)
    if name.split("/")[0] in (MANIFEST, ENCODER) or target.exists():
        raise BundleError(f"{name!r} is the place of another file of the bundle.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        target.write_bytes(content)
    else:
        shutil.copyfile(content, target)


def _put_in_place(part: Path, folder: Path, *, replace_existing: bool) -> None:
    """Rename the finished folder to its name; an existing one steps aside first, and back if that fails."""
    aside = part.with_suffix(".old")
    if replace_existing and folder.exists():
        folder.rename(aside)
    try:
        part.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _exists(folder: Path) -> BundleError:
    return BundleError(f"{folder} exists already.", hint="Remove it or name another folder.")
