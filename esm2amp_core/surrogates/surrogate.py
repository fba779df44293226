"""Second models in memory and on disk."""

from __future__ import annotations

import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Self
from uuid import uuid4

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sklearn.ensemble import RandomForestClassifier

from esm2amp_core.bundles import file_digest
from esm2amp_core.errors import BundleError
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.models.weights import as_float32
from esm2amp_core.surrogates import FOREST, NETWORK
from esm2amp_core.surrogates.autoencoder import Autoencoder
from esm2amp_core.surrogates.card import (
    CARD,
    Card,
    misfit,
    place_of,
    read_card,
    verify_files,
    why_unusable,
)
from esm2amp_core.surrogates.forest_file import load_forest, save_forest
from esm2amp_core.surrogates.network import DenseNetwork

AUTOENCODER_FILE, FOREST_FILE = "autoencoder.safetensors", "forest.skops"
NETWORK_FILE, BACKGROUND_FILE = "network.safetensors", "background.safetensors"
ROWS = "rows"
LIBRARIES = ("scikit-learn", "skops", "torch", "numpy", "esm2amp")


@dataclass(frozen=True)
class Surrogate(ABC):
    """An autoencoder and what answers on its numbers.

    Attributes
    ----------
    card : Card
    autoencoder : Autoencoder
    """

    card: Card
    autoencoder: Autoencoder

    @abstractmethod
    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """What it says of pairs in the order given: rows (N, 2T * latent) to ndarray, float64, shape=(N,)."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write its files except for the card."""

    def symmetric_outputs(self, rows: np.ndarray) -> np.ndarray:
        """The mean of what it says of both orders."""
        return (self.outputs(rows) + self.outputs(swapped(rows))) / 2


@dataclass(frozen=True)
class ForestSurrogate(Surrogate):
    """AE_RF: `outputs` are probabilities."""

    forest: RandomForestClassifier

    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """See `Surrogate.outputs`."""
        return self.forest.predict_proba(rows)[:, 1]

    def write(self, folder: Path) -> None:
        """See `Surrogate.write`."""
        save_forest(self.forest, folder / FOREST_FILE)

    @classmethod
    def read(cls, folder: Path, card: Card, autoencoder: Autoencoder) -> Self:
        """What `write` wrote."""
        verify_files(folder, card, (FOREST_FILE,))
        return cls(card, autoencoder, load_forest(folder / FOREST_FILE, _n_inputs(card, autoencoder)))


@dataclass(frozen=True)
class NetworkSurrogate(Surrogate):
    """AE_DNN: `outputs` are logits.

    Attributes
    ----------
    network : DenseNetwork
    background : ndarray, dtype=float32, shape=(K, 2T * latent)
        Training pairs, each in both orders.
    """

    network: DenseNetwork
    background: np.ndarray

    @torch.inference_mode()
    def outputs(self, rows: np.ndarray) -> np.ndarray:
        """See `Surrogate.outputs`."""
        device = next(self.network.parameters()).device
        return self.network(torch.from_numpy(rows).to(device)).squeeze(-1).double().cpu().numpy()

    def write(self, folder: Path) -> None:
        """See `Surrogate.write`."""
        save_file(as_float32(self.network.state_dict()), folder / NETWORK_FILE)
        save_file({ROWS: torch.from_numpy(self.background).contiguous()}, folder / BACKGROUND_FILE)

    @classmethod
    def read(cls, folder: Path, card: Card, autoencoder: Autoencoder) -> Self:
        """What `write` wrote."""
        verify_files(folder, card, (NETWORK_FILE, BACKGROUND_FILE))
        network = DenseNetwork.from_stored(_tensors(folder / NETWORK_FILE))
        background = _tensors(folder / BACKGROUND_FILE).get(ROWS)
        inputs = _n_inputs(card, autoencoder)
        if network.layers[0].in_features != inputs or background is None or background.shape[1:] != (inputs,):
            raise BundleError(f"The network in {folder} does not read the {inputs:,} numbers of a pair.")
        return cls(card, autoencoder, network, background.numpy())


KINDS: Mapping[str, type[ForestSurrogate | NetworkSurrogate]] = {
    FOREST: ForestSurrogate, NETWORK: NetworkSurrogate
}  # fmt: skip


def swapped(rows: np.ndarray) -> np.ndarray:
    """Numbers (N, 2T * latent) of the same pairs in the other order; also what was computed from these."""
    return np.roll(rows, rows.shape[1] // 2, axis=1)


def load_surrogate(kind: str, bundle: ModelBundle) -> ForestSurrogate | NetworkSurrogate:
    """The second model that lies beside a bundle.

    Raises
    ------
    BundleError
        If there is none, it belongs to other weights, or a file is not what it should be.
    """
    if reason := why_unusable(kind, bundle):
        raise BundleError(reason)
    return read_surrogate(place_of(kind, bundle.folder), kind, bundle)


def read_surrogate(folder: Path, kind: str, bundle: ModelBundle) -> ForestSurrogate | NetworkSurrogate:
    """A second model from any folder.

    Raises
    ------
    BundleError
    """
    card = read_card(folder)
    if reason := misfit(card, kind, bundle.manifest):
        raise BundleError(reason)
    verify_files(folder, card, (AUTOENCODER_FILE,))
    autoencoder = Autoencoder.from_stored(_tensors(folder / AUTOENCODER_FILE))
    if autoencoder.sizes["width"] != bundle.manifest.sizes["width"]:
        raise BundleError(f"The autoencoder in {folder} reads vectors of another width.")
    return KINDS[kind].read(folder, card, autoencoder)


def save_surrogate(surrogate: Surrogate, bundle: Path) -> Card:
    """Put a second model beside a bundle, in place of an earlier one: the folder appears at once.

    Returns
    -------
    Card
        With checksums and versions, as written.

    Raises
    ------
    BundleError
        If it cannot be written.
    """
    folder = place_of(surrogate.card.kind, bundle)
    part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    aside = part.with_suffix(".old")
    try:
        part.mkdir(parents=True)
        save_file(as_float32(surrogate.autoencoder.stored()), part / AUTOENCODER_FILE)
        surrogate.write(part)
        checksums = {path.name: file_digest(path) for path in sorted(part.iterdir())}
        versions = {library: version(library) for library in LIBRARIES}
        card = replace(surrogate.card, checksums=checksums, versions=versions)
        (part / CARD).write_text(card.to_json(), encoding="utf-8")
        if folder.exists():
            folder.rename(aside)
        part.rename(folder)
    except OSError as error:
        if aside.exists() and not folder.exists():
            aside.rename(folder)
        raise BundleError(f"{folder} cannot be written: {error.strerror or error}.",
                          hint="Copy the model to a folder of your own, and train there.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
    return card


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return as_float32(load_file(path))
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path} cannot be read: {error}.") from None


def _n_inputs(card: Card, autoencoder: Autoencoder) -> int:
    """Numbers of a pair: as many as its tokens have after compression."""
    return len(FEATURE_SETS[card.feature_set].pair_tokens) * autoencoder.sizes["latent"]
