"""The zip archive around a workbook, looked over before any of it is believed."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from esm2amp_core.errors import PairError
from esm2amp_core.files.cells import max_cells, max_sheet_cells, too_many_cells
from esm2amp_core.files.text import MEGABYTE

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_MEMBERS = 5_000
_CHUNK = 1 << 18
_HEAD = 1 << 14
_SHEET_ROWS = 1_048_576
"""What a sheet holds in any spreadsheet program."""
_TAGS_PER_ROW = 200_000
"""Between two row ends: twelve for each column that a sheet can have. Small parts stay below it too."""
_TAGS_PER_CELL = 8
_CELL = re.compile(rb"<(?:[\w.-]+:)?c[\s/>]")
_LONGEST_STYLE = 2_000
"""Bytes of one tag: openpyxl takes very long over a long number format, which has 255 letters at most."""
SAVE_AS = "Open it in a spreadsheet program and save it as .xlsx or .csv."


def is_workbook(data: bytes, name: str) -> bool:
    """Whether the bytes are an XLSX workbook.

    Raises
    ------
    PairError
        If they are a spreadsheet of another kind, or a damaged one.
    """
    if data.startswith(_OLD_OFFICE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise _protected(name)
        raise PairError(f"{name} is in an old Office format (.xls).", hint=SAVE_AS)
    if not data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return False
    # Before zipfile makes an object of each entry.
    if data.count(b"PK\x01\x02") > _MAX_MEMBERS:
        raise PairError(f"{name} holds more than {_MAX_MEMBERS:,} files.", hint=SAVE_AS)
    with damage_told(name), zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = set(archive.namelist())
    if "xl/workbook.xml" in members:
        return True
    kinds = {"xl/workbook.bin": "an .xlsb workbook", "word/document.xml": "a Word document",
             "content.xml": "an OpenDocument file (.ods)", "Index/Document.iwa": "a Numbers or Pages file"}
    kind = next((kind for member, kind in kinds.items() if member in members), "a zip archive")
    raise PairError(f"{name} is {kind}, not an .xlsx workbook.", hint=SAVE_AS)


@contextmanager
def damage_told(name: str) -> Iterator[None]:
    """Turn what reading a damaged workbook raises, which is anything, into one error for people."""
    try:
        yield
    except (ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError,
            SyntaxError, TypeError, ValueError, struct.error, zipfile.BadZipFile, zlib.error):
        raise PairError(f"{name} is damaged: it cannot be read as a workbook.", hint=SAVE_AS) from None


def check_package(data: bytes, name: str, *, max_rows: int, max_mb: float) -> None:
    """Refuse a workbook whose parts would take very much time or memory to read.

    Raises
    ------
    PairError
        If it unpacks to more than `max_mb` megabytes, is encrypted, defines entities, holds rows or cells
        far beyond `max_rows`, is damaged, or is of a kind that is not read (Strict Open XML).
    """
    with damage_told(name), zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        # zipfile never unpacks more than the directory says, so that can be relied on.
        if sum(member.file_size for member in members) > max_mb * MEGABYTE:
            raise _too_much(name)
        if any(member.flag_bits & 1 for member in members):
            raise _protected(name)
        for member in members:
            if member.filename.lower().endswith((".xml", ".rels")):
                with archive.open(member) as part:
                    _check_part(part, member.filename, name, max_rows)


def _check_part(part: zipfile.ZipExtFile, title: str, name: str, max_rows: int) -> None:
    """Count the tags of an XML part, all of them and those of one row, before a tree is made of them."""
    tag = b"si" if "sharedstrings" in title.lower() else b"row"
    most_ends = max_cells(max_rows) if tag == b"si" else _SHEET_ROWS
    end = re.compile(rb"</(?:[\w.-]+:)?" + tag + rb"\s*>")
    n_tags = n_ends = n_cells = in_row = 0
    head = part.read(_HEAD)
    plain = head.replace(b"\0", b"")  # UTF-16
    if b"<!DOCTYPE" in plain:
        raise PairError(f"{name} contains XML definitions (DOCTYPE), which a workbook never does.",
                        hint=SAVE_AS)
    if b"http://purl.oclc.org/ooxml/spreadsheetml" in plain:
        raise PairError(f"{name} is a 'Strict Open XML' workbook.",
                        hint="Save it as an ordinary Excel workbook (.xlsx) or as .csv.")
    chunk = head
    while chunk:
        if title == "xl/styles.xml" and max(map(len, chunk.split(b"<"))) > _LONGEST_STYLE:
            raise _too_much(name)
        counts = [piece.count(b"<") for piece in end.split(chunk)]
        n_tags += sum(counts)
        n_ends += len(counts) - 1
        n_cells += len(_CELL.findall(chunk)) if tag == b"row" else 0
        if n_cells > max_sheet_cells(max_rows):
            raise too_many_cells(name, max_sheet_cells(max_rows))
        counts[0] += in_row
        in_row = counts[-1]
        if max(counts) > _TAGS_PER_ROW or n_ends > most_ends or n_tags > _TAGS_PER_CELL * max_cells(max_rows):
            raise _too_much(name)
        chunk = part.read(_CHUNK)


def _too_much(name: str) -> PairError:
    return PairError(f"{name} unpacks to more than is accepted.",
                     hint="Remove sheets, rows, columns and formats that are not needed, or save it as CSV.")


def _protected(name: str) -> PairError:
    return PairError(f"{name} is protected with a password.", hint="Save it without one.")
