"""Which pairs a screen scores, and in which blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt

import numpy as np

MOST_PROTEINS = 4_096
"""On each side of a block: their features are in memory together, 0.2 GB at the published size."""
FEWEST_PARTNERS = 20
"""A protein with fewer is not judged by what it scores with them."""


@dataclass(frozen=True)
class Block:
    """A rectangle of pairs: those of a row protein with a column protein of a higher number.

    Attributes
    ----------
    number : int
        From 0, without gaps.
    rows, columns : range
        Numbers of proteins.
    with_self : bool
        Also pairs of a protein with itself.
    """

    number: int
    rows: range
    columns: range
    with_self: bool = False

    def __len__(self) -> int:
        return int(self._partners().sum())

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the first and of the second proteins, row by row: ndarray, dtype=int64, shape=(M,)."""
        partners = self._partners()
        first = np.repeat(np.arange(self.rows.start, self.rows.stop), partners)
        # The partners of a row are its last columns.
        place = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
        return first, self.columns.stop - np.repeat(partners, partners) + place

    def _partners(self) -> np.ndarray:
        """How many partners each row has: ndarray, dtype=int64, shape=(R,)."""
        rows = np.arange(self.rows.start, self.rows.stop, dtype=np.int64)
        begin = np.maximum(self.columns.start, rows + (0 if self.with_self else 1))
        return np.maximum(self.columns.stop - begin, 0)


@dataclass(frozen=True)
class Plan:
    """All pairs of a bait with a library protein, each unordered pair once.

    Proteins are numbered so that those that are only baits come first, then those that are both, then those
    of the library alone: the pairs are then those of a bait with a library protein of a higher number.

    Attributes
    ----------
    n_proteins : int
    n_baits : int
        The baits are the first ones.
    library_start : int
        The library proteins are the others from here on; below `n_baits` where some are baits too.
    block_pairs : int
        A block has at most so many pairs.
    with_self : bool
        Also score proteins that are bait and library with themselves.
    """

    n_proteins: int
    n_baits: int
    library_start: int
    block_pairs: int
    with_self: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.library_start <= self.n_baits <= self.n_proteins or self.block_pairs < 1:
            raise ValueError(f"{self} is no plan.")

    @property
    def n_library(self) -> int:
        """Library proteins, baits among them."""
        return self.n_proteins - self.library_start

    @property
    def n_pairs(self) -> int:
        """How many pairs it has."""
        n_both = self.n_baits - self.library_start
        twice_or_self = n_both * (n_both - 1) // 2 + (0 if self.with_self else n_both)
        return self.n_baits * self.n_library - twice_or_self

    def few_partners(self) -> list[range]:
        """Numbers of the proteins that have fewer than `FEWEST_PARTNERS` partners, themselves not counted."""
        partners = ((range(self.library_start), self.n_library),  # only baits
                    (range(self.library_start, self.n_baits), self.n_proteins - 1),  # bait and library
                    (range(self.n_baits, self.n_proteins), self.n_baits))  # fmt: skip
        return [numbers for numbers, n_partners in partners if n_partners < FEWEST_PARTNERS]

    def n_reference_pairs(self, n_reference: int) -> int:
        """How many pairs are scored besides, so that proteins with few partners can be judged."""
        return n_reference * sum(map(len, self.few_partners()))

    def blocks(self) -> Iterator[Block]:
        """The blocks that have pairs; together they have every pair once."""
        height = max(min(self.n_baits, isqrt(self.block_pairs)), 1)
        width = self.block_pairs // height
        if width >= self.n_library > 0:  # few library proteins: rather more baits at a time
            height, width = max(self.block_pairs // self.n_library, 1), self.n_library
        height, width = min(height, MOST_PROTEINS), min(width, MOST_PROTEINS)
        number = 0
        for row in range(0, self.n_baits, height):
            rows = range(row, min(row + height, self.n_baits))
            # Columns before the first row hold no pairs.
            for column in range(max(self.library_start, row), self.n_proteins, width):
                columns = range(column, min(column + width, self.n_proteins))
                block = Block(number, rows, columns, self.with_self)
                if len(block):
                    yield block
                    number += 1
