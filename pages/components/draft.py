"""What a person brought and what was understood of it, before it becomes a job. No Streamlit."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from esm2amp_core.columns import ColumnMap, recognise_columns
from esm2amp_core.errors import Issue, PairError, SequenceError, Severity
from esm2amp_core.pairs import Limits, PairTable, build_pairs
from esm2amp_core.protein_files import unpacked
from esm2amp_core.same_pairs import note_repeats
from esm2amp_core.sequences import Protein, parse_fasta
from esm2amp_core.settings import Settings
from esm2amp_core.tables import RawTable, read_table


@dataclass(frozen=True, kw_only=True)
class Source:
    """Exactly what a person gave.

    Attributes
    ----------
    table : bytes
        The pairs: text or a workbook, also gzipped.
    filename : str
        Says the format of the table, and where it came from.
    fasta : bytes
        Sequences that came beside the table, also gzipped; may be empty.
    title : str
        Proposed title of the job.
    """

    table: bytes
    filename: str
    fasta: bytes = b""
    title: str = ""

    @cached_property
    def digest(self) -> str:
        """Equal for equal input."""
        parts = (self.filename.encode(), self.table, self.fasta)
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A source as it was read.

    Attributes
    ----------
    source : Source
    raw : RawTable
        The table as text, with the person's corrections.
    proteins : mapping of str to Protein
        Those of the FASTA, by every name it gives them.
    fasta_issues : tuple of Issue
    columns : ColumnMap or None
        Which columns hold what; None while that is not known.
    pairs : PairTable or None
        None while the columns are not known.
    reason : str
        Why the columns were not recognised.
    limits : Limits
        How long proteins may be.
    """

    source: Source
    raw: RawTable
    proteins: Mapping[str, Protein]
    fasta_issues: tuple[Issue, ...]
    columns: ColumnMap | None = None
    pairs: PairTable | None = None
    reason: str = ""
    limits: Limits = field(default_factory=Limits)

    def with_columns(self, columns: ColumnMap) -> Draft:
        """The same input read with other columns.

        Raises
        ------
        PairError
            If they make no pairs.
        """
        raw = self.raw
        if not columns.has_header:  # from here on the first row is a row like the others
            raw, columns = raw.without_header(), replace(columns, has_header=True)
        pairs = build_pairs(raw, self.proteins, columns, self.fasta_issues, limits=self.limits)
        if repeats := note_repeats(pairs):
            pairs = replace(pairs, issues=(repeats, *pairs.issues))
        return replace(self, raw=raw, columns=columns, pairs=pairs, reason="")

    def with_rows(self, rows: pd.DataFrame) -> Draft:
        """The same input with some rows corrected; `rows` has columns and index of the raw frame."""
        frame = self.raw.frame.copy()
        changed = (frame.loc[rows.index, rows.columns] != rows).to_numpy()
        frame.loc[rows.index, rows.columns] = rows
        # A cell that was typed anew is text, and a row that was gone through is no longer torn.
        typed = {
            (int(rows.index[line]) + 1, frame.columns.get_loc(rows.columns[column]))
            for line, column in zip(*changed.nonzero(), strict=True)
        }
        mended_rows = {row for row, _ in typed}
        raw = replace(
            self.raw,
            frame=frame,
            odd_cells={cell: kind for cell, kind in self.raw.odd_cells.items() if cell not in typed},
            issues=tuple(issue for issue in self.raw.issues if issue.row not in mended_rows),
        )
        corrected = replace(self, raw=raw)
        return corrected.with_columns(self.columns) if self.columns else corrected

    def with_sequences(self, fasta: str) -> Draft:
        """The same input with more proteins; one that was there already is replaced.

        Raises
        ------
        SequenceError
            If the text holds no protein.
        """
        added, issues = parse_fasta(fasta)
        left = [issue for issue in self.fasta_issues if issue.value not in added]
        wider = replace(self, proteins={**self.proteins, **added}, fasta_issues=(*left, *issues))
        return wider.with_columns(self.columns) if self.columns else wider

    def rows_with(self, severity: Severity) -> list[int]:
        """Numbers of the rows that have an issue of this severity."""
        return sorted(self.pairs.problems(severity)) if self.pairs else []


def read_draft(source: Source, settings: Settings) -> Draft:
    """Read a source as far as it can be understood.

    Raises
    ------
    UserError
        If the table or the FASTA cannot be read at all.
    """
    limit = settings.max_file_mb
    table = unpacked(source.table, source.filename, max_file_mb=limit, error=PairError)
    raw = read_table(table, source.filename, max_pairs=settings.max_pairs, max_file_mb=limit)
    fasta = unpacked(source.fasta, "The FASTA file", max_file_mb=limit, error=SequenceError)
    proteins, issues = parse_fasta(fasta) if fasta.strip() else ({}, [])
    limits = Limits(max_residues=settings.max_residues)
    draft = Draft(source=source, raw=raw, proteins=proteins, fasta_issues=tuple(issues), limits=limits)
    try:
        return draft.with_columns(recognise_columns(raw, proteins))
    except PairError as error:
        return replace(draft, reason=str(error))
