"""What a protein language model must offer to be used here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from esm2amp_core.errors import UserError
from esm2amp_core.sequences import Protein


class Embedder(Protocol):
    """Turns proteins into one vector per residue.

    Residue gradients also need ``in_float32``, ``inputs`` and ``states``, as `esm2.Esm2Embedder` has them.

    Attributes
    ----------
    name, revision : str
        Which model, and which state of its weights; together they make its numbers repeatable.
    precision : str
        ``float32`` or ``bfloat16``: how it computes.
    width : int
        Embedding width D.
    """

    name: str
    revision: str
    precision: str
    width: int

    def embed(self, proteins: Iterable[Protein]) -> Iterator[tuple[Protein, np.ndarray | UserError]]:
        """Each protein given, in any order, with its states (L + 2, D) float32 or the reason why not."""
        ...
