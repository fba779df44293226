"""Tables as text: delimiters, encodings, quotes, headers."""


import pytest
from hypothesis import given
from hypothesis import strategies as st
from workbook_samples import ROWS, cells, workbook

from esm2amp_core.errors import PairError
from esm2amp_core.tables import read_table, unique_names


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
