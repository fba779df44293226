"""Pooled features of many proteins, each distinct sequence once, from the cache where it has them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from esm2amp_core.embed.base import Embedder
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.errors import UserError
from esm2amp_core.features import POOLED_TOKENS, POOLING_VERSION, ProteinFeatures, pool_protein
from esm2amp_core.progress import Report, silent
from esm2amp_core.sequences import Protein

STAGE = "Reading sequences with the language model"
_CHUNK = 256
"""Proteins looked up in, or put into, the cache at a time."""
_SAVE_SECONDS = 2.0
"""At most this much work is lost when the process is killed."""

Pooled = tuple[Protein, np.ndarray | str]
"""A protein with its features, ndarray, dtype=float32, shape=(13, D), or the reason why it has none."""
Pool = Callable[[Iterable[Protein], Callable[[], None]], Iterator[Pooled]]
"""Embeds and pools different proteins, in any order; while it waits, it calls what it is given, too."""


def feature_key(digest: str, embedder: Embedder) -> str:
    """What the cache knows a protein's features by: everything that decides their numbers.

    Parameters
    ----------
    digest : str
        `Protein.digest`.
    embedder : Embedder
        Its name, revision and precision.
    """
    rows = ",".join(POOLED_TOKENS)
    parts = (digest, embedder.name, embedder.revision, embedder.precision, rows, str(POOLING_VERSION))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def embed_pooled(
    proteins: Iterable[Protein],
    embedder: Embedder,
    *,
    cache: FeatureCache | None = None,
    report: Report = silent,
    pool: Pool | None = None,
) -> tuple[ProteinFeatures, dict[str, str]]:
    """Embed and pool proteins.

    Parameters
    ----------
    proteins : iterable of Protein
    embedder : Embedder
    cache : FeatureCache, optional
        Asked first; what is computed is put into it as work goes on.
    report : Report
        Told of residues done and in all.
    pool : callable, optional
        Does the work elsewhere, as this embedder would do it here.

    Returns
    -------
    features : ProteinFeatures
        One entry per distinct sequence that could be read, in order of first appearance.
    failures : dict of str to str
        Digest of every other sequence and the reason.
    """
    distinct: dict[str, Protein] = {}
    for protein in proteins:
        distinct.setdefault(protein.digest, protein)
    values = np.empty((len(distinct), len(POOLED_TOKENS), embedder.width), dtype=np.float32)
    row = {digest: i for i, digest in enumerate(distinct)}
    failures: dict[str, str] = {}

    total = sum(len(protein.sequence) for protein in distinct.values())
    found = _look_up(row, values, embedder, cache)
    done = sum(len(distinct[digest].sequence) for digest in found)

    def tell() -> None:
        report(STAGE, done, total)

    tell()
    writer = _Writer(embedder, cache)
    try:
        missing = {digest: protein for digest, protein in distinct.items() if digest not in found}
        waiting = tuple(missing.values())
        for protein, pooled in pool(waiting, tell) if pool else pooled_states(waiting, embedder):
            del missing[protein.digest]
            if isinstance(pooled, str):
                failures[protein.digest] = pooled
            else:
                values[row[protein.digest]] = pooled
                writer.add(protein.digest, pooled)
            done += len(protein.sequence)
            tell()
    finally:
        # Also when cancelled: what has been computed need not be computed again.
        writer.flush()
    if missing:
        raise ValueError(f"{embedder.name} said nothing about {len(missing)} proteins.")
    if failures:
        values = values[[row[digest] for digest in distinct if digest not in failures]]
    return ProteinFeatures(tuple(d for d in distinct if d not in failures), values), failures


def pooled_states(proteins: Iterable[Protein], embedder: Embedder) -> Iterator[Pooled]:
    """Embed and pool each protein given, in this process."""
    for protein, states in embedder.embed(proteins):
        yield protein, str(states) if isinstance(states, UserError) else pool_protein(states)


def _look_up(
    row: dict[str, int], values: np.ndarray, embedder: Embedder, cache: FeatureCache | None
) -> set[str]:
    """Fill `values` with what the cache holds; return the digests found."""
    found: set[str] = set()
    if cache is None:
        return found
    digests = list(row)
    for start in range(0, len(digests), _CHUNK):
        keys = {feature_key(digest, embedder): digest for digest in digests[start : start + _CHUNK]}
        for key, pooled in cache.get(keys).items():
            if pooled.shape == values.shape[1:]:
                values[row[keys[key]]] = pooled
                found.add(keys[key])
    return found


class _Writer:
    """Puts features into the cache some at a time: often enough, but not one by one."""

    def __init__(self, embedder: Embedder, cache: FeatureCache | None) -> None:
        self._embedder, self._cache = embedder, cache
        self._waiting: dict[str, np.ndarray] = {}
        self._saved = time.monotonic()

    def add(self, digest: str, pooled: np.ndarray) -> None:
        """Keep one protein's features."""
        if self._cache is None:
            return
        self._waiting[feature_key(digest, self._embedder)] = pooled
        if len(self._waiting) >= _CHUNK or time.monotonic() - self._saved > _SAVE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting."""
        if self._cache is not None and self._waiting:
            self._cache.put(self._waiting)
            self._waiting = {}
        self._saved = time.monotonic()
