"""What of a classifier's work belongs to one protein, and what to a pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Known = tuple[Tensor, ...]
"""What is known of B proteins: each tensor's first axis counts them."""


@dataclass(frozen=True)
class Pairwise:
    """A classifier taken apart: the same scores, with the work of one protein done once for all its pairs.

    Attributes
    ----------
    on_pairs : callable
        Logits (B,) from what is known of the first and of the second proteins of B pairs.
    per_protein : callable or None
        From tokens (N, T, D), float32, to what `on_pairs` wants to know of each; None: only the tokens.
    reads_tokens : bool
        True where `on_pairs` gets the tokens too, in front of the rest.
    dtype : torch.dtype
        Of the matrix products.
    """

    on_pairs: Callable[[Known, Known], Tensor]
    per_protein: Callable[[Tensor], Known] | None = None
    reads_tokens: bool = True
    dtype: torch.dtype = torch.float32
