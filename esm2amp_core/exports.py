"""Results as files: CSV, XLSX and Parquet, none of which a spreadsheet can take for a formula."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from esm2amp_core.errors import UserError, quoted
from esm2amp_core.files.whole_file import known_suffix, whole_file
from esm2amp_core.predictions import PredictionTable

XLSX_ROWS, XLSX_CHARACTERS = 1_048_576, 32_767
"""What a sheet holds, header included, and what a cell holds."""

_RISKY = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""Text that a spreadsheet program could take for a formula, also after quotes that guard it already."""
_RISKY_INSIDE = re.compile(r"""(?<=[;\t\r\n])(?=["']*[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where such text begins behind a semicolon, a tab or a line end. A spreadsheet whose separator is not the
comma (the semicolon in most of Europe) cuts the line there, whatever stands in quotation marks."""
_NEEDS_QUOTES = re.compile(r'["\r\n]')
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBERS = re.compile(rf"{_NUMBER}(?:;{_NUMBER})*")
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_OUR_TEXT = ("protein_a", "protein_b", "message")


def to_csv(table: PredictionTable) -> bytes:
    """Comma-separated text in UTF-8, line ends LF, missing values empty.

    A byte order mark stands in front only where there are letters beyond ASCII: without it, Excel would
    garble them; in a plain file it would only trouble scripts. Text that begins with ``= + - @``, a tab or
    a line end gets a single quote in front, also behind a semicolon, tab or line end within a cell; numbers
    in carried columns stay as they are. `read_table` takes the quotes away again.
    """
    return delimited(table.frame)


def delimited(frame: pd.DataFrame, separator: str = ",") -> bytes:
    """Any table as text, guarded as `to_csv` tells; a comma or a tab separates the cells."""
    columns = [
        [_cell(value, separator, keep_numbers=name not in _OUR_TEXT) for value in column]
        for name, column in zip(frame.columns, _columns(frame), strict=True)
    ]
    header = [_cell(name, separator, keep_numbers=False) for name in frame.columns]
    text = "".join(f"{separator.join(cells)}\n" for cells in (header, *zip(*columns, strict=True)))
    return text.encode("utf-8" if text.isascii() else "utf-8-sig")


def _cell(value: object, separator: str, *, keep_numbers: bool) -> str:
    if not isinstance(value, str):
        return "" if _is_missing(value) else str(value)
    if not (keep_numbers and _NUMBERS.fullmatch(value)):
        value = guard(value)
    if separator in value or _NEEDS_QUOTES.search(value):
        value = '"' + value.replace('"', '""') + '"'
    return value


def guard(text: str) -> str:
    """A text cell as it stands in CSV: with a quote in front of what could be taken for a formula."""
    text = _RISKY_INSIDE.sub("'", text)
    return f"'{text}" if _RISKY.match(text) else text


def to_xlsx(table: PredictionTable) -> bytes:
    """A workbook with one sheet; text is text even where it looks like a formula.

    Characters that XML cannot hold are written in the workbook's own notation (U+0001 as ``_x0001_``).

    Raises
    ------
    UserError
        If there are more rows than a sheet holds, or a text is longer than a cell holds.
    """
    return workbook(table.frame, "Predictions")


def workbook(frame: pd.DataFrame, title: str) -> bytes:
    """Any table as a workbook with one sheet of this title, as `to_xlsx` tells.

    Raises
    ------
    UserError
        If there are more rows than a sheet holds, or a text is longer than a cell holds.
    """
    _check_fits_sheet(frame)
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"

    def cell(value):
        if _is_missing(value) or value == "":
            return None
        if isinstance(value, str):
            made = WriteOnlyCell(sheet, writable(value))
            made.data_type = "s"  # whatever it looks like: '=1+1' and '#N/A' are text
            return made
        if isinstance(value, float):
            made = WriteOnlyCell(sheet, repr(value))
            made.data_type = "n"  # as a float, openpyxl would write 16 of its 17 digits
            return made
        return value

    sheet.append([cell(name) for name in frame.columns])
    for values in zip(*_columns(frame), strict=True):
        sheet.append([cell(value) for value in values])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _check_fits_sheet(frame: pd.DataFrame) -> None:
    if len(frame) >= XLSX_ROWS:
        raise UserError(f"{len(frame):,} rows do not fit into a sheet, which holds {XLSX_ROWS - 1:,}.",
                        hint="Export as CSV or Parquet.")
    for name, column in zip(frame.columns, _columns(frame), strict=True):
        for row, value in enumerate(column, start=1):
            if isinstance(value, str) and len(value) > XLSX_CHARACTERS:
                raise UserError(
                    f"Row {row:,}: {quoted(value)} in column {quoted(name)} has {len(value):,} characters; "
                    f"a cell of a sheet holds {XLSX_CHARACTERS:,}.", hint="Export as CSV or Parquet.",
                )


def writable(text: str) -> str:
    """Text as a workbook can hold it; an underscore that would begin such a notation is written so too."""
    return _UNWRITABLE.sub(lambda match: f"_x{ord(match.group()):04X}_", text)


def to_parquet(table: PredictionTable) -> bytes:
    """A Parquet file, every value as it is."""
    buffer = io.BytesIO()
    table.frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


_WRITERS: dict[str, Callable[[PredictionTable], bytes]] = {
    ".csv": to_csv, ".xlsx": to_xlsx, ".parquet": to_parquet,
}  # fmt: skip


def check_suffix(path: str | Path) -> str:
    """The format that a file's name asks for.

    Raises
    ------
    UserError
        If it is none of .csv, .xlsx and .parquet.
    """
    return known_suffix(path, _WRITERS, "results")


def write(table: PredictionTable, path: str | Path) -> None:
    """Write results in the format that the file's name asks for; the file appears whole or not at all.

    Raises
    ------
    UserError
        If the format is unknown, cannot hold the table, or the file cannot be written.
    """
    data = _WRITERS[check_suffix(path)](table)
    with whole_file(path) as part:
        part.write_bytes(data)


def _columns(frame: pd.DataFrame) -> list[list[object]]:
    """Columns as plain Python values."""
    return [column.astype(object).tolist() for _, column in frame.items()]


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or value != value
