"""Tables that are damaged, none, or made to do harm: a clear error, soon."""

import datetime
import io
import time
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workbook_samples import (
    ROWS,
    SHEET,
    repacked,
    sheet_xml,
    styles_xml,
    with_shared_strings,
    workbook,
)

from esm2amp_core.errors import PairError
from esm2amp_core.tables import read_table


def bomb(n_bytes: int) -> bytes:
    rows = b"<row><c t='inlineStr'><is><t>" + b"A" * n_bytes + b"</t></is></c></row>"
    return repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(rows.decode()))


def lying_bomb() -> bytes:
    """A workbook whose directory says that a large sheet is small."""
    data = bytearray(bomb(30_000_000))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        size = archive.getinfo(SHEET).file_size
    return bytes(data.replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))


ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY f SYSTEM "file:///etc/passwd">]><worksheet><sheetData><row><c t="inlineStr"><is><t>&b;&f;</t>'
    b"</is></c></row></sheetData></worksheet>"
)

HOSTILE = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n \r\n", "empty"),
    "commas": (b",,,\n,,,\n", "empty"),
    "binary": (bytes(range(256)) * 100, "not a text file"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(1000), "picture"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
    "gzip": (b"\x1f\x8b" + bytes(100), "gzip"),
    "parquet": (b"PAR1" + bytes(100), "Parquet"),
    "fasta": (b">P1\nMKLV\n", "FASTA"),
    "old excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), r"\.xls"),
    "encrypted": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password"),
    "truncated zip": (workbook(ROWS)[:2000], "damaged"),
    "broken sheet": (repacked(workbook(ROWS), xl__worksheets__sheet1=b"<worksheet><row>"), "damaged"),
    "no sheet": (repacked(workbook(ROWS), xl__workbook=b"<workbook/>"), "no filled cell"),
    "no cell": (workbook([]), "no filled cell"),
    "missing string": (repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml(
        '<row r="1"><c r="A1" t="s"><v>5</v></c></row>')), "damaged"),
    "entities": (repacked(workbook(ROWS), xl__worksheets__sheet1=ENTITIES), "DOCTYPE"),
    "bomb": (bomb(30_000_000), "unpacks"),
    "lying bomb": (lying_bomb(), "unpacks|damaged"),
    "cells without end": (repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml(
        "<row>" + "<c/>" * 400_000 + "</row>")), "more than .* cells"),
    "rows without end": (repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml("<row/>" * 400_000)),
                         "unpacks"),
    "blank rows": (repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml("<row></row>" * 250_000)),
                   "no filled cell"),
    "long number format": (repacked(workbook(ROWS), xl__styles=styles_xml(
        f'<numFmt numFmtId="164" formatCode="{"[" * 1_000_000}"/>', 164)), "unpacks"),
    "strict": (repacked(workbook(ROWS), xl__workbook=b'<workbook xmlns="http://purl.oclc.org/ooxml/spreadsheetml/'
                        b'main"/>'), "Strict"),
    "entities in utf-16": (repacked(workbook(ROWS), xl__worksheets__sheet1=ENTITIES.decode().replace(
        "?>", " encoding='utf-16'?>", 1).encode("utf-16")), "DOCTYPE"),
    "far row": (repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml(
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="2000000000"><c><v>1</v></c></row>')), "far below"),
    "far column": (repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml(
        '<row r="1"><c r="XFD1"><v>1</v></c></row>')), "more than 200 columns"),
    "odd number": (repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml(
        '<row r="1"><c r="A1"><v>x7</v></c></row>')), "damaged"),
    "many rows": (b"id1,id2\n" + b"P1,P2\n" * 3000, "more than 1,000 rows"),
    "many columns": (b"a," * 300 + b"\n", "more than 200 columns"),
    "large": (b"id1,id2\n" + b"P1,P2\n" * 300_000, "at most 1 MB"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_one_clear_error_quickly(name):
    data, reason = HOSTILE[name]
    started = time.process_time()
    with pytest.raises(PairError, match=reason) as caught:
        read_table(data, f"{name}.csv", max_pairs=1_000, max_file_mb=1)
    assert time.process_time() - started < 5
    assert caught.value.hint
    assert len(str(caught.value)) < 400


def test_other_zip_archives_are_named():
    for member, kind in [("content.xml", "ods"), ("word/document.xml", "Word"), ("a.txt", "zip archive")]:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(member, "x")
        with pytest.raises(PairError, match=kind):
            read_table(buffer.getvalue())


def test_a_zip_of_very_many_files_is_refused_before_it_is_listed():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(5_001):
            archive.writestr(f"{i}", b"")
    with pytest.raises(PairError, match="more than 5,000 files"):
        read_table(buffer.getvalue())


def test_more_rows_or_texts_than_any_sheet_holds_are_refused_before_a_tree_is_made_of_them():
    rows = repacked(workbook(ROWS), xl__worksheets__sheet1=sheet_xml("<row></row>" * 1_060_000))
    for data in (rows, with_shared_strings("<si></si>" * 101_000, "")):
        with pytest.raises(PairError, match="unpacks"):
            read_table(data, max_pairs=1_000)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["xl/workbook.xml", SHEET, "xl/styles.xml", "[Content_Types].xml"]), st.data())
def test_a_workbook_with_a_damaged_part_gives_a_table_or_a_clear_error(part, data):
    whole = workbook([*ROWS, [datetime.date(2024, 3, 1), 2.5, True]])
    xml = zipfile.ZipFile(io.BytesIO(whole)).read(part)
    start = data.draw(st.integers(0, len(xml)))
    stop = data.draw(st.integers(start, min(start + 20, len(xml))))
    text = data.draw(st.text("<>/\"=&x0 9-", max_size=5)).encode()
    key = part.removesuffix(".xml").replace("/", "__")
    try:
        read_table(repacked(whole, **{key: xml[:start] + text + xml[stop:]}))
    except PairError as error:
        assert error.hint


def test_many_rows_in_a_workbook_are_refused():
    with pytest.raises(PairError, match="more than 10 rows"):
        read_table(workbook([["id1", "id2"], *[["a", "b"]] * 11]), max_pairs=10)
    assert len(read_table(workbook([["id1", "id2"], *[["a", "b"]] * 10]), max_pairs=10)) == 10


@pytest.mark.parametrize("cell", ["<c t='str'><v>a</v></c>", "<c/>", "<x:c r='A1'/>"])
def test_a_workbook_of_too_many_cells_is_refused_before_they_are_read(monkeypatch, cell):
    monkeypatch.setattr("esm2amp_core.files.workbook._Reader", None)
    data = repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(f"<row>{cell * 101}</row>" * 1_000))
    with pytest.raises(PairError, match="more than 100,000 cells"):
        read_table(data, max_pairs=1_000)


def test_one_line_of_fifty_megabytes_does_no_harm():
    raw = read_table(b"A" * 50_000_000, "x.csv")
    assert raw.frame.shape == (0, 1)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_table_or_a_clear_error(data):
    try:
        read_table(data, "x")
    except PairError as error:
        assert error.message


# What XML holds; a leading '=' makes openpyxl write a formula, and XML itself turns CR into LF.
LETTER = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
CELL = st.text(LETTER, min_size=1, max_size=6).filter(lambda text: text[0] != "=" and "_x" not in text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=5))
def test_any_text_in_a_workbook_is_read_as_it_was_written(rows):
    assert read_table(workbook([["id1", "id2"], *rows])).frame.values.tolist() == list(map(list, rows))
