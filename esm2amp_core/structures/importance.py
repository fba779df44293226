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
        NaN where the method says nothing.
    signed : bool
        True if 0 is in the middle: above it, a residue speaks for the interaction.
    by_segment : bool
        True if all residues of a segment have the segment's number.
    """

    title: str
    values: tuple[np.ndarray, ...]
    signed: bool
    by_segment: bool

    @classmethod
    def of_tokens(
        cls, title: str, tokens: Sequence[str], values: np.ndarray, lengths: Sequence[int], *, signed: bool
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
        """
        own = [np.full(length, np.nan) for length in lengths]
        for token, value in zip(tokens, values, strict=True):
            side, _, name = token.partition(".")
            if stretch := token_stretch(name, lengths["AB".index(side)]):
                own["AB".index(side)][slice(*stretch)] = value
        return cls(title, tuple(own), signed, by_segment=True)

    @classmethod
    def of_residues(cls, title: str, values: Sequence[np.ndarray], *, signed: bool) -> Self:
        """Numbers of single residues, one array per protein."""
        return cls(title, tuple(np.asarray(own, dtype=float) for own in values), signed, by_segment=False)

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
