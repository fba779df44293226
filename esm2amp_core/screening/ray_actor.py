"""What works on each machine of a Ray cluster: the model, loaded once, and what is asked of it."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace

import numpy as np

from esm2amp_core import __version__
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.errors import BundleError, UserError
from esm2amp_core.features import ProteinFeatures
from esm2amp_core.predictor import Predictor
from esm2amp_core.screen_plan import Block
from esm2amp_core.screening.engines import score_block
from esm2amp_core.screening.parts import BlockScores
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings


@dataclass(frozen=True)
class Loading:
    """What an actor loads."""

    folder: str
    digest: str
    settings: Settings
    device: str
    precision: str
    version: str = __version__


class Actor:
    """Holds the model on one machine of the cluster."""

    def load(self, how: Loading) -> None:
        """Load the model.

        Raises
        ------
        UserError
            If it cannot be loaded here, or is another one; the message names the machine.
        """
        here = f"On {socket.gethostname()}"
        if how.version != __version__:
            raise UserError(f"{here}, esm2amp is {__version__}; the screen was started by {how.version}.",
                            hint="Install the same version everywhere.")
        try:
            loaded = Predictor.load(how.folder, settings=how.settings, device=how.device,
                                    precision=how.precision)
        except UserError as error:
            raise type(error)(f"{here}: {error.message}", hint=error.hint) from None
        if loaded.bundle.digest != how.digest:
            raise BundleError(f"{here}, {how.folder} holds another model.",
                              hint="Copy the same one everywhere.")
        self._predictor = replace(loaded, cache=None)

    def embed(self, proteins: list[Protein]) -> tuple[ProteinFeatures, dict[str, str]]:
        """Features of proteins, and why others have none."""
        return embed_pooled(proteins, self._predictor.embedder)

    def score(self, block: Block, rows: np.ndarray, columns: np.ndarray) -> BlockScores:
        """Scores of a block."""
        predictor = self._predictor
        return score_block(predictor.bundle, block, rows, columns, precision=predictor.embedder.precision)
