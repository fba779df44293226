"""The card of a second model: which bundle it explains, what it consists of, how good it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from esm2amp_core.bundles import EXPLAINERS, MANIFEST, WEIGHTS, Manifest, file_digest
from esm2amp_core.errors import BundleError
from esm2amp_core.json_records import check_kinds, check_names, json_object
from esm2amp_core.models.integrity import file_inside
from esm2amp_core.surrogates import FOREST, TITLES

if TYPE_CHECKING:
    from esm2amp_core.models.bundle import ModelBundle

FORMAT = 1
CARD = "explainer.json"
MAX_CARD_BYTES = 1_000_000
SCIKIT_LEARN = "scikit-learn"


@dataclass(frozen=True, kw_only=True)
class Card:
    """Contents of ``explainer.json``.

    Attributes
    ----------
    kind : str
        Key of `TITLES`.
    feature_set : str
    sizes : dict of str to int
        Of the autoencoder, and of the forest or network.
    weights : str
        SHA-256 of the weights of the bundle it explains.
    encoder_revision : str
        Of the language model whose features it reads.
    training, metrics : dict
        Data, settings, seed; figures on validation pairs.
    checksums : dict of str to str
        SHA-256 of its other files, by name.
    versions : dict of str to str
        Libraries it was made with.
    """

    kind: str
    feature_set: str
    sizes: dict[str, int]
    weights: str
    encoder_revision: str = ""
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    created: str = ""
    format: int = FORMAT

    def __post_init__(self) -> None:
        check_kinds(Card, vars(self), f"The {CARD}")
        if self.format != FORMAT:
            raise BundleError(f"The {CARD} has format {self.format}; this program reads {FORMAT}.")
        if self.kind not in TITLES:
            raise BundleError(f"The {CARD} speaks of {self.kind!r}; known are {', '.join(TITLES)}.")
        texts = (*self.checksums.values(), *self.versions.values())
        if not all(isinstance(text, str) for text in texts):
            raise BundleError(f"The {CARD}: checksums and versions are texts.")
        if not isinstance(self.metrics.get("validation", {}), dict):
            raise BundleError(f"The {CARD}: figures on validation pairs have names.")

    def to_json(self) -> str:
        """Text of the file."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def place_of(kind: str, bundle: Path) -> Path:
    """Where the second model of a kind lies."""
    return bundle / EXPLAINERS / kind


def read_card(folder: Path) -> Card:
    """The card in `folder`.

    Raises
    ------
    BundleError
        If there is none, or it makes no sense.
    """
    path = folder / CARD
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            raise BundleError(f"{path} has {path.stat().st_size:,} bytes: it is no card.")
        values = json_object(path.read_text(encoding="utf-8"), f"The {CARD}")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} cannot be read: {error}.") from None
    check_names(Card, values, f"The {CARD}")
    return Card(**values)


def verify_files(folder: Path, card: Card, needed: tuple[str, ...]) -> None:
    """Check that the files are those that the card lists, byte for byte.

    Raises
    ------
    BundleError
    """
    for name in needed:
        path = file_inside(folder, name)
        if name not in card.checksums or not path.is_file() or file_digest(path) != card.checksums[name]:
            raise BundleError(f"The {TITLES[card.kind]} in {folder} is damaged: {name} is not the one it was "
                              "saved with.", hint="Train it again, or install the model again.")


def why_unusable(kind: str, bundle: ModelBundle) -> str:
    """Why a bundle has no second model of a kind that could explain it; empty if it has one.

    Raises
    ------
    BundleError
        If the bundle itself is gone since it was loaded.
    """
    if bundle.folder is not None and not (bundle.folder / MANIFEST).is_file():
        raise BundleError(f"The files of the model {bundle.manifest.title!r} ({bundle.folder.name}) were "
                          "removed while it was in use.",
                          hint="Install the model again and run this again, or choose another model.")
    folder = None if bundle.folder is None else place_of(kind, bundle.folder)
    if folder is None or not (folder / CARD).is_file():
        return f"This model has no {TITLES[kind]}; train one with `{remedy(kind, bundle.manifest)}`."
    try:
        card = read_card(folder)
    except BundleError as error:
        return str(error)
    return misfit(card, kind, bundle.manifest)


def misfit(card: Card, kind: str, manifest: Manifest) -> str:
    """Why a second model does not belong to a bundle or to this installation; empty if it does."""
    again = f"train it again with `{remedy(kind, manifest)}`."
    if card.kind != kind:
        return f"The folder of the {TITLES[kind]} holds a {TITLES[card.kind]}; {again}"
    belongs = (card.weights, card.encoder_revision, card.feature_set)
    if belongs != (manifest.checksums.get(WEIGHTS, ""), manifest.encoder.revision, manifest.feature_set):
        return f"This model's {TITLES[kind]} was trained for other weights; {again}"
    made, here = card.versions.get(SCIKIT_LEARN, "an unknown version"), version(SCIKIT_LEARN)
    if kind == FOREST and made != here:
        return f"This model's {TITLES[kind]} was made with scikit-learn {made}, here is {here}; {again}"
    return ""


def remedy(kind: str, manifest: Manifest) -> str:
    """The command that trains a second model."""
    return f"esm2amp train --explainer {kind} --bundle {manifest.name} --pairs PAIRS --sequences SEQUENCES"
