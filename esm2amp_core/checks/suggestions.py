"""Names that a person may have meant, found cheaply even among many."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_ISOFORM = re.compile(
    r"(?P<canonical>[OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d(?:[A-Z][A-Z\d]{2}\d){1,2})-\d+", re.I
)  # the form of accessions: https://www.uniprot.org/help/accession_numbers
_COMPARISONS = 60_000
"""Names compared in all, for one table; each takes some microseconds."""


class Suggester:
    """Looks for known names that resemble an unknown one.

    Parameters
    ----------
    known : iterable of str
    """

    def __init__(self, known: Iterable[str]) -> None:
        self._known = dict.fromkeys(known)
        self._left = _COMPARISONS
        self._by_core: dict[str, list[str]] | None = None

    def close_to(self, name: str) -> list[str]:
        """At most three known names: first those that differ in case, version or isoform alone."""
        if self._by_core is None:
            self._by_core = {}
            for known in self._known:
                self._by_core.setdefault(_core(known), []).append(known)
        if same := self._by_core.get(_core(name)):
            return sorted(same, key=len)[:3]
        if len(name) > 100 or self._left < len(self._known):
            return []
        self._left -= len(self._known)
        return difflib.get_close_matches(name, self._known, n=3, cutoff=0.75)

    def known_among(self, names: Iterable[str]) -> list[str]:
        """Those of the names that are known."""
        return [name for name in names if name in self._known]


def canonical_of(name: str) -> str:
    """Accession of the entry that a UniProt isoform belongs to; empty if the name is no isoform's.

    >>> canonical_of("P04637-2")
    'P04637'
    """
    isoform = _ISOFORM.fullmatch(_bare(name))
    return isoform["canonical"].upper() if isoform else ""


def _bare(name: str) -> str:
    """A name without case, blanks and database prefix."""
    name = re.sub(r"\s+", "", name).casefold()
    name = re.sub(r"^(?:uniprotkb|uniprot|refseq|ensembl):", "", name)
    return name.split("|")[1] if re.match(r"(?:sp|tr)\|[^|]+\|", name) else name


def _core(name: str) -> str:
    """A bare name without version (.2) and isoform (-2)."""
    return re.sub(r"(?:\.\d{1,2}|-\d{1,2})$", "", _bare(name))
