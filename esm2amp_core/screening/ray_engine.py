"""The work of a screen spread over a Ray cluster: actors hold the model, blocks and batches are tasks.

What actors find comes back to the driver, which alone writes: so a block is in the output once, however often
it was scored. Every machine of the cluster needs the same esm2amp and the model's folder under the same path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from esm2amp_core.cluster.connection import Cluster
from esm2amp_core.cluster.dispatch import Dispatch
from esm2amp_core.cluster.embedding import embed_batch, spread_proteins
from esm2amp_core.embed.pooled import Pooled, embed_pooled
from esm2amp_core.errors import BundleError
from esm2amp_core.features import ProteinFeatures
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report
from esm2amp_core.screen_plan import Block
from esm2amp_core.screening.engines import Progress, score_block
from esm2amp_core.screening.features import FeatureFile
from esm2amp_core.screening.parts import BlockScores
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings


class RayEngine:
    """See `engines.Engine`.

    Parameters
    ----------
    predictor : Predictor
        Of a bundle that lies in a folder; its precision holds for all actors.
    settings : Settings
        See `Cluster`, which also tells what can go wrong.
    """

    def __init__(self, predictor: Predictor, settings: Settings) -> None:
        if predictor.bundle.folder is None:
            raise ValueError("Actors load the model from its folder; this one was never saved.")
        self._predictor = predictor
        self._cluster = Cluster(settings)
        self.device = self._cluster.device
        self.proteins_at_once = min(max(512, 128 * self._cluster.n_actors), 8_192)
        load = partial(load_predictor, str(predictor.bundle.folder), predictor.bundle.digest, settings,
                       self.device, str(predictor.embedder.precision))  # fmt: skip
        self._dispatch = Dispatch(self._cluster, load)

    def embed(self, proteins: Sequence[Protein], report: Report) -> tuple[ProteinFeatures, dict[str, str]]:
        """See `engines.Engine.embed`; what the cache of this machine has is not computed again."""
        embedder, cache = self._predictor.embedder, self._predictor.cache
        pool = partial(spread_proteins, self._dispatch, _embed_batch, embedder.max_residues)
        return embed_pooled(proteins, embedder, cache=cache, report=report, pool=pool)

    def score(
        self, blocks: Iterable[Block], features: FeatureFile, progress: Progress
    ) -> Iterator[tuple[Block, BlockScores]]:
        """See `engines.Engine.score`."""
        return self._dispatch.spread(
            _score_block, blocks,
            lambda block: (block, features.read(block.rows), features.read(block.columns)),
            tick=lambda: progress(0),
        )  # fmt: skip

    def close(self) -> None:
        """Let the actors go; a cluster that was started here ends."""
        self._dispatch.close()
        self._cluster.close()


def load_predictor(folder: str, digest: str, settings: Settings, device: str, precision: str) -> Predictor:
    """The model that lies in a folder here.

    Raises
    ------
    BundleError, EncoderError
        If it cannot be loaded, or is not the one of that digest.
    """
    loaded = Predictor.load(folder, settings=settings, device=device, precision=precision)
    if loaded.bundle.digest != digest:
        raise BundleError(f"{folder} holds another model.", hint="Copy the same one everywhere.")
    return loaded


def _embed_batch(predictor: Predictor, proteins: list[Protein]) -> list[Pooled]:
    return embed_batch(predictor.embedder, proteins)


def _score_block(predictor: Predictor, block: Block, rows: np.ndarray, columns: np.ndarray) -> BlockScores:
    return score_block(predictor.bundle, block, rows, columns, precision=predictor.embedder.precision)
