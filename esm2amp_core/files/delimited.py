"""Cells of delimited text: CSV, TSV, semicolons, or blanks between columns."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator

from esm2amp_core.errors import PairError
from esm2amp_core.files.cells import Cells, max_cells, too_many_cells, too_many_columns, too_many_rows
from esm2amp_core.files.text import lines

# The size of the file bounds a cell; csv's own limit would refuse a titin.
csv.field_size_limit(2**31 - 1)

_DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas", "|": "vertical bars"}
_SAMPLE_CHARACTERS = 200_000
_SAMPLE_ROWS = 50
_MAX_BLANK_ROWS = 3_000_000
GUARDED = re.compile(r"'+[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How exports write a cell that a spreadsheet could take for a formula: with one more quote in front."""
GUARDED_INSIDE = re.compile(r"""(?<=[;\t\r\n])'(?=["']*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""The same within a cell, where another separator would cut it."""


def read_delimited(text: str, name: str, *, max_rows: int, max_columns: int) -> Cells:
    """Split text into rows of cells; the delimiter is the one that fits its first rows best.

    Raises
    ------
    PairError
        If a quotation mark is never closed, or there are more than `max_rows` rows below the header
        or more than `max_columns` columns.
    """
    if declared := re.match(r"sep=(.)(\r\n|\r|\n)", text):
        delimiter: str | None = declared.group(1)
        text = text[declared.end() :]
    else:
        delimiter = find_delimiter(text[:_SAMPLE_CHARACTERS])
    if delimiter is None:
        split = _split_blanks(text, max_columns)
    else:
        # csv makes all cells of a row before it hands them over.
        if text.count(delimiter) > max_cells(max_rows) and _widest(text, delimiter) > 100 * max_columns:
            raise too_many_columns(name, max_columns)
        split = _split_quoted(text, delimiter, name)
    rows: list[list[str]] = []
    n_cells = n_blank = 0
    pool: dict[str, str] = {}
    for row in split:
        if len(row) > max_columns and any(row[max_columns:]):
            raise too_many_columns(name, max_columns)
        if not any(row):  # kept only if a filled row follows: files may end in very many
            n_blank += 1
            if n_blank > _MAX_BLANK_ROWS:
                raise too_many_rows(name, max_rows)
            continue
        if rows:  # blank rows above the header do not count
            rows += [[] for _ in range(min(n_blank, max_rows + 2))]
        n_blank = 0
        if len(rows) > max_rows:
            raise too_many_rows(name, max_rows)
        # One object per distinct text: long sequences repeat from row to row.
        rows.append([pool.setdefault(cell, cell) for cell in row])
        n_cells += len(row)
        if n_cells > max_cells(max_rows):
            raise too_many_cells(name, max_cells(max_rows))
    for row in rows:
        for i, cell in enumerate(row):
            if "'" in cell:
                row[i] = unguarded(cell)
    return Cells(rows)


def unguarded(cell: str) -> str:
    """A cell as it was before an export put quotes in front of what could be taken for a formula."""
    return GUARDED_INSIDE.sub("", cell[1:] if GUARDED.match(cell) else cell)


def find_delimiter(sample: str) -> str | None:
    """The delimiter by which most rows of the sample have the same number of cells; None for blanks."""
    best, best_share = None, 0.0
    for delimiter in _DELIMITERS:
        rows = csv.reader(lines(sample), delimiter=delimiter)
        first = [row for row, _ in zip(rows, range(_SAMPLE_ROWS), strict=False)]
        widths = [len(row) for row in first if any(row)] or [len(row) for row in first]
        counts = Counter(width for width in widths if width > 1)
        share = counts.most_common(1)[0][1] / len(widths) if counts else 0.0
        if share > best_share:
            best, best_share = delimiter, share
    return best


def _widest(text: str, delimiter: str) -> int:
    """Delimiters in the line that has most of them."""
    return max(line.count(delimiter) for line in lines(text))


def _split_blanks(text: str, max_columns: int) -> Iterator[list[str]]:
    """Rows of text whose columns are aligned with blanks: two or more of them, or else single ones."""
    sample = [line for _, line in zip(range(_SAMPLE_ROWS), lines(text), strict=False) if line.strip()]
    wide = sum(bool(re.search(r"\s{2,}", line.strip())) for line in sample) > len(sample) / 2
    blanks = re.compile(r"\s{2,}" if wide else r"\s+")
    for line in lines(text):
        yield blanks.split(line.strip(), maxsplit=max_columns)


def _split_quoted(text: str, delimiter: str, name: str) -> Iterator[list[str]]:
    reader = csv.reader(lines(text), delimiter=delimiter, strict=True)
    lenient = False
    start = 0
    try:
        for row in reader:
            start = reader.line_num
            yield row
    except csv.Error as problem:
        if "end of data" in str(problem):
            raise PairError(f"{name}, line {start + 1:,}: a quotation mark is never closed.",
                            hint="Close it or remove it.") from None
        lenient = True
    if lenient:
        rows = csv.reader(lines(text), delimiter=delimiter)
        yield from (row for row in rows if rows.line_num > start)
