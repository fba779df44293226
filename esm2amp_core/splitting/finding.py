"""What a check of a split finds, and the parts it looks at."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from esm2amp_core.same_pairs import number_sequences
from esm2amp_core.splitting.pair_files import PairFile


@dataclass(frozen=True)
class Leak:
    """One kind of leak between or within parts.

    Attributes
    ----------
    kind : str
        ``same_pair``, ``shared_protein``, ``same_sequence``, ``similar_proteins``, ``contradictory_labels``,
        ``label_from_identity``, ``label_from_id_type`` or ``label_from_order``.
    parts : tuple of str
        The files concerned.
    count : int
        How many pairs or proteins.
    message : str
        In plain words.
    examples : tuple of str
    figures : dict
        Numbers behind the message.
    """

    kind: str
    parts: tuple[str, ...]
    count: int
    message: str
    examples: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


class Part:
    """A file with its pairs as sequences."""

    def __init__(self, pairs: PairFile, name: str, places: dict[str, int]) -> None:
        self.pairs, self.name = pairs, name
        self.rows = np.flatnonzero(pairs.usable)
        self.sequences = number_sequences(pairs.table, places)[self.rows]  # (M, 2)
        self.ids = pairs.ids[self.rows]
        self.labels = pairs.labels[self.rows]

    @cached_property
    def by_pair(self) -> dict[tuple[int, int], list[int]]:
        """Places of the rows of each unordered pair of sequences."""
        found: dict[tuple[int, int], list[int]] = {}
        for at, pair in enumerate(np.sort(self.sequences, axis=1).tolist()):
            found.setdefault(tuple(pair), []).append(at)
        return found

    @cached_property
    def names(self) -> dict[int, list[str]]:
        """Ids of each sequence."""
        found: dict[int, dict[str, None]] = {}
        for name, place in zip(self.ids.ravel().tolist(), self.sequences.ravel().tolist(), strict=True):
            found.setdefault(place, {})[name] = None
        return {place: list(names) for place, names in found.items()}

    def show(self, at: int) -> str:
        """A row for a person."""
        a, b = self.ids[at]
        return f"{self.name} row {self.rows[at] + 1}: {a} - {b}"
