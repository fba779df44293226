import datetime
import io
import time
import warnings
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esm2amp_core.checks.damaged_names import Damage, find_damage, genes_behind
from esm2amp_core.errors import PairError
from esm2amp_core.tables import read_table, unique_names

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


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_delimiter_and_line_end_is_read(delimiter, end):
    assert cells(read_table(end.join(delimiter.join(row) for row in ROWS))) == ROWS


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"]
)
def test_any_encoding_is_read(encoding):
    raw = read_table("protein_a,protein_b\nIFN\u00e9,P2\n".encode(encoding), "x.csv")
    assert raw.frame.values.tolist() == [["IFN\u00e9", "P2"]]


@pytest.mark.parametrize("text", ["P1  P2\nP3    P4\n", "P1 P2\nP3 P4\n", " P1\u00a0\u00a0P2\nP3   P4"])
def test_columns_aligned_with_blanks_are_read(text):
    assert cells(read_table("id1   id2\n" + text)) == [["id1", "id2"], ["P1", "P2"], ["P3", "P4"]]


def test_two_blanks_separate_where_names_hold_one():
    assert cells(read_table("id1    id2\nmy protein  P2\nP3    your protein\n"))[1:] == [
        ["my protein", "P2"], ["P3", "your protein"]
    ]  # fmt: skip


def test_quoted_cells_may_hold_delimiters_quotes_and_line_ends():
    raw = read_table('protein_a,protein_b\n"a,b","c""d"\n"e\nf","g\r\nh"\n')
    assert raw.frame.values.tolist() == [["a,b", 'c"d'], ["e\nf", "g\r\nh"]]


def test_a_quote_inside_a_cell_does_no_harm():
    raw = read_table("protein_a,protein_b\n5\"-nucleotidase,P2\nP3,\"x\"y\nP5,P6\n")
    assert raw.frame.values.tolist() == [['5"-nucleotidase', "P2"], ["P3", "xy"], ["P5", "P6"]]


def test_a_quote_that_is_never_closed_is_told_with_its_line():
    with pytest.raises(PairError, match="line 3: a quotation mark is never closed"):
        read_table('protein_a,protein_b\nP1,P2\n"P3,P4\nP5,P6\n')


def test_the_separator_line_of_excel_is_obeyed():
    assert cells(read_table("sep=;\nid1;id2,x\nP1;P2\n")) == [["id1", "id2,x"], ["P1", "P2"]]


@pytest.mark.parametrize("value", ["NA", "1E5", "007", "nan", "None", "TRUE", "null", "1e-5", "0x10", "-"])
def test_cells_stay_the_text_they_are(value):
    assert read_table(f"id1,id2\n{value},P2\n").frame["id1"].tolist() == [value]
    assert read_table(workbook([["id1", "id2"], [value, "P2"]])).frame["id1"].tolist() == [value]


def test_blank_rows_are_kept_in_the_middle_and_dropped_at_the_end():
    assert read_table("id1,id2\nP1,P2\n\n,,\nP3,P4\n\n,\n").frame.values.tolist() == [
        ["P1", "P2"], ["", ""], ["", ""], ["P3", "P4"]
    ]  # fmt: skip
    raw = read_table(workbook([["id1", "id2"], ["P1", "P2"], [], ["P3", "P4"], [None, ""]]))
    assert raw.frame.values.tolist() == [["P1", "P2"], ["", ""], ["P3", "P4"]]


def test_lines_with_different_separators_are_refused_not_dropped():
    with pytest.raises(PairError, match="not all lines separate the columns in the same way"):
        read_table("m1 m2\nm1,m3\nm2\tm3\n")


def test_what_openpyxl_does_not_know_of_a_workbook_is_no_matter_and_not_told():
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>x</t></is></c></row>'
                   for row in (1, 2))
    extensions = '<extLst><ext uri="{CCE6A557-97BC-4b89-ADB6-D9C93CAAB3DF}"/></extLst>'
    sheet = f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData>{extensions}</worksheet>'
    styles = f'<styleSheet xmlns="{space}"/>'
    data = repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet.encode(), xl__styles=styles.encode())
    with pytest.warns(UserWarning, match="no stylesheet"):
        openpyxl.load_workbook(io.BytesIO(data))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert len(read_table(data, "book.xlsx")) == 1
    assert told == []


def test_a_title_above_the_header_is_left_out_with_a_note():
    raw = read_table(workbook([["Table S1"], [], ["id1", "id2"], ["P1", "P2"]]))
    assert cells(raw) == [["id1", "id2"], ["P1", "P2"]]
    assert "'Table S1'" in raw.notes[0]


def test_repeated_and_missing_column_names_are_made_unique():
    assert list(read_table("id1,id2,x,x,,x (2)\na,b,1,2,3,4\n").frame) == [
        "id1", "id2", "x", "x (3)", "column 5", "x (2)"
    ]  # fmt: skip


@given(st.lists(st.sampled_from(["", "a", "a (2)", "column 1", "b"]), max_size=8))
def test_unique_names_are_unique_and_as_many(names):
    unique = unique_names(names)
    assert len(set(unique)) == len(unique) == len(names)
    assert all(name in (wish, *unique) for name, wish in zip(unique, names, strict=True))


def test_a_row_with_more_cells_than_the_header_is_reported_and_nothing_is_lost():
    raw = read_table("id1,id2\nP1,P2\nP3,P4,P5\nP6,P7\n")
    assert [(issue.row, issue.value) for issue in raw.issues] == [(2, "P5")]
    assert raw.frame.loc[1].tolist() == ["P3", "P4", "P5"]


def test_row_names_as_r_writes_them_get_a_column_of_their_own():
    raw = read_table('"id1" "id2"\n"1" "P1" "P2"\n"2" "P3" "P4"\n'.replace(" ", ","))
    assert raw.frame.values.tolist() == [["1", "P1", "P2"], ["2", "P3", "P4"]]
    assert list(raw.frame) == ["row name", "id1", "id2"]
    assert raw.issues == ()


def test_without_header_the_first_row_is_data():
    raw = read_table("P1\tP2\nP3\tP4\tP5\nP6\tP7\n").without_header()
    assert raw.frame.values.tolist() == [["P1", "P2", ""], ["P3", "P4", "P5"], ["P6", "P7", ""]]
    assert [issue.row for issue in raw.issues] == [2]


def test_a_column_without_name_shifts_nothing():
    raw = read_table("id1,id2\nP1,P2,x\nP3,P4,y\n")
    assert raw.frame.values.tolist() == [["P1", "P2", "x"], ["P3", "P4", "y"]]
    assert list(raw.frame) == ["id1", "id2", "column 3"]
    assert raw.issues == ()


def test_the_exports_guard_is_taken_off_in_its_exact_form_only():
    raw = read_table("id1,id2\n'=1+1,''@x\n'tHooft,'5'\n")
    assert raw.frame.values.tolist() == [["=1+1", "'@x"], ["'tHooft", "'5'"]]


# Workbooks


def test_a_workbook_gives_numbers_without_loss():
    rows = "<row><c t='str'><v>id1</v></c><c t='str'><v>id2</v></c></row>"
    rows += "<row><c><v>7157</v></c><c><v>7.0</v></c></row>"
    rows += "<row><c><v>0.30000000000000004</v></c><c><v>-1.5E-300</v></c></row>"
    raw = read_table(repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(rows)))
    assert raw.frame.values.tolist() == [["7157", "7"], ["0.30000000000000004", "-1.5e-300"]]
    assert raw.odd_cells == {}


def test_leading_zeros_of_a_number_format_are_shown():
    raw = read_table(workbook([["id1", "id2"], [7, "P2"]], formats={"A2": "0000"}))
    assert (raw.odd_cells[1, 0].shown, raw.odd_cells[1, 0].kind) == ("0007", "")


@pytest.mark.parametrize(
    ("value", "code", "shown", "kind"),
    [
        (datetime.date(2024, 3, 1), "d-mmm", "1-Mar", "date"),
        (datetime.date(2009, 9, 1), "mmm-yy", "Sep-09", "date"),
        (datetime.datetime(2024, 12, 1), "yyyy-mm-dd", "2024-12-01", "date"),
        (2.31e19, "0.00E+00", "2.31E+19", "number"),
        (True, "General", "TRUE", "boolean"),
        ("=#REF!", "General", "", "formula"),
    ],
)
def test_cells_that_hold_no_text_are_noticed(value, code, shown, kind):
    raw = read_table(workbook([["id1", "id2"], [value, "P2"]], formats={"A2": code}))
    assert (raw.odd_cells[1, 0].shown, raw.odd_cells[1, 0].kind) == (shown, kind)


def test_error_cells_are_noticed():
    def put(book):
        book.active["A2"] = "#REF!"
        book.active["A2"].data_type = "e"

    raw = read_table(workbook([["id1", "id2"], ["", "P2"]], prepare=put))
    assert (raw.odd_cells[1, 0].shown, raw.odd_cells[1, 0].kind) == ("#REF!", "error")


def test_a_formula_gives_its_stored_result():
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>id1</t></is></c><c r="B1" t="str"><v>id2</v></c></row>'
    rows += '<row r="2"><c r="A2" t="str"><f>B2&amp;"x"</f><v>P1</v></c><c r="B2"><f>1+1</f></c></row>'
    raw = read_table(repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(rows)))
    assert cells(raw) == [["id1", "id2"], ["P1", ""]]
    assert {cell: odd.kind for cell, odd in raw.odd_cells.items()} == {(1, 1): "formula"}


def test_elements_with_a_prefix_rich_text_and_missing_references_are_read():
    rows = (
        "<x:row><x:c t='inlineStr'><x:is><x:r><x:t>id</x:t></x:r><x:r><x:t>1</x:t></x:r><x:rPh sb='0' eb='1'>"
        "<x:t>no</x:t></x:rPh></x:is></x:c><x:c t='inlineStr'><x:is><x:t>id2</x:t></x:is></x:c></x:row>"
        "<x:row r='4'><x:c r='B4'><x:v>5</x:v></x:c></x:row>"
    )
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    xml = f'<x:worksheet xmlns:x="{space}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'.encode()
    raw = read_table(repacked(workbook([["x"]]), xl__worksheets__sheet1=xml))
    assert cells(raw) == [["id1", "id2"], ["", ""], ["", ""], ["", "5"]]


def test_dates_count_from_1904_where_the_workbook_says_so():
    def old_mac(book):
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904

    raw = read_table(workbook([["id1", "id2"], [datetime.date(2024, 3, 1), "P2"]], prepare=old_mac))
    assert raw.frame["id1"].tolist() == ["2024-03-01"]


def test_the_first_sheet_with_data_is_read_and_named():
    def more(book):
        book.active.title = "empty"
        book.create_sheet("secret").append(["hidden", "sheet"])
        book["secret"].sheet_state = "hidden"
        for row in ROWS:
            book.create_sheet("mine") if "mine" not in book.sheetnames else None
            book["mine"].append(row)

    raw = read_table(workbook([], prepare=more))
    assert cells(raw) == ROWS
    assert "'mine'" in raw.notes[0]


def test_half_characters_become_replacement_characters():
    rows = '<row><c t="str"><v>id1_xD800_</v></c></row>'
    raw = read_table(repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(rows)))
    assert list(raw.frame) == ["id1\ufffd"]
    assert list(read_table("id1\ud800,id2\n").frame) == ["id1\ufffd", "id2"]


def test_a_lying_dimension_changes_nothing():
    xml = zipfile.ZipFile(io.BytesIO(workbook(ROWS))).read(SHEET)
    lying = xml.replace(b'ref="A1:C3"', b'ref="A1:A1"')
    assert lying != xml
    assert cells(read_table(repacked(workbook(ROWS), xl__worksheets__sheet1=lying))) == ROWS


def test_shared_texts_are_read_with_their_line_ends():
    strings = "<si><t>id1</t></si><si><r><t>i</t></r><r><t>d2</t></r></si><si><t>a_x000D_\nb</t></si>"
    strings += "<si><t>_x005F_x0041_</t></si>"
    rows = "".join(f"<row><c t='s'><v>{i}</v></c><c t='s'><v>{i + 1}</v></c></row>" for i in (0, 2))
    assert cells(read_table(with_shared_strings(strings, rows))) == [["id1", "id2"], ["a\r\nb", "_x0041_"]]


def test_rows_whose_numbers_do_not_rise_are_not_lost():
    rows = "".join(f"<row r='{r}'><c t='str'><v>a{i}</v></c></row>" for i, r in enumerate([1, 5, 5, 2, 9]))
    raw = read_table(repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(rows)))
    assert [row[0] for row in cells(raw)] == ["a0", "", "", "", "a1", "a2", "a3", "", "a4"]


def test_a_formula_whose_result_is_empty_text_is_a_blank_cell():
    rows = "<row><c t='str'><v>id1</v></c><c t='str'><v>id2</v></c></row>"
    rows += "<row><c t='str'><v>P1</v></c><c t='str'><f>T(A1)</f><v></v></c></row>"
    raw = read_table(repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(rows)))
    assert (cells(raw)[1], raw.odd_cells) == (["P1", ""], {})


def styles_xml(formats: str, format_id: int) -> bytes:
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return (f'<styleSheet xmlns="{space}"><numFmts>{formats}</numFmts><cellXfs><xf numFmtId="0"/>'
            f'<xf numFmtId="{format_id}"/></cellXfs></styleSheet>').encode()


@pytest.mark.parametrize(
    ("format_id", "stored", "text", "kind"),
    [(31, "45352", "2024-03-01", "date"), (31, "1e300", "1e+300", "date"), (14, "1e300", "1e+300", "date"),
     (20, "0.5", "12:00:00", "date"), (46, "1.5", "1 day, 12:00:00", "date")],
)  # fmt: skip
def test_built_in_dates_are_noticed_also_far_eastern_and_impossible_ones(format_id, stored, text, kind):
    rows = f"<row><c t='str'><v>id1</v></c></row><row><c s='1'><v>{stored}</v></c></row>"
    raw = read_table(repacked(workbook([["x"]]), xl__worksheets__sheet1=sheet_xml(rows),
                              xl__styles=styles_xml("", format_id)))  # fmt: skip
    assert raw.frame["id1"].tolist() == [text]
    assert [odd.kind for odd in raw.odd_cells.values()] == [kind]


def test_print_areas_and_properties_do_not_matter():
    book = zipfile.ZipFile(io.BytesIO(workbook(ROWS))).read("xl/workbook.xml").decode()
    for kind in ("Print_Titles", "Print_Area"):
        names = f"""<definedNames><definedName name="_xlnm.{kind}" localSheetId="0">{"'" * 20_000}"""
        named = book.replace("</sheets>", f"</sheets>{names}</definedName></definedNames>")
        started = time.process_time()
        raw = read_table(repacked(workbook(ROWS), xl__workbook=named.encode(), docProps__core=b"<broken"))
        assert cells(raw) == ROWS
        assert time.process_time() - started < 2


# Hostile files


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


# Damaged names


@pytest.mark.parametrize(
    ("text", "gene"),
    [
        ("1-Mar", "MARCHF1"), ("Mar-01", "MARCHF1"), ("2023-03-01", "MARCHF1"), ("1-mar", "MARCHF1"),
        ("01-MAR", "MARCHF1"), ("11-Mar", "MARCHF11"), ("2-Sep", "SEPTIN2"), ("Sep-02", "SEPTIN2"),
        ("2-Sept", "SEPTIN2"), ("15-Sep", "SELENOF"), ("1-Dec", "DELEC1"), ("4-Oct", "POU5F1"),
        ("Oct-4", "POU5F1"), ("2-Ago", "AGO2"), ("2023-09-07 00:00:00", "SEPTIN7"), ("3/1/2023", "MARCHF1"),
        ("1-Mrz", "MARCHF1"), ("1-Mar-2023", "MARCHF1"),
    ],
)  # fmt: skip
def test_dates_are_recognised_as_the_genes_they_were(text, gene):
    assert genes_behind(text)[0] == gene


@pytest.mark.parametrize(
    "text", ["MARCH1", "SEPT2", "P04637", "NA", "1E5", "007", "nan", "None", "TRUE", "DEC1", "OCT4", "1-2",
             "HLA-A", "1433B", "Mar", "2023", "Marvel-1", "12-AUG-X"],
)  # fmt: skip
def test_sound_names_are_left_alone(text):
    assert find_damage(text) == Damage()


@pytest.mark.parametrize("text", ["2.31E+19", "1.00E+05", "#N/A", "#REF!"])
def test_numbers_and_errors_of_a_spreadsheet_are_recognised(text):
    damage = find_damage(text)
    assert damage.problem
    assert damage.remedy
    assert damage.originals == ()
