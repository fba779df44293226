"""The card of a trained model: everything about a bundle that code must not guess.

A bundle is a folder: ``manifest.json``, ``weights.safetensors``, ``selfcheck.json`` and,
where the language model comes along, ``encoder/``. It may also hold ``training_proteins.npz``
(`reference`), ``background.npz`` (`background`), ``training_curves.csv`` (one row per epoch), ``reports/``
and ``explainers/`` (second models that explain; with checksums of their own). This module reads the manifest
alone and knows nothing of torch, so that the web pages can use it; `models.bundle` loads
the weights.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from esm2amp_core.calibration import Calibration
from esm2amp_core.errors import BundleError, quoted
from esm2amp_core.features import FEATURE_SETS, FeatureSet
from esm2amp_core.json_records import check_kinds, check_names, json_object, shown
from esm2amp_core.operating import OperatingCurve

FORMAT = 1
MANIFEST, WEIGHTS, SELFCHECK, ENCODER = "manifest.json", "weights.safetensors", "selfcheck.json", "encoder"
TRAINING_PROTEINS, TRAINING_CURVES, REPORTS = "training_proteins.npz", "training_curves.csv", "reports"
BACKGROUND, EXPLAINERS = "background.npz", "explainers"
MAX_MANIFEST_BYTES = 1_000_000
ARCHITECTURE_TITLES = {
    "amps": "ESM2_AMPS: attention over the ten segments of each protein",
    "amp_cse": "ESM2_AMP_CSE: as ESM2_AMPS, with the language model's start and end vectors",
    "gru": "ESM2_GRU: a recurrent network over the segments",
    "mean": "Mean of the segments, without attention",
    "dpm": "ESM2_DPM: one mean vector per protein",
    "siamese": "Siamese: each protein summed up from its segments, then the two compared",
}
"""What each of `models.ARCHITECTURES` is, for people."""
PUBLISHED_ARCHITECTURES = ("amps", "amp_cse", "dpm", "gru")
"""Those that the authors trained and published, the main model of the paper first."""
PUBLISHED_ENCODER = "facebook/esm2_t33_650M_UR50D"
"""The language model, with 650 million parameters, whose features they read."""


@dataclass(frozen=True, kw_only=True)
class EncoderRef:
    """The language model whose features a bundle reads.

    Attributes
    ----------
    id : str
        Hugging Face id or a name; shown to people.
    revision : str
        Digest of its weights file, or the hub's commit; empty if not known.
    width : int
        Embedding width D.
    folder : str
        Where it lies: ``encoder`` inside the bundle, an absolute path, or empty for the Hugging Face cache.

    Raises
    ------
    BundleError
        If a value has the wrong type, or `folder` leads elsewhere.
    """

    id: str
    width: int
    revision: str = ""
    folder: str = ""

    def __post_init__(self) -> None:
        check_kinds(EncoderRef, vars(self), f"The encoder {shown(self.id)}")
        # A bundle may come from another system; its absolute path is then simply not found.
        absolute = PurePosixPath(self.folder).is_absolute() or PureWindowsPath(self.folder).is_absolute()
        if self.folder not in ("", ENCODER) and not absolute:
            raise BundleError(
                f"The encoder {self.id} is said to lie in {self.folder!r}.",
                hint=f"Inside a bundle it lies in {ENCODER!r}; elsewhere the path must be absolute.",
            )


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Contents of ``manifest.json``.

    Attributes
    ----------
    name, title, summary : str
        Folder name; what people see; one plain sentence.
    architecture : str
        A key of `models.ARCHITECTURES`.
    sizes : dict of str to int
        Layer sizes, as the architecture's constructor takes them.
    feature_set, feature_set_version
        Which pooled vectors are read.
    encoder : EncoderRef
    threshold : float
        Probability from which a pair is called interacting.
    labels : tuple of str
        Names of the two outcomes, negative first.
    temperature : float
        Calibration: probability = sigmoid(logit / temperature). 1 where none was fitted.
    calibrator : dict
        A `Calibration` as plain values; where it is empty, the temperature counts.
    operating_curve : dict
        An `OperatingCurve` as plain values; empty where none was measured.
    training, metrics : dict
        Free-form facts: data, exclusions, seed, command; figures per data set.
    calibration : str
        How and on what it was fitted, for people.
    limitations : tuple of str
    licence, citation : str
    checksums : dict of str to str
        SHA-256 of every other file of the bundle, by relative path.
    versions : dict of str to str
        Libraries it was made with.
    """

    name: str
    title: str
    summary: str = ""
    architecture: str
    sizes: dict[str, int]
    feature_set: str
    feature_set_version: int = 1
    encoder: EncoderRef
    threshold: float = 0.5
    labels: tuple[str, str] = ("does not interact", "interacts")
    temperature: float = 1.0
    calibrator: dict[str, Any] = field(default_factory=dict)
    operating_curve: dict[str, Any] = field(default_factory=dict)
    calibration: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    limitations: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""
    created: str = ""
    checksums: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def __post_init__(self) -> None:
        check_kinds(Manifest, vars(self), f"The manifest of {shown(self.name)}")
        texts = (*self.labels, *self.limitations, *self.checksums.values())
        if len(self.labels) != 2 or not all(isinstance(text, str) for text in texts):
            raise BundleError(f"{self.name}: labels are two texts, limitations and checksums are texts.")
        if self.format != FORMAT:
            raise BundleError(f"{self.name} has bundle format {self.format}; this program reads {FORMAT}.")
        if self.feature_set not in FEATURE_SETS:
            raise BundleError(f"{self.name} reads unknown features {self.feature_set!r}.",
                              hint=f"Known: {', '.join(FEATURE_SETS)}.")
        if FEATURE_SETS[self.feature_set].version != self.feature_set_version:
            raise BundleError(f"{self.name} reads {self.feature_set} version {self.feature_set_version}, "
                              f"here is version {FEATURE_SETS[self.feature_set].version}.")
        if not (0 <= self.threshold <= 1 and math.isfinite(self.temperature) and self.temperature > 0):
            raise BundleError(f"{self.name}: threshold {self.threshold}, temperature {self.temperature}.",
                              hint="The threshold lies from 0 to 1, the temperature above 0.")
        _ = self.calibrated, self.operating  # read once, so that nonsense is found here

    @property
    def calibrated(self) -> Calibration:
        """The function from logit to probability."""
        if self.calibrator:
            return Calibration.from_dict(self.calibrator)
        return Calibration(method="temperature", temperature=self.temperature)

    @property
    def operating(self) -> OperatingCurve | None:
        """How many true and false pairs reach a threshold, where that was measured."""
        return OperatingCurve.from_dict(self.operating_curve) if self.operating_curve else None

    @property
    def features(self) -> FeatureSet:
        """The feature set itself."""
        return FEATURE_SETS[self.feature_set]

    def to_json(self) -> str:
        """Text of ``manifest.json``."""
        values = asdict(self)
        for name in ("calibrator", "operating_curve"):
            if not values[name]:  # programs from before these fields then read the bundle, too
                del values[name]
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read ``manifest.json``.

        Raises
        ------
        BundleError
            If it is not JSON, a field is missing or unknown, or a value makes no sense.
        """
        values = json_object(text, "The manifest")
        check_names(cls, values, "The manifest")
        check_names(EncoderRef, values["encoder"], "The manifest's encoder")
        check_kinds(cls, values, f"The manifest of {shown(values['name'])}")
        lists = {name: tuple(values[name]) for name in ("labels", "limitations") if name in values}
        return cls(**{**values, **lists, "encoder": EncoderRef(**values["encoder"])})


def read_manifest(folder: Path) -> Manifest:
    """The card of the bundle in `folder`.

    Raises
    ------
    BundleError
        If there is no readable manifest.
    """
    path = folder / MANIFEST
    try:
        if not path.is_file():
            raise BundleError(f"{folder} is not a model bundle: it has no {MANIFEST}.",
                              hint="`esm2amp models list` shows what is installed.")
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BundleError(f"{path} has {path.stat().st_size:,} bytes: it is no manifest.")
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error) from None
    except UnicodeDecodeError as error:
        raise BundleError(f"{path} cannot be read: {error}.") from None


def find_bundles(folders: Iterable[Path]) -> dict[str, Path]:
    """Bundle folders by name; where two share a name, the one in the earlier folder counts.

    Raises
    ------
    BundleError
        If a folder cannot be read.
    """
    found: dict[str, Path] = {}
    for folder in folders:
        try:
            manifests = sorted(folder.glob(f"[!.]*/{MANIFEST}"))  # a dot: not finished, or on its way out
        except OSError as error:
            raise _unreadable(folder, error) from None
        for manifest in manifests:
            found.setdefault(manifest.parent.name, manifest.parent)
    return found


def locate_bundle(bundle: str | Path, folders: Iterable[Path]) -> Path:
    """Folder of the bundle a person named: one of those installed in `folders`, or a path.

    Raises
    ------
    BundleError
        If there is no such bundle; the hint lists what is installed.
    """
    installed = find_bundles(folders)
    if str(bundle) in installed:
        return installed[str(bundle)]
    if os.path.isdir(bundle):  # unlike Path.is_dir, also sound for names no file system takes
        return Path(bundle)
    raise BundleError(
        f"There is no model {quoted(str(bundle))}.",
        hint=f"Installed: {', '.join(sorted(installed)) or 'none'}. Or give the folder of a bundle.",
    )


def locate_encoder_bundle(encoder: str, default: str, folders: Iterable[Path]) -> Path | None:
    """Folder of the bundle whose encoder a person named, by the bundle's name or folder; else None.

    Parameters
    ----------
    encoder : str
        Empty for that of the bundle `default`; also a folder or a Hugging Face id of no bundle.
    default : str
    folders : iterable of Path
        Where bundles are installed.
    """
    if not encoder:
        return locate_bundle(default, folders)
    folder = find_bundles(folders).get(encoder, Path(encoder))
    return folder if os.path.isfile(folder / MANIFEST) else None


def encoder_source(manifest: Manifest, folder: Path) -> str | Path:
    """Where the encoder of a bundle lies: inside it, in a folder elsewhere, or in the Hugging Face cache."""
    place = manifest.encoder.folder
    return folder / place if place else manifest.encoder.id


def _unreadable(path: Path, error: OSError) -> BundleError:
    return BundleError(f"{path} cannot be read: {error.strerror or error}.",
                       hint="Check its permissions, and those of the folders above.")


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundle_digest(folder: Path) -> str:
    """SHA-256 of the manifest: it names every other file by checksum, so it stands for the bundle."""
    return file_digest(folder / MANIFEST)
