"""What a classifier sees of a protein: a few pooled ESM-2 vectors, each with its name.

Token order and labels are stated here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esm2amp_core.errors import SequenceError

N_SEGMENTS = 10
SEGMENTS = tuple(f"segment{i}" for i in range(N_SEGMENTS))
POOLED_TOKENS = ("cls", "eos", "mean", *SEGMENTS)
"""Rows of a pooled protein, in order."""
POOLING_VERSION = 2
"""Raise it when encoder or `pool_protein` give other bits, so that cached features are made again."""


@dataclass(frozen=True)
class FeatureSet:
    """Which pooled vectors of each protein a classifier reads, in which order."""

    name: str
    tokens: tuple[str, ...]
    version: int = 1

    @property
    def columns(self) -> list[int]:
        """Positions of the tokens in a pooled protein."""
        return [POOLED_TOKENS.index(token) for token in self.tokens]

    @property
    def pair_tokens(self) -> tuple[str, ...]:
        """Names of a pair's 2T tokens: ``A.segment0`` ... ``B.segment9``."""
        return tuple(f"{protein}.{token}" for protein in "AB" for token in self.tokens)


FEATURE_SETS = {
    feature_set.name: feature_set
    for feature_set in (
        FeatureSet("segments", SEGMENTS),
        # cls and eos come first, as in the loader the published weights were trained with.
        FeatureSet("cls_eos_segments", ("cls", "eos", *SEGMENTS)),
        FeatureSet("mean", ("mean",)),
    )
}


def segment_bounds(length: int) -> np.ndarray:
    """Borders of the ten consecutive stretches of a chain.

    Parameters
    ----------
    length : int
        Residues in the chain. The first ``length % 10`` stretches are one residue longer.

    Returns
    -------
    ndarray, dtype=int64, shape=(11,)
        Stretch i covers residues ``bounds[i]`` to ``bounds[i + 1]``, half-open from 0.

    Raises
    ------
    SequenceError
        If the chain is shorter than ten residues.
    """
    if length < N_SEGMENTS:
        raise SequenceError(
            f"A protein of {length} residues cannot be cut into {N_SEGMENTS} segments.",
            hint=f"Use proteins of at least {N_SEGMENTS} residues.",
        )
    quotient, remainder = divmod(length, N_SEGMENTS)
    sizes = np.full(N_SEGMENTS, quotient)
    sizes[:remainder] += 1
    return np.concatenate([[0], np.cumsum(sizes)])


def token_stretch(token: str, length: int) -> tuple[int, int] | None:
    """Residues that a token of a protein stands for, half-open from 0; None for ``cls`` and ``eos``.

    Raises
    ------
    KeyError
        If there is no such token.
    """
    if token in SEGMENTS:
        start, stop = segment_bounds(length)[SEGMENTS.index(token) :][:2]
        return int(start), int(stop)
    return {"mean": (0, length), "cls": None, "eos": None}[token]


def pool_protein(states: np.ndarray) -> np.ndarray:
    """Pool the language model's last hidden states (METHOD: ESM2_AMP, doi 10.1093/bib/bbaf434).

    Parameters
    ----------
    states : ndarray, dtype=float32, shape=(L + 2, D)
        Rows: cls, one per residue, eos; after the final layer norm.

    Returns
    -------
    ndarray, dtype=float32, shape=(13, D)
        Rows as in `POOLED_TOKENS`.

    Raises
    ------
    SequenceError
        If L < 10.
    """
    residues = states[1:-1]
    bounds = segment_bounds(len(residues))
    sums = np.add.reduceat(residues, bounds[:-1], axis=0, dtype=np.float64)
    segments = sums / np.diff(bounds)[:, None]
    mean = sums.sum(axis=0) / len(residues)
    return np.vstack([states[0], states[-1], mean, segments]).astype(np.float32)


@dataclass(frozen=True)
class ProteinFeatures:
    """Pooled features of several proteins, each known by its sequence digest.

    Attributes
    ----------
    digests : tuple of str, length=N
    values : ndarray, dtype=float32, shape=(N, 13, D)
        Second axis as in `POOLED_TOKENS`.
    """

    digests: tuple[str, ...]
    values: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[:2] != (len(self.digests), len(POOLED_TOKENS)):
            raise ValueError(f"{len(self.digests)} proteins do not fit values of shape {self.values.shape}.")

    @property
    def width(self) -> int:
        """Embedding width D."""
        return self.values.shape[2]

    def rows(self) -> dict[str, int]:
        """Row of each digest in `values`."""
        return {digest: row for row, digest in enumerate(self.digests)}

    def select(self, feature_set: FeatureSet) -> np.ndarray:
        """The tokens of one feature set: ndarray, dtype=float32, shape=(N, T, D)."""
        return self.values[:, feature_set.columns]
