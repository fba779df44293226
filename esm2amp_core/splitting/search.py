"""What a search for similar proteins gives, and which of the two searches is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from esm2amp_core.errors import UserError

METHODS = ("auto", "mmseqs", "kmers")


@dataclass(frozen=True)
class Hits:
    """Similar proteins, by their places among those searched.

    Attributes
    ----------
    query, target : ndarray, dtype=int64, shape=(H,)
    similarity : ndarray, dtype=float64, shape=(H,)
        0 to 1; what it is the share of, the search says.
    """

    query: np.ndarray
    target: np.ndarray
    similarity: np.ndarray

    def __len__(self) -> int:
        return len(self.query)

    def where(self, kept: np.ndarray) -> Hits:
        """Those that a mask or places name."""
        return Hits(self.query[kept], self.target[kept], self.similarity[kept])


class Search(Protocol):
    """A way to find proteins that are similar over most of their length.

    Attributes
    ----------
    name : str
        ``mmseqs`` or ``kmers``.
    version : str
    measure : str
        What a hit's similarity is, in words.
    claim : str
        What a hit says about two proteins, in words.
    identity, coverage : float
        Least share of equal residues; least share of both proteins that the similarity covers.
    """

    name: str
    version: str
    measure: str
    claim: str
    identity: float
    coverage: float

    def find(self, queries: Sequence[str], targets: Sequence[str], *, thorough: bool = False) -> Hits:
        """Similar ones of `targets` for each of `queries`, both distinct; a `thorough` search finds more."""
        ...


def choose_search(method: str, *, identity: float, coverage: float) -> Search:
    """The search of that name; with ``auto``, MMseqs2 where it is installed.

    Raises
    ------
    UserError
        If there is no such method, it is not installed, or a share is not one.
    """
    for name, share in (("identity", identity), ("coverage", coverage)):
        if not 0 < share <= 1:
            raise UserError(f"--{name} is {share:g}.", hint="Give a share above 0 and up to 1, such as 0.3.")
    if method not in METHODS:
        raise UserError(f"--method is {method!r}.", hint=f"Choose one of {', '.join(METHODS)}.")
    from esm2amp_core.splitting.kmers import KmerSearch
    from esm2amp_core.splitting.mmseqs import MmseqsSearch, is_installed

    if method == "mmseqs" or (method == "auto" and is_installed()):
        return MmseqsSearch.installed(identity=identity, coverage=coverage)
    return KmerSearch(identity=identity, coverage=coverage)
