"""Protein pairs as a person brings them: a table, its proteins, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from esm2amp_core.checks.protein_lookup import ADD_SEQUENCE, Limits
from esm2amp_core.checks.rows import check_pairs
from esm2amp_core.columns import ColumnMap, recognise_columns
from esm2amp_core.errors import Issue, PairError, Severity, quoted
from esm2amp_core.predictions import RESULT_COLUMNS, TRUST_COLUMNS
from esm2amp_core.protein_files import read_packed, read_proteins
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.tables import RawTable, read_table, unique_names

__all__ = [
    "ADD_SEQUENCE", "PAIR_COLUMNS", "ColumnMap", "Limits", "PairTable", "build_pairs", "read_pairs",
    "recognise_columns",
]  # fmt: skip

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
        Every problem of every row, in row order; before them those of the whole input.
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

    def select(self, rows: Collection[int]) -> PairTable:
        """Only the rows with these numbers, in their order, with what belongs to them.

        Raises
        ------
        PairError
            If there is no such row.
        """
        if missing := sorted(set(rows) - set(self.frame["row"])):
            raise PairError(f"There is no row {missing[0]}.", hint=f"The table has {len(self):,} rows.")
        frame = self.frame[self.frame["row"].isin(rows)].reset_index(drop=True)
        names = {*frame["protein_a"], *frame["protein_b"]}
        proteins = {name: protein for name, protein in self.proteins.items() if name in names}
        return PairTable(frame, proteins, tuple(issue for issue in self.issues if issue.row in rows))

    def problems(self, severity: Severity) -> dict[int, str]:
        """All problems of one severity, as one text per row."""
        texts: dict[int, list[str]] = {}
        for issue in self.issues:
            if issue.row is not None and issue.severity == severity:
                texts.setdefault(issue.row, []).append(f"{issue.problem} {issue.remedy}".strip())
        return {row: " ".join(parts) for row, parts in texts.items()}


def build_pairs(
    raw: RawTable,
    sequences: Mapping[str, Protein] | None = None,
    columns: ColumnMap | None = None,
    fasta_issues: Sequence[Issue] = (),
    *,
    limits: Limits | None = None,
) -> PairTable:
    """Pairs of a table, every problem listed at once.

    Parameters
    ----------
    raw : RawTable
    sequences : mapping of str to Protein, optional
        Proteins by name, as `parse_fasta` gives them.
    columns : ColumnMap, optional
        Recognised by their names when absent.
    fasta_issues : sequence of Issue
        What `parse_fasta` found: rows that use such a protein are told so.
    limits : Limits, optional

    Raises
    ------
    PairError
        If the columns are not recognised, do not exist, or there is no row.
    """
    sequences = sequences or {}
    columns = columns or recognise_columns(raw, sequences)
    if not columns.has_header:
        raw = raw.without_header()
    _check_columns(columns, raw)
    if not len(raw):
        raise PairError(f"{raw.name} has a header but no rows.", hint="Add a row for each pair.")
    a, b, proteins, issues = check_pairs(raw, sequences, columns, fasta_issues, limits or Limits())
    used = {columns.protein_a, columns.protein_b, columns.sequence_a, columns.sequence_b}
    carried = raw.frame[[name for name in raw.frame.columns if name not in used]]
    carried = carried.set_axis(carried_names(list(carried.columns)), axis=1)
    pairs = pd.DataFrame({"row": range(1, len(raw) + 1), "protein_a": a, "protein_b": b})
    return PairTable(pd.concat([pairs, carried], axis=1), proteins, tuple(issues))


def read_pairs(
    path: str | Path,
    *,
    sequences: str | Path | Mapping[str, Protein] | None = None,
    columns: ColumnMap | None = None,
    limits: Limits | None = None,
    max_pairs: int = Settings.max_pairs,
    max_file_mb: float = Settings.max_file_mb,
) -> PairTable:
    """Pairs of a file (CSV, TSV, XLSX; also gzipped), as the command line and notebooks want them.

    Parameters
    ----------
    path : str or Path
    sequences : str, Path or mapping of str to Protein, optional
        A FASTA file or a table of names and sequences, gzipped or not; or proteins by name.
    columns, limits
        As for `build_pairs`.
    max_pairs, max_file_mb
        Largest table and largest file that are accepted.

    Raises
    ------
    PairError, SequenceError
        If a file cannot be read; what is wrong with single rows stands in the table's issues.
    """
    path = Path(path)
    data = read_packed(path, max_file_mb=max_file_mb)
    raw = read_table(data, path.name, max_pairs=max_pairs, max_file_mb=max_file_mb)
    issues: Sequence[Issue] = ()
    if isinstance(sequences, str | Path):
        name = Path(sequences).name
        sequences, issues = read_proteins(sequences, max_file_mb=max_file_mb)
        if not sequences and not issues:
            issues = [Issue(None, "", f"{name} is empty: it holds no sequence.", "", Severity.WARNING)]
    return build_pairs(raw, sequences, columns, issues, limits=limits)


def _check_columns(columns: ColumnMap, raw: RawTable) -> None:
    """Refuse a mapping that does not fit the table."""
    chosen = [name for name in (columns.protein_a, columns.protein_b, columns.sequence_a, columns.sequence_b)
              if name is not None]
    found = ", ".join(map(quoted, raw.frame.columns))
    if missing := [name for name in chosen if name not in raw.frame.columns]:
        raise PairError(f"There is no column {quoted(missing[0])}.", hint=f"Columns found: {found}.")
    if twice := [name for name in chosen if chosen.count(name) > 1]:
        raise PairError(f"The column {quoted(twice[0])} is chosen for two things.",
                        hint="Choose a different column for each.")
    for side in "ab":
        if getattr(columns, f"protein_{side}") is None and getattr(columns, f"sequence_{side}") is None:
            raise PairError(
                f"No column is chosen for protein {side.upper()}.", hint=f"Columns found: {found}."
            )


def carried_names(names: list[str]) -> list[str]:
    """Names of carried columns, kept apart from those of the results; all others stay as they are."""
    ours = {*RESULT_COLUMNS, *TRUST_COLUMNS}
    apart = [f"{name} (input)" if name in ours else name for name in names]
    # A table made in Python may have a column without a name: who asks for it finds it so.
    return [unique if name else name for name, unique in zip(apart, unique_names(apart), strict=True)]
