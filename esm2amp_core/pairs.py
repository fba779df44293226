"""Protein pairs as a person brings them: a table, its proteins, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from esm2amp_core.errors import Issue, Severity
from esm2amp_core.sequences import Protein

PAIR_COLUMNS = ("row", "protein_a", "protein_b")


@dataclass(frozen=True)
class PairTable:
    """Input rows in order, none left out, with the proteins they name.

    Attributes
    ----------
    frame : DataFrame, one line per input row
        ``row`` (int, from 1), ``protein_a``, ``protein_b`` (ids as written), then the carried columns
        (text, as written, in the order of the input; a label is a carried column too).
    proteins : mapping of str to Protein
        By id as written in the frame. A row whose protein is missing here has an error issue.
    issues : tuple of Issue
        Every problem of every row, in row order.
    """

    frame: pd.DataFrame
    proteins: Mapping[str, Protein]
    issues: tuple[Issue, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def carried(self) -> list[str]:
        """Names of the columns that go to the output untouched."""
        return [name for name in self.frame.columns if name not in PAIR_COLUMNS]

    def problems(self, severity: Severity) -> dict[int, str]:
        """All problems of one severity, as one text per row."""
        texts: dict[int, list[str]] = {}
        for issue in self.issues:
            if issue.row is not None and issue.severity == severity:
                texts.setdefault(issue.row, []).append(f"{issue.problem} {issue.remedy}".strip())
        return {row: " ".join(parts) for row, parts in texts.items()}
