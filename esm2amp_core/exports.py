"""Results as files: CSV, XLSX and Parquet, none of which a spreadsheet can take for a formula."""

from __future__ import annotations

import io
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from esm2amp_core.errors import UserError, quoted
from esm2amp_core.predictions import PredictionTable

XLSX_ROWS, XLSX_CHARACTERS = 1_048_576, 32_767
"""What a sheet holds, header included, and what a cell holds."""

_RISKY = re.compile(r"'*[=+\-@\t\r\n]")
"""Text that a spreadsheet program could take for a formula, also after quotes that guard it already."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_UNWRITABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_OUR_TEXT = ("protein_a", "protein_b", "message")


def to_csv(table: PredictionTable) -> bytes:
    """Comma-separated text in UTF-8, line ends LF.

    A byte order mark stands in front only where there are letters beyond ASCII: without it, Excel would
    garble them; in a plain file it would only trouble scripts. Text that begins with ``= + - @``, a tab or
    a line end gets a single quote in front; numbers in carried columns stay as they are.
    """
    frame = table.frame
    guarded = pd.DataFrame({
        name: _guarded(column, keep_numbers=name not in _OUR_TEXT) if _is_text(column) else column
        for name, column in frame.items()
    })
    guarded.columns = [guard(name) for name in frame.columns]
    text = guarded.to_csv(index=False, lineterminator="\n")
    return text.encode("utf-8" if text.isascii() else "utf-8-sig")


def guard(text: str) -> str:
    """A text cell as it stands in CSV: with a quote in front where it could be taken for a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def to_xlsx(table: PredictionTable) -> bytes:
    """A workbook with one sheet; text is text even where it looks like a formula.

    Characters that XML cannot hold are written in the workbook's own notation (U+0001 as ``_x0001_``).

    Raises
    ------
    UserError
        If there are more rows than a sheet holds, or a text is longer than a cell holds.
    """
    frame = table.frame
    if len(frame) >= XLSX_ROWS:
        raise UserError(f"{len(frame):,} rows do not fit into a sheet, which holds {XLSX_ROWS - 1:,}.",
                        hint="Export as CSV or Parquet.")
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Predictions")
    sheet.freeze_panes = "A2"

    def cell(value):
        if value is None or value is pd.NA or value != value:
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
    for row, values in enumerate(_rows(frame), start=1):
        for name, value in zip(frame.columns, values, strict=True):
            if isinstance(value, str) and len(value) > XLSX_CHARACTERS:
                raise UserError(
                    f"Row {row:,}: {quoted(value)} in column {quoted(name)} has {len(value):,} characters; "
                    f"a cell holds {XLSX_CHARACTERS:,}.", hint="Export as CSV or Parquet.",
                )
        sheet.append([cell(value) for value in values])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


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
    suffix = Path(path).suffix.lower()
    if suffix not in _WRITERS:
        raise UserError(f"{path}: results are not written as {suffix or 'a file without ending'}.",
                        hint=f"Choose a name that ends in {', '.join(_WRITERS)}.")
    return suffix


def write(table: PredictionTable, path: str | Path) -> None:
    """Write results in the format that the file's name asks for; the file appears whole or not at all.

    Raises
    ------
    UserError
        If the format is unknown, cannot hold the table, or the file cannot be written.
    """
    path = Path(path)
    data = _WRITERS[check_suffix(path)](table)
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            file.write(data)
        os.replace(file.name, path)
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror}.",
                        hint="Check the folder, its permissions and the free space.") from None


def _is_text(column: pd.Series) -> bool:
    return pd.api.types.is_string_dtype(column.dtype) or column.dtype == object


def _guarded(column: pd.Series, *, keep_numbers: bool) -> list[object]:
    return [
        guard(value) if isinstance(value, str) and not (keep_numbers and _NUMBER.fullmatch(value)) else value
        for value in column
    ]


def _rows(frame: pd.DataFrame) -> Iterator[tuple[object, ...]]:
    """Rows as plain Python values."""
    return zip(*(column.astype(object).tolist() for _, column in frame.items()), strict=True)
