"""Features of a screen's proteins in a file, of which a block reads what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from esm2amp_core.embed.pooled import STAGE
from esm2amp_core.errors import UserError
from esm2amp_core.features import FeatureSet, ProteinFeatures
from esm2amp_core.progress import Report
from esm2amp_core.sequences import Protein

_FILE = ".features.f32"

EmbedChunk = Callable[[Sequence[Protein], Report], tuple[ProteinFeatures, dict[str, str]]]
"""Embeds some proteins; gives their features, and digests of the others with reasons."""


class FeatureFile:
    """Features (N, T, D) float32 on disk, by protein number.

    Parameters
    ----------
    path : Path
    shape : tuple of int
        (N, T, D).
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]) -> None:
        self._path, self.shape = path, shape

    def read(self, numbers: range) -> np.ndarray:
        """Features of consecutive proteins: ndarray, dtype=float32, shape=(len(numbers), T, D)."""
        _, T, D = self.shape
        # A plain read, no map of the file: pages of a map count as the process's memory.
        values = np.fromfile(self._path, np.float32, len(numbers) * T * D, offset=4 * numbers.start * T * D)
        return values.reshape(len(numbers), T, D)


@contextmanager
def feature_file(
    folder: Path, proteins: Sequence[Protein], feature_set: FeatureSet, embed: EmbedChunk, chunk_size: int,
    report: Report, *, reference: np.ndarray | None = None,
) -> Iterator[tuple[FeatureFile, dict[str, str]]]:
    """Embed proteins some at a time into a file that is there for as long as the block lasts.

    Features of `reference` proteins, ndarray, shape=(R, T, D), follow them where they are given.

    Yields
    ------
    features : FeatureFile
        Of the proteins that could be read, in order, then of the reference.
    failures : dict of str to str
        Digests of the others, and reasons.
    """
    path, failures = folder / _FILE, {}
    total = sum(len(protein.sequence) for protein in proteins)
    try:
        n_kept, shape, done = 0, (len(feature_set.tokens), 0), 0
        try:
            with path.open("wb") as file:
                for start in range(0, len(proteins), chunk_size):
                    chunk = proteins[start : start + chunk_size]
                    features, failed = embed(chunk, partial(_report_part, report, done, total))
                    done += sum(len(protein.sequence) for protein in chunk)
                    failures |= failed
                    values = features.select(feature_set)
                    file.write(np.ascontiguousarray(values, np.float32).tobytes())
                    n_kept, shape = n_kept + len(values), values.shape[1:]
                if reference is not None and n_kept:
                    file.write(np.ascontiguousarray(reference, np.float32).tobytes())
                    n_kept += len(reference)
        except OSError as error:
            raise UserError(f"The features cannot be kept in {path}: {error.strerror or error}.",
                            hint="Free some space there; run again, and it goes on.") from None
        yield FeatureFile(path, (n_kept, *shape)), failures
    finally:
        path.unlink(missing_ok=True)


def _report_part(report: Report, before: int, total: int, _stage: str, done: int, _of: int) -> None:
    """Tell of residues of one chunk as of the whole."""
    report(STAGE, before + done, total)
