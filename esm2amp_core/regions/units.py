"""The parts of proteins that can be important: their ten segments, or their single residues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from esm2amp_core.features import N_SEGMENTS, segment_bounds
from esm2amp_core.region_files import RESIDUE, SEGMENT


@dataclass(frozen=True)
class Units:
    """Segments or residues of P proteins, U in all, one protein after the other.

    Attributes
    ----------
    kind : str
        `SEGMENT` or `RESIDUE`.
    names : tuple of str, length=P
    lengths : ndarray, dtype=int64, shape=(P,)
        Residues of each protein.
    """

    kind: str
    names: tuple[str, ...]
    lengths: np.ndarray

    @classmethod
    def of(cls, kind: str, lengths: Mapping[str, int]) -> Self:
        """Units of proteins, from the length of each.

        Raises
        ------
        SequenceError
            If a protein is too short to be cut into segments.
        """
        if kind == SEGMENT and lengths:
            segment_bounds(min(lengths.values()))
        return cls(kind, tuple(lengths), np.array(list(lengths.values()), np.int64))

    @cached_property
    def offsets(self) -> np.ndarray:
        """Where the units of each protein begin and, at last, U: ndarray, dtype=int64, shape=(P + 1,)."""
        return np.concatenate([[0], np.cumsum(self.n_units)])

    @property
    def n_units(self) -> np.ndarray:
        """Units of each protein: ndarray, dtype=int64, shape=(P,)."""
        return self.lengths if self.kind == RESIDUE else np.full(len(self.names), N_SEGMENTS)

    @cached_property
    def owners(self) -> np.ndarray:
        """Number of the protein of each unit: ndarray, dtype=int64, shape=(U,)."""
        return np.repeat(np.arange(len(self.names)), self.n_units)

    def bounds(self, protein: int) -> np.ndarray:
        """Borders of a protein's units, half-open from 0: ndarray, dtype=int64, shape=(units + 1,)."""
        length = int(self.lengths[protein])
        return np.arange(length + 1) if self.kind == RESIDUE else segment_bounds(length)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Mean over the units of each protein.

        Parameters
        ----------
        values : ndarray, shape=(U, T)

        Returns
        -------
        ndarray, shape=(P, T)
        """
        if not len(self.names):
            return np.zeros((0, values.shape[1]))
        return np.add.reduceat(values, self.offsets[:-1], axis=0) / self.n_units[:, None]
