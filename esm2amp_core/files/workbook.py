"""Cells of an XLSX workbook, safe against files made to do harm."""

from __future__ import annotations

import datetime
import io
import zipfile
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from esm2amp_core.errors import PairError, quoted
from esm2amp_core.files.cells import Cells, OddCell, too_many_rows

_XLS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SAVE_AS = "Open it and save it as .xlsx or .csv."


def is_workbook(data: bytes, name: str) -> bool:
    """Whether the bytes are an XLSX workbook.

    Raises
    ------
    PairError
        If they are a spreadsheet of another kind.
    """
    if data.startswith(_XLS):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise PairError(f"{name} is protected with a password.", hint="Save it without one.")
        raise PairError(f"{name} is in an old Office format (.xls).", hint=_SAVE_AS)
    if not data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return False
    try:
        members = set(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise PairError(f"{name} is damaged: it cannot be opened as a spreadsheet.", hint=_SAVE_AS) from None
    if "xl/workbook.xml" in members:
        return True
    raise PairError(f"{name} is a zip archive but not an .xlsx spreadsheet.", hint=_SAVE_AS)


def read_workbook(data: bytes, name: str, *, max_rows: int, max_columns: int, max_mb: float) -> Cells:
    """Cells of the first sheet that holds anything.

    Raises
    ------
    PairError
        If the file is damaged, unpacks to more than `max_mb` megabytes, or has more than `max_rows` rows.
    """
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, ParseError, TypeError):
        raise PairError(f"{name} is damaged: it cannot be opened as a spreadsheet.", hint=_SAVE_AS) from None
    for sheet in book.worksheets:
        sheet.reset_dimensions()
        cells = Cells([])
        for i, row in enumerate(sheet.iter_rows(max_col=max_columns + 1)):
            texts = []
            for j, cell in enumerate(row):
                text, odd = _text(cell)
                texts.append(text)
                if odd:
                    cells.odd[i, j] = odd
            cells.rows.append(texts)
            if len(cells.rows) > max_rows + 1 and any(texts):
                raise too_many_rows(name, max_rows)
        if any(map(any, cells.rows)):
            if len(book.worksheets) > 1:
                cells.notes.append(f"Of {len(book.worksheets)} sheets, {quoted(sheet.title)} was read.")
            return cells
    raise PairError(f"{name} has no filled cell.", hint="Give a table with two columns of protein names.")


def _text(cell) -> tuple[str, OddCell | None]:
    value = cell.value
    if value is None:
        return "", None
    if isinstance(value, str):
        return value, OddCell(value, "error") if cell.data_type == "e" else None
    if isinstance(value, bool):
        return str(value).upper(), OddCell(str(value).upper(), "boolean")
    if isinstance(value, datetime.datetime):
        return value.date().isoformat(), OddCell(value.date().isoformat(), "date")
    return str(value), None
