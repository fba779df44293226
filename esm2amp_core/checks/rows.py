"""Every problem of every row of a table of pairs, found at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from esm2amp_core.checks.inline_sequences import NONE, InlineSequences, read_sequences
from esm2amp_core.checks.protein_lookup import Finding, Limits, Names, ProteinLookup
from esm2amp_core.columns import ColumnMap, columns_like_sequences
from esm2amp_core.errors import Issue, Severity, quoted
from esm2amp_core.sequences import Protein
from esm2amp_core.tables import RawTable

# What str.strip takes for blanks, and three characters that are not seen either: U+200B, U+2060, U+FEFF.
_BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\u200b\u2060\ufeff"

_FORMULA_REMEDY = "Open the file in a spreadsheet program and save it, or write the value."


def check_pairs(
    raw: RawTable,
    sequences: Mapping[str, Protein],
    columns: ColumnMap,
    fasta_issues: Sequence[Issue],
    limits: Limits,
) -> tuple[list[str], list[str], dict[str, Protein], list[Issue]]:
    """Names of both sides, the proteins they stand for, and all issues: of the input, then in row order."""
    inline = _inline_sequences(raw, columns)
    names = _names(raw, columns, inline)
    left_over = columns_like_sequences(raw, columns)
    lookup = ProteinLookup(names, inline, sequences, fasta_issues, limits, left_over)
    odd_rows = {row for row, _ in raw.odd_cells}
    blank = (raw.frame == "").all(axis=1).to_numpy() & ~np.isin(np.arange(1, len(raw) + 1), list(odd_rows))
    issues = [
        *raw.issues,
        *_blank_rows(blank),
        *_nameless(names, inline, blank),
        *_formulas_for_sequences(raw, columns),
        *_issues_by_name(names, lookup),
        *_issues_by_cell(names, inline, lookup),
        *_self_pairs(names, lookup),
    ]
    # Two names of one protein say the same twice.
    issues = list({(issue.row, issue.problem): issue for issue in reversed(issues)}.values())[::-1]
    issues.sort(key=lambda issue: issue.row or 0)
    texts = np.array(names.texts, dtype=object)
    a, b = (texts[codes].tolist() for codes in names.codes)
    return a, b, lookup.proteins, [*_input_issues(raw, columns, names, fasta_issues), *issues]


def _inline_sequences(raw: RawTable, columns: ColumnMap) -> InlineSequences:
    chosen = (columns.sequence_a, columns.sequence_b)
    return read_sequences([None if name is None else raw.frame[name] for name in chosen], len(raw))


def _names(raw: RawTable, columns: ColumnMap, inline: InlineSequences) -> Names:
    """Names of both sides; where there is no column of names, they are made of the sequences."""
    sides, odd = [], {}
    for side, column in enumerate((columns.protein_a, columns.protein_b)):
        if column is None:
            sides.append([inline.name(code) for code in inline.codes[side].tolist()])
            continue
        texts = raw.frame[column].str.strip(_BLANKS).tolist()
        position = raw.frame.columns.get_loc(column)
        for (row, at), cell in raw.odd_cells.items():
            if at == position and row > 0:
                texts[row - 1] = cell.shown
                odd[side, row - 1] = cell.kind
        sides.append(texts)
    codes, texts = pd.factorize(np.array(sides[0] + sides[1], dtype=object))
    codes = codes.reshape(2, len(raw)).astype(np.int64)
    kinds = {int(codes[cell]): kind for cell, kind in odd.items() if kind}
    formulas = frozenset(cell for cell, kind in odd.items() if kind == "formula")
    return Names(codes, [str(text) for text in texts], kinds, formulas)


def _blank_rows(blank: np.ndarray) -> Iterator[Issue]:
    for row in np.flatnonzero(blank) + 1:
        yield Issue(int(row), "", "The row is empty.", "Delete it or fill it in.")


def _nameless(names: Names, inline: InlineSequences, blank: np.ndarray) -> Iterator[Issue]:
    """Rows, not blank, where a side has no name."""
    for side, letter in enumerate("AB"):
        for row in np.flatnonzero((names.codes[side] == _code_of(names, "")) & ~blank).tolist():
            what, remedy = "is missing", "Write its name."
            if (side, row) in names.formulas:
                what, remedy = "is a formula without a stored result", _FORMULA_REMEDY
            elif inline.codes[side, row] != NONE:
                what = "has a sequence but no name"
            yield Issue(row + 1, "", f"Protein {letter} {what}.", remedy)


def _formulas_for_sequences(raw: RawTable, columns: ColumnMap) -> Iterator[Issue]:
    letters = {raw.frame.columns.get_loc(column): letter
               for letter, column in (("A", columns.sequence_a), ("B", columns.sequence_b)) if column}
    for (row, position), cell in raw.odd_cells.items():
        letter = letters.get(position)
        if letter and cell.kind == "formula" and row > 0:
            problem = f"The sequence of protein {letter} is a formula without a stored result."
            yield Issue(row, "", problem, _FORMULA_REMEDY)


def _issues_by_name(names: Names, lookup: ProteinLookup) -> Iterator[Issue]:
    flagged = np.isin(names.codes, list(lookup.by_name))
    # A protein paired with itself is told of once.
    flagged[1] &= names.codes[0] != names.codes[1]
    for side in (0, 1):
        for row in np.flatnonzero(flagged[side]):
            code = int(names.codes[side, row])
            yield from _of_row(int(row) + 1, names.texts[code], lookup.by_name[code])


def _issues_by_cell(names: Names, inline: InlineSequences, lookup: ProteinLookup) -> Iterator[Issue]:
    n_texts = max(len(inline.texts), 1)
    cells = names.codes * n_texts + inline.codes
    flagged = np.isin(cells, [name * n_texts + sequence for name, sequence in lookup.by_cell])
    flagged &= inline.codes != NONE
    flagged[1] &= cells[0] != cells[1]
    for side in (0, 1):
        for row in np.flatnonzero(flagged[side]):
            code = int(names.codes[side, row])
            findings = lookup.by_cell[code, int(inline.codes[side, row])]
            yield from _of_row(int(row) + 1, names.texts[code], findings)


def _of_row(row: int, value: str, findings: Sequence[Finding]) -> Iterator[Issue]:
    for finding in findings:
        yield Issue(row, value, finding.problem, finding.remedy, finding.severity)


def _self_pairs(names: Names, lookup: ProteinLookup) -> Iterator[Issue]:
    """Rows whose two proteins are one, under one name or two: allowed, but worth a word."""
    chains: dict[str, int] = {}
    chain_of_name = np.array([
        -1 - code if protein is None else chains.setdefault(protein.sequence, len(chains))
        for code, protein in enumerate(map(lookup.proteins.get, names.texts))
    ])
    first, second = chain_of_name[names.codes]
    same = (first == second) & (names.codes[0] != _code_of(names, ""))
    for row in np.flatnonzero(same):
        a, b = (names.texts[code] for code in names.codes[:, row])
        problem = f"{quoted(a)} is paired with itself."
        if a != b:
            problem = f"{quoted(a)} and {quoted(b)} have the same sequence: a protein paired with itself."
        yield Issue(int(row) + 1, a, problem, "", Severity.WARNING)


def _code_of(names: Names, text: str) -> int:
    """Position of a name; -1 if it does not occur."""
    return names.texts.index(text) if text in names.texts else -1


def _input_issues(
    raw: RawTable, columns: ColumnMap, names: Names, fasta_issues: Sequence[Issue]
) -> Iterator[Issue]:
    """What concerns the whole input, or proteins that no row names."""
    for note in raw.notes:
        yield Issue(None, "", note, "", Severity.WARNING)
    if columns.protein_a is None or columns.protein_b is None:
        yield Issue(None, "", "Proteins without a column of names are named after their sequence.", "",
                    Severity.WARNING)
    yield from (issue for issue in fasta_issues if not issue.value)
    used = set(names.texts)
    unused = {issue.value for issue in fasta_issues
              if issue.value and issue.severity == Severity.ERROR and issue.value not in used}
    if unused:
        noun = "name" if len(unused) == 1 else "names"
        yield Issue(None, "", f"{len(unused):,} {noun} in the FASTA that no pair uses cannot be read "
                    f"({', '.join(map(quoted, sorted(unused)[:3]))}).", "", Severity.WARNING)
