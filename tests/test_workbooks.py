"""Workbooks: what a cell holds is what is read."""

import datetime
import io
import time
import warnings
import zipfile

import openpyxl
import pytest
from workbook_samples import (
    ROWS,
    SHEET,
    cells,
    repacked,
    sheet_xml,
    styles_xml,
    with_shared_strings,
    workbook,
)

from esm2amp_core.tables import read_table


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
