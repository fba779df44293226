import csv
import io
import re

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esm2amp_core import exports
from esm2amp_core.errors import UserError
from esm2amp_core.feature_files import write_features
from esm2amp_core.features import ProteinFeatures
from esm2amp_core.files.whole_file import check_output, whole_file
from esm2amp_core.pairs import build_pairs
from esm2amp_core.predictions import PredictionTable
from esm2amp_core.sequences import Protein
from esm2amp_core.tables import read_table

FORMATS = {".csv": exports.to_csv, ".xlsx": exports.to_xlsx, ".parquet": exports.to_parquet}
INSIDE = ["P1;=1+1", "a;+1;-b", "a\n=1+1", "a\t@x", "a;'=1", 'a;"=1+1"', "a;;=1", "a;\n=1", "a;＝1"]
RISKY = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\n=x", "'=1", "''@x", "=cmd|' /C calc'!A0"]
PLAIN = ["P1", "NA", "1E5", "007", "nan", "None", "TRUE", "1-Mar", "a,b", 'q"q', "l\nf", "<b>", "😀", "é",
         "'x", ";", "#N/A", "#REF!"]  # fmt: skip
CONTROL = ["a\x01b", "a\rb", "\x1b[31m", "_x0041_", "x\x7f", "\ufffe", "_x005F_x0041_"]


def table(names, **carried):
    n = len(names)
    probability = np.linspace(0, 1, n) / 3
    return PredictionTable(pd.DataFrame({
        "row": range(1, n + 1), "protein_a": pd.array(names, dtype="str"), "protein_b": "P0",
        "probability": np.where(np.arange(n) == 0, np.nan, probability),
        "logit": np.where(np.arange(n) == 0, np.nan, -np.pi * np.arange(n)),
        "interacts": pd.array([pd.NA, *[i % 2 == 0 for i in range(1, n)]], dtype="boolean"),
        "status": ["error", *["ok"] * (n - 1)], "message": "", **carried,
    }))  # fmt: skip


def ids_read_again(data):
    return build_pairs(read_table(data, "again")).frame["protein_a"].tolist()


@pytest.mark.parametrize("name", [*RISKY, *INSIDE, *PLAIN, *CONTROL])
@pytest.mark.parametrize("to_bytes", [exports.to_csv, exports.to_xlsx])
def test_ids_are_read_again_as_they_were(name, to_bytes):
    again = ids_read_again(to_bytes(table(["first", name])))
    assert again == ["first", name.strip()]


@pytest.mark.parametrize("name", RISKY)
def test_csv_text_that_looks_like_a_formula_gets_a_quote_in_front(name):
    frame = pd.read_csv(io.BytesIO(exports.to_csv(table(["a", name], note=["", name]))), dtype=str,
                        keep_default_na=False)  # fmt: skip
    assert frame["protein_a"][1].startswith("'")
    is_number = name in ("+1", "-1")
    assert frame["note"][1].startswith("'") != is_number


@pytest.mark.parametrize("name", [*RISKY, *INSIDE])
@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_no_formula_begins_where_another_separator_cuts_the_file(name, separator):
    """As a spreadsheet reads it whose separator is not the comma."""
    text = exports.to_csv(table(["a", name, "b"], note=["", name, ""])).decode("utf-8-sig")
    for cells in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
        assert not [cell for cell in cells if re.match("[=@＝]|[+-](?!\\d)", cell)]


def test_csv_keeps_numbers_of_carried_columns():
    changes = ["-1.5", "+2e-3", "-inf", "0.5;-0.25"]
    text = exports.to_csv(table(["a", "b", "c", "d"], change=changes)).decode()
    found = [line.split(",")[-1] for line in text.splitlines()]
    assert found == ["change", "-1.5", "+2e-3", "'-inf", "0.5;-0.25"]


def test_column_names_are_guarded_too():
    made = table(["a"], **{"=evil": ["x"]})
    assert exports.to_csv(made).decode().splitlines()[0].endswith("'=evil")
    assert list(read_table(exports.to_csv(made)).frame)[-1] == "=evil"
    book = openpyxl.load_workbook(io.BytesIO(exports.to_xlsx(made)))
    assert book.active.cell(1, 9).data_type == "s"


def test_csv_has_a_byte_order_mark_only_where_it_is_needed():
    assert exports.to_csv(table(["a"])).startswith(b"row,")
    assert exports.to_csv(table(["é"])).startswith(b"\xef\xbb\xbfrow,")


def test_csv_and_xlsx_keep_all_digits_and_gaps():
    made = table(["a", "b", "c", "d"])
    csv = pd.read_csv(io.BytesIO(exports.to_csv(made)))
    xlsx = pd.read_excel(io.BytesIO(exports.to_xlsx(made)))
    for read in (csv, xlsx):
        for column in ("probability", "logit"):
            assert read[column].isna().tolist() == [True, False, False, False]
            assert (read[column][1:] == made.frame[column][1:]).all()
        assert read["interacts"].isna()[0]
        assert read["interacts"][1:].tolist() == [False, True, False]


def test_xlsx_holds_text_cells_and_no_formula():
    names = [name for name in [*RISKY, *PLAIN] if "\r" not in name]
    sheet = openpyxl.load_workbook(io.BytesIO(exports.to_xlsx(table(names)))).active
    assert [cell.value for cell in sheet["B"][1:]] == names
    assert {cell.data_type for cell in sheet["B"]} == {"s"}
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n", "b"}


def test_xlsx_shows_control_characters_in_its_own_notation():
    sheet = openpyxl.load_workbook(io.BytesIO(exports.to_xlsx(table(["a\x01b"])))).active
    assert sheet["B2"].value == "a_x0001_b"


def test_parquet_is_untouched():
    made = table([*RISKY, *PLAIN, *CONTROL])
    again = pd.read_parquet(io.BytesIO(exports.to_parquet(made)))
    pd.testing.assert_frame_equal(again, made.frame, check_dtype=False)
    assert again["interacts"].dtype == "boolean"
    assert again["row"].dtype == "int64"


def test_more_rows_than_a_sheet_holds_are_refused(monkeypatch):
    monkeypatch.setattr(exports, "XLSX_ROWS", 3)
    assert exports.to_xlsx(table(["a", "b"]))
    with pytest.raises(UserError, match="3 rows do not fit") as caught:
        exports.to_xlsx(table(["a", "b", "c"]))
    assert "CSV" in caught.value.hint


def test_text_longer_than_a_cell_is_refused_not_cut():
    assert exports.to_xlsx(table(["a"], note=["x" * 32_767]))
    with pytest.raises(UserError, match="Row 2: .* in column 'note' has 32,768 characters"):
        exports.to_xlsx(table(["a", "b"], note=["", "x" * 32_768]))


def test_the_format_is_chosen_by_the_name_of_the_file(tmp_path):
    made = table(["a", "b"])
    for suffix, to_bytes in FORMATS.items():
        exports.write(made, tmp_path / f"out{suffix.upper()}")
        data = (tmp_path / f"out{suffix.upper()}").read_bytes()
        assert data[:2] == to_bytes(made)[:2]
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("name", ["out", "out.xls", "out.csv.gz"])
def test_other_formats_are_refused(name, tmp_path):
    with pytest.raises(UserError, match="not written"):
        exports.write(table(["a"]), tmp_path / name)


def test_a_place_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        exports.write(table(["a"]), tmp_path / "out.csv")
    with pytest.raises(UserError, match="cannot be written"):
        exports.write(table(["a"]), tmp_path / "none" / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_a_writer_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    (tmp_path / "out.csv").write_text("old")
    with pytest.raises(KeyError), whole_file(tmp_path / "out.csv") as part:
        part.write_text("half")
        raise KeyError
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.csv": "old"}


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with whole_file(tmp_path / "out.csv") as first, whole_file(tmp_path / "out.csv") as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.csv": "first"}


def test_the_longest_name_that_a_folder_takes_can_be_written(tmp_path):
    path = tmp_path / f"{'x' * 251}.csv"
    check_output(path)
    with whole_file(path) as part:
        part.write_text("whole")
    assert path.read_text() == "whole"
    too_long = path.with_name(f"x{path.name}")
    with pytest.raises(UserError, match="File name too long"):
        check_output(too_long)
    with pytest.raises(UserError, match="File name too long"), whole_file(too_long) as part:
        part.write_text("whole")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["out.npz", "out.h5"])
def test_features_that_find_no_room_are_told_in_words(tmp_path, file_size_limit, name):
    proteins = [Protein(f"p{length}", "A" * length) for length in range(10, 60)]
    values = np.random.default_rng(0).random((50, 13, 40), dtype="float32")
    features = ProteinFeatures(tuple(protein.digest for protein in proteins), values)
    with file_size_limit(50_000), pytest.raises(UserError, match="cannot be written: File too large"):
        write_features(proteins, features, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_features_are_written_whole_by_name_or_not_at_all(tmp_path):
    protein = Protein("a", "ACDEFGHIKLMN")
    features = ProteinFeatures((protein.digest,), np.ones((1, 13, 4), dtype="float32"))
    for name in ("out.npz", "out.H5"):
        write_features([protein, protein], features, tmp_path / name)
    assert list(np.load(tmp_path / "out.npz")["ids"]) == ["a", "a"]
    assert pd.read_hdf(tmp_path / "out.H5", key="df").shape == (2, 1 + 13 * 4)
    for name, reason in (("out.txt", "not written as .txt"), ("none/out.npz", "cannot be written"),
                         ("none/out.h5", "cannot be written")):
        with pytest.raises(UserError, match=reason):
            write_features([protein], features, tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.H5", "out.npz"]


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
    lambda text: text == text.strip() and not set(text) & set("\u200b\u2060\ufeff")
)


def few_control_characters(names):
    """A file with more of them is no text."""
    return sum(character < " " for name in names for character in name) <= 8


@settings(deadline=None, max_examples=50)
@given(st.lists(NAMES, min_size=1, max_size=5).filter(few_control_characters))
@pytest.mark.parametrize("to_bytes", [exports.to_csv, exports.to_xlsx])
def test_any_ids_are_read_again_as_they_were(to_bytes, names):
    assert ids_read_again(to_bytes(table(["first", *names]))) == ["first", *names]
