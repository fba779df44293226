"""Workbooks as spreadsheet programs write them, and as nobody should."""

import io
import zipfile

import openpyxl

ROWS = [["protein_a", "protein_b", "note"], ["P1", "P2", "x"], ["P3", "P4", ""]]
SHEET = "xl/worksheets/sheet1.xml"


def workbook(rows, *, formats=None, prepare=None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, code in (formats or {}).items():
        book.active[cell].number_format = code
    if prepare:
        prepare(book)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def repacked(data: bytes, **replaced: bytes) -> bytes:
    """The workbook with some parts replaced; names of parts with '/' as '__' and without their ending."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            key = name.removesuffix(".xml").replace("/", "__")
            new.writestr(name, replaced.get(key, old.read(name)))
    return buffer.getvalue()


def sheet_xml(rows: str) -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'.encode()


def with_shared_strings(strings: str, rows: str) -> bytes:
    """A workbook as spreadsheet programs write it: texts in a part of their own, cells that refer to them."""
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    whole = workbook([["x"]])
    types = zipfile.ZipFile(io.BytesIO(whole)).read("[Content_Types].xml").decode()
    entry = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kind}"/>'
    types = types.replace("</Types>", f"{entry}</Types>")
    buffer = io.BytesIO(repacked(whole, xl__worksheets__sheet1=sheet_xml(rows), **{"[Content_Types]": types}))
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f'<sst xmlns="{space}">{strings}</sst>')
    return buffer.getvalue()


def cells(raw):
    return [list(raw.header), *raw.frame.values.tolist()]


def styles_xml(formats: str, format_id: int) -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return (f'<styleSheet xmlns="{space}"><numFmts>{formats}</numFmts><cellXfs><xf numFmtId="0"/>'
            f'<xf numFmtId="{format_id}"/></cellXfs></styleSheet>').encode()
