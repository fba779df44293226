"""Who scores the blocks of a screen, and who embeds its proteins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.errors import UserError
from esm2amp_core.features import ProteinFeatures
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report
from esm2amp_core.screen_plan import Block
from esm2amp_core.screening.features import FeatureFile
from esm2amp_core.screening.parts import BlockScores
from esm2amp_core.sequences import Protein

Progress = Callable[[int], None]

FIRST_CHUNK, MOST_CHUNK = 1_024, 65_536
REPORT_SECONDS = 0.5


class Engine(Protocol):
    """Does the work of a screen, wherever its processors are. What it gives is kept by whoever asked.

    Attributes
    ----------
    device : str
        ``cpu``, ``cuda`` or ``mps``.
    proteins_at_once : int
        Proteins to be embedded together: their 13 vectors are in memory at a time.
    """

    device: str
    proteins_at_once: int

    def embed(self, proteins: Sequence[Protein], report: Report) -> tuple[ProteinFeatures, dict[str, str]]:
        """Features of different proteins in their order, and why others have none; see `embed_pooled`."""
        ...

    def score(
        self, blocks: Iterable[Block], features: FeatureFile, progress: Progress
    ) -> Iterator[tuple[Block, BlockScores]]:
        """Each block given, once, as soon as it is scored; in any order.

        `progress` is told from time to time how many pairs of unfinished blocks are scored; what it raises
        stops the work.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class LocalEngine:
    """Works in this process, a block at a time."""

    proteins_at_once = 512

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.device = str(predictor.embedder.device).partition(":")[0]

    def embed(self, proteins: Sequence[Protein], report: Report) -> tuple[ProteinFeatures, dict[str, str]]:
        """See `Engine.embed`."""
        return embed_pooled(proteins, self._predictor.embedder, cache=self._predictor.cache, report=report)

    def score(
        self, blocks: Iterable[Block], features: FeatureFile, progress: Progress
    ) -> Iterator[tuple[Block, BlockScores]]:
        """See `Engine.score`."""
        for block in blocks:
            yield block, score_block(
                self._predictor.bundle, block, features.read(block.rows), features.read(block.columns),
                precision=self._predictor.embedder.precision, progress=progress,
            )  # fmt: skip

    def close(self) -> None:
        """See `Engine.close`."""


def score_block(
    bundle: ModelBundle,
    block: Block,
    rows: np.ndarray,
    columns: np.ndarray,
    *,
    precision: str = "float32",
    progress: Progress = lambda n_scored: None,
) -> BlockScores:
    """Score the pairs of a block.

    Parameters
    ----------
    bundle : ModelBundle
    block : Block
    rows, columns : ndarray, dtype=float32, shape=(R, T, D), (C, T, D)
        Features of its proteins.
    precision : str
    progress : callable
        Told from time to time how many pairs are done.

    Returns
    -------
    BlockScores
        Probabilities are those of the logits as they are kept, in float32.
    """
    scorer = bundle.scorer(np.concatenate([rows, columns]), precision=precision)
    first, second = block.pairs()
    first, second = first - block.rows.start, second - block.columns.start + len(rows)
    logit, difference = np.empty(len(first), np.float32), np.empty(len(first), np.float32)
    start, chunk = 0, FIRST_CHUNK
    while start < len(first):
        begun, part = time.monotonic(), slice(start, start + chunk)
        logit[part], difference[part] = scorer.score(first[part], second[part])
        start = min(start + chunk, len(first))
        progress(start)
        # Whoever cancels waits for a chunk: a slow model gets small ones.
        if time.monotonic() - begun < REPORT_SECONDS / 2:
            chunk = min(2 * chunk, MOST_CHUNK)
    if not np.isfinite(logit).all():
        raise UserError("The model gave scores that are no numbers.",
                        hint="Check the model: esm2amp models check.")
    return BlockScores(logit, bundle.probabilities(logit.astype(np.float64)).astype(np.float32), difference)
