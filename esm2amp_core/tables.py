"""Tables as people bring them (CSV, TSV, XLSX, pasted text), read as text and nothing but text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from esm2amp_core.errors import Issue, PairError, quoted
from esm2amp_core.files.cells import Cells, OddCell
from esm2amp_core.files.delimited import read_delimited
from esm2amp_core.files.package import is_workbook
from esm2amp_core.files.text import check_size, decode
from esm2amp_core.files.workbook import read_workbook
from esm2amp_core.settings import Settings

MAX_COLUMNS = 200


@dataclass(frozen=True)
class RawTable:
    """A table as it was read: every cell is text, as written.

    Attributes
    ----------
    frame : DataFrame, one line per row below the header
        Column names are unique and not empty. A blank row in the middle is kept; those at the end are not.
    header : tuple of str
        Cells of the first row as written, which gave the columns their names.
    notes : tuple of str
        What a person should know about how the file was understood, one sentence each.
    issues : tuple of Issue
        What is wrong with single rows.
    odd_cells : mapping of (int, int) to OddCell
        Cells of a spreadsheet that hold no text, by row (from 1; 0 is the header) and column (from 0).
    name : str
        Of the file, for messages.
    """

    frame: pd.DataFrame
    header: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    odd_cells: Mapping[tuple[int, int], OddCell] = field(default_factory=dict)
    name: str = "The table"

    def __len__(self) -> int:
        return len(self.frame)

    def without_header(self) -> RawTable:
        """The same table where the first row is data too; columns are called ``column 1``, ``column 2``..."""
        first = [*self.header, *[""] * (self.frame.shape[1] - len(self.header))]
        names = [f"column {i}" for i in range(1, len(first) + 1)]
        frame = pd.concat([text_frame([first], names), self.frame.set_axis(names, axis=1)], ignore_index=True)
        return RawTable(
            frame,
            notes=(*self.notes, "The first row was taken as data: it holds no column names."),
            issues=tuple(replace(issue, row=issue.row and issue.row + 1) for issue in self.issues),
            odd_cells={(row + 1, column): kind for (row, column), kind in self.odd_cells.items()},
            name=self.name,
        )


def read_table(
    data: bytes | str,
    filename: str = "The text",
    *,
    max_pairs: int = Settings.max_pairs,
    max_file_mb: float = Settings.max_file_mb,
) -> RawTable:
    """Read a table of unknown make; what it is, is seen from its contents.

    Parameters
    ----------
    data : bytes or str
        CSV, TSV, semicolon-separated or XLSX; pasted text may also use blanks between columns.
    filename : str
        For messages alone.
    max_pairs : int
        Rows accepted below the header.
    max_file_mb : float

    Raises
    ------
    PairError
        If it is no table, is empty, too large, damaged or in a format that is not read.
    """
    check_size(len(data), filename, max_file_mb=max_file_mb)
    in_cells = isinstance(data, bytes) and is_workbook(data, filename)
    if in_cells:
        cells = read_workbook(
            data, filename, max_rows=max_pairs, max_columns=MAX_COLUMNS, max_mb=3 * max_file_mb
        )
    else:
        text = decode(data, filename)
        if text.lstrip().startswith(">"):
            raise PairError(
                f"{filename} is a FASTA file, not a table of pairs.",
                hint="Give it as the sequences, and a table with two columns of protein names as the pairs.",
            )
        cells = read_delimited(text, filename, max_rows=max_pairs, max_columns=MAX_COLUMNS)
    return _to_table(cells, filename, separated=not in_cells)


def _to_table(cells: Cells, filename: str, *, separated: bool) -> RawTable:
    """Find the header, name the columns, bring all rows to one width.

    Where cells are `separated` by a character, a row with too many has been torn apart; in a workbook,
    somebody has written beside the table.
    """
    rows, notes, odd = cells.rows, list(cells.notes), cells.odd
    odd_rows = {row for row, _ in odd}
    while rows and not any(rows[-1]) and len(rows) - 1 not in odd_rows:
        rows.pop()
    if not any(map(any, rows)):
        raise PairError(f"{filename} is empty.", hint="Give a table with two columns of protein names.")
    top = _header_row(rows)
    if skipped := [row for row in rows[:top] if any(row)]:
        title = quoted(" ".join(skipped[0]).strip())
        if separated and any(_like_a_pair(row, rows[top]) for row in skipped):
            raise PairError(
                f"{filename}: not all lines separate the columns in the same way; one begins with {title}.",
                hint="Put the same separator, a comma or a tab, between the cells of every line. "
                "If that line is a title, remove it.",
            )
        count = "1 line was" if len(skipped) == 1 else f"{len(skipped):,} lines were"
        notes.append(f"Above the header, {count} left out, beginning with {title}.")
    odd = {(row - top, column): kind for (row, column), kind in odd.items() if row >= top}
    header, body = [cell.strip() for cell in rows[top]], rows[top + 1 :]
    while len(header) > 1 and not header[-1]:
        header.pop()
    widths = [_width(row) for row in body]
    numbered = ["".join(row[:1]) for row in body] == [str(i) for i in range(1, len(body) + 1)]
    if numbered and set(widths) == {len(header) + 1}:
        header.insert(0, "row name")  # R's write.table numbers the rows in a column without name
    width = max([len(header), *widths])
    # Where every row is as wide, a column has no name.
    torn = separated and set(widths) != {width}
    issues = [
        Issue(i, row[len(header)], f"The row has {n} cells, but the header has {len(header)}.",
              "Put a cell that contains the separator in quotation marks.")
        for i, (row, n) in enumerate(zip(body, widths, strict=True), start=1) if torn and n > len(header)
    ]
    names = unique_names([*header, *[""] * (width - len(header))])
    padded = [row[:width] + [""] * (width - len(row)) for row in body]
    return RawTable(text_frame(padded, names), tuple(header), tuple(notes), tuple(issues), odd, filename)


def _header_row(rows: list[list[str]]) -> int:
    """Position of the first row that is neither blank nor a title (one filled cell above wider rows)."""
    first = rows[:50]
    wide = any(sum(map(bool, row)) > 1 for row in first)
    return next(i for i, row in enumerate(rows) if sum(map(bool, row)) > (1 if wide else 0))


def _like_a_pair(row: list[str], header: list[str]) -> bool:
    """True if a row of one cell is as wide as the header once other separators count, and so no title."""
    text = " ".join(filter(None, row))
    return len(re.split(r"[\s,;|]+", text.strip())) == sum(map(bool, header))


def _width(row: list[str]) -> int:
    """Cells up to the last filled one."""
    return next((i for i in range(len(row), 0, -1) if row[i - 1]), 0)


def unique_names(names: Sequence[str]) -> list[str]:
    """Column names made unique and not empty: a repeated one gets a number behind it."""
    taken = set(names)
    seen: set[str] = set()
    unique = []
    for position, wish in enumerate(names, start=1):
        name = wish or f"column {position}"
        number = 2
        while name in seen or (name != wish and name in taken):
            name, number = f"{wish or f'column {position}'} ({number})", number + 1
        seen.add(name)
        unique.append(name)
    return unique


def text_frame(rows: Sequence[Sequence[str]], names: Sequence[str]) -> pd.DataFrame:
    """A DataFrame of text columns."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pd.DataFrame(
        {name: pd.array(list(column), dtype="str") for name, column in zip(names, columns, strict=True)},
        index=range(len(rows)),
    )
