"""Numbers per residue of the proteins of a pair, whatever method they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from esm2amp_core.features import segment_bounds, token_stretch


@dataclass(frozen=True)
class Importance:
    """What a method says of each residue of P proteins.

    Attributes
    ----------
    title : str
        Of the method.
    values : tuple of ndarray, dtype=float64, shape=(L,), one per protein
        What is shown; NaN where the method says nothing.
    magnitudes : tuple of ndarray, dtype=float64, shape=(L,), one per protein
        By which residues are ranked, as everywhere: not always the size of the value, in which what a segment
        has for and against the interaction may cancel.
    signed : bool
        True if 0 is in the middle: above it, a residue speaks for the interaction.
    by_segment : bool
        True if all residues of a segment have the segment's number.
    """

    title: str
    values: tuple[np.ndarray, ...]
    magnitudes: tuple[np.ndarray, ...]
    signed: bool
    by_segment: bool

    @classmethod
    def of_tokens(
        cls, title: str, tokens: Sequence[str], values: np.ndarray, lengths: Sequence[int], *, signed: bool,
        magnitudes: np.ndarray | None = None,
    ) -> Self:
        """Numbers of tokens such as ``A.segment3``, at the residues they stand for.

        Parameters
        ----------
        title : str
        tokens : sequence of str, length=T
            Those without a place in the chain (cls, eos) are passed over.
        values : ndarray, shape=(T,)
        lengths : sequence of int
            Residues of protein A, and of B.
        signed : bool
        magnitudes : ndarray, shape=(T,), optional
            The sizes of the values where they are not given.
        """
        magnitudes = np.abs(values) if magnitudes is None else magnitudes
        own, sizes = ([np.full(length, np.nan) for length in lengths] for _ in range(2))
        for token, value, size in zip(tokens, values, magnitudes, strict=True):
            side, _, name = token.partition(".")
            protein = "AB".index(side)
            if stretch := token_stretch(name, lengths[protein]):
                own[protein][slice(*stretch)], sizes[protein][slice(*stretch)] = value, size
        return cls(title, tuple(own), tuple(sizes), signed, by_segment=True)

    @classmethod
    def of_residues(
        cls, title: str, values: Sequence[np.ndarray], *, signed: bool,
        magnitudes: Sequence[np.ndarray] | None = None,
    ) -> Self:
        """Numbers of single residues, one array per protein; magnitudes as for `of_tokens`."""
        own = tuple(np.asarray(one, dtype=float) for one in values)
        sizes = map(np.abs, own) if magnitudes is None else (np.asarray(one, float) for one in magnitudes)
        return cls(title, own, tuple(sizes), signed, by_segment=False)

    @property
    def limit(self) -> float:
        """The largest number that occurs, whatever its sign; 1 where all are 0."""
        return max((float(np.nanmax(np.abs(own), initial=0)) for own in self.values), default=0) or 1.0

    def units(self, protein: int) -> np.ndarray:
        """Which segment, or which residue, each residue belongs to: ndarray, dtype=int64, shape=(L,)."""
        length = len(self.values[protein])
        if not self.by_segment:
            return np.arange(length)
        return np.searchsorted(segment_bounds(length), np.arange(length), side="right") - 1
