"""Cells of an XLSX workbook."""

from __future__ import annotations

import posixpath

from esm2amp_core.errors import PairError, quoted
from esm2amp_core.files.cells import Cells, max_cells
from esm2amp_core.files.package import Package
from esm2amp_core.files.sheet import SharedStrings, Sheet
from esm2amp_core.files.workbook_parts import Elements, Styles

_BOOK = "xl/workbook.xml"


def read_workbook(data: bytes, name: str, *, max_rows: int, max_columns: int, max_mb: float) -> Cells:
    """Cells of the first sheet that holds anything, visible ones first; formulas by their stored result.

    Parameters
    ----------
    data : bytes
    name : str
        For messages.
    max_rows, max_columns : int
        Filled ones; the header is not counted.
    max_mb : float
        Megabytes to which the parts that are needed may unpack.

    Raises
    ------
    PairError
        If the file is damaged, made to do harm, larger than accepted, or has no filled cell.
    """
    package = Package(data, name, max_mb=max_mb)
    book = Elements("sheet", "workbookPr")
    package.parse(_BOOK, book)
    from_1904 = any(found.get("date1904") in ("1", "true") for _, found in book.found)
    parts = _parts(package)
    styles = Styles(from_1904=from_1904)
    package.parse(parts.get("styles", ""), styles)
    strings = SharedStrings(name, max_cells(max_rows))
    package.parse(parts.get("sharedStrings", ""), strings)
    sheets = [found for tag, found in book.found if tag == "sheet" and found.get("id") in parts]
    sheets.sort(key=lambda found: found.get("state", "visible") != "visible")
    for found in sheets:
        sheet = Sheet(name, strings.texts, styles.formats, max_rows=max_rows, max_columns=max_columns,
                      max_cells=max_cells(max_rows))  # fmt: skip
        package.parse(parts[found["id"]], sheet)
        cells = sheet.cells()
        if cells.rows:
            title = quoted(found.get("name", ""))
            if len(sheets) > 1:
                cells.notes.append(
                    f"Of {len(sheets)} sheets, {title} was read, the first with data. "
                    f"To use another one, save it as a file of its own."
                )
            return cells
    raise PairError(f"{name} has no filled cell.", hint="Give a table with two columns of protein names.")


def _parts(package: Package) -> dict[str, str]:
    """Paths of the worksheets by relationship id, and of styles and shared strings by kind."""
    relations = Elements("Relationship")
    package.parse("xl/_rels/workbook.xml.rels", relations)
    parts = {}
    for _, relation in relations.found:
        kind = relation.get("Type", "").rpartition("/")[2]
        path = posixpath.join("/xl", relation.get("Target", ""))
        if kind == "worksheet":
            parts[relation.get("Id", "")] = path
        elif kind in ("styles", "sharedStrings"):
            parts[kind] = path
    return parts
