"""From tables and proteins to pairs: every row comes out, with every problem."""

import csv
import datetime
import gzip
import io
import time
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pair_samples import FASTA, PROTEINS, A, B, C, errors_of, pairs, rows_with

from esm2amp_core.checks.suggestions import Suggester
from esm2amp_core.errors import PairError, SequenceError, Severity
from esm2amp_core.pairs import build_pairs, read_pairs
from esm2amp_core.sequences import parse_fasta
from esm2amp_core.tables import read_table


def workbook(rows, **formats):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, code in formats.items():
        book.active[cell].number_format = code
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


STYLED = workbook([[1, 2, 3, 4]], A1="d-mmm", B1="yyyy-mm-dd", C1="0.00E+00", D1="0000")

# Rows


def test_rows_come_out_as_they_came_in_duplicates_included():
    table = pairs("id1,id2\nP1,P2\nP2,P1\nP1,P2\n\nnope,P1\nP1,P2\n")
    assert table.frame["row"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table.frame["protein_a"].tolist() == ["P1", "P2", "P1", "", "nope", "P1"]
    assert rows_with(table, Severity.ERROR) == {4, 5}
    assert "empty" in errors_of(table, 4)


@pytest.mark.parametrize("value", ["NA", "1E5", "007", "nan", "None", "TRUE", "null", "5", "é", "a b"])
@pytest.mark.parametrize("make", [lambda rows: "\n".join(map(";".join, rows)), workbook])
def test_ids_are_text(value, make):
    table = pairs(make([["id1", "id2"], [f" {value}\u00a0", "P2"]]), fasta=f">{value}\n{A}\n>P2\n{B}")
    assert table.frame["protein_a"].tolist() == [value]
    assert table.issues == ()


NASTY = ["<script>alert(1)</script>", 'a"b', "a'b", "a\nb", "😀", "=1+1", "@x", "a\x07b", "'; DROP x;--"]


@pytest.mark.parametrize("name", NASTY)
def test_nasty_ids_are_kept_as_they_are(name):
    quoted = '"' + name.replace('"', '""') + '"'
    table = pairs(f"id1,id2,sequence1,sequence2\n{quoted},y,{A},{B}\n", fasta="")
    assert table.frame["protein_a"].tolist() == [name]
    assert table.proteins[name].sequence == A
    assert table.issues == ()


def test_a_very_long_id_is_an_error_of_its_row_and_is_kept():
    table = pairs(f"id1,id2\n{'x' * 201},P2\nP1,P2\n")
    assert "201 characters" in errors_of(table, 1)
    assert table.frame["protein_a"][0] == "x" * 201
    assert rows_with(table, Severity.ERROR) == {1}


def test_every_problem_is_told_at_once_with_row_value_and_remedy():
    table = pairs("id1,id2\n,P2\nP1,nope\nnope,\nP1,P2\n1-Mar,P1\n")
    found = [(issue.row, issue.value) for issue in table.issues]
    assert found == [(1, ""), (2, "nope"), (3, ""), (3, "nope"), (5, "1-Mar")]
    assert all(issue.problem and issue.remedy for issue in table.issues)
    assert set(table.problems(Severity.ERROR)) == {1, 2, 3, 5}


def test_good_rows_have_their_proteins_and_bad_names_have_none():
    table = pairs("id1,id2\nP1,nope\nP1,P2\n")
    assert set(table.proteins) == {"P1", "P2"}


@pytest.mark.parametrize(
    ("written", "meant"), [("p1", "P1"), ("P1.2", "P1"), ("uniprotkb:P1", "P1"), ("P1-2", "P1")]
)
def test_names_that_differ_little_are_suggested(written, meant):
    assert f"Did you mean '{meant}'" in errors_of(pairs(f"id1,id2\n{written},P2\n"), 1)


@pytest.mark.parametrize("written", ["P04637-2", "p04637-12", "UniProtKB:P04637-2", "sp|P04637-2|P53_HUMAN"])
def test_an_isoform_is_not_taken_for_the_canonical_sequence(written):
    told = errors_of(pairs(f"id1,id2\n{written},P2\n", fasta=f">sp|P04637|P53_HUMAN\n{A}\n>P2\n{B}\n"), 1)
    assert f"no sequence for '{written}'" in told and "Did you mean" not in told
    assert "The canonical sequence is there ('P04637'), but an isoform has its own" in told
    assert "sp|P04637|" not in told.replace(written, "")


def test_one_protein_is_suggested_once_by_its_shortest_name():
    table = pairs("id1,id2\np04637,P2\n", fasta=f">sp|P04637|P53_HUMAN\n{A}\n>P2\n{B}\n")
    assert "Did you mean 'P04637'?" in errors_of(table, 1)


def test_misspelt_names_are_suggested():
    table = pairs("id1,id2\nALPAH,P2\n", fasta=f">ALPHA\n{A}\n>P2\n{B}\n")
    assert "'ALPHA'" in errors_of(table, 1)


def test_a_name_with_two_sequences_in_the_fasta_is_an_error_on_each_row_naming_both():
    table = pairs("id1,id2\nP1,P2\nP2,dup\ndup,dup\n", fasta=f"{FASTA}>dup\n{A}\n>dup\n{C}\n")
    assert rows_with(table, Severity.ERROR) == {2, 3}
    assert "30 residues" in errors_of(table, 3)
    assert "20 residues" in errors_of(table, 3)


def test_a_bad_letter_in_the_fasta_is_told_on_the_rows_that_use_it_by_any_name():
    table = pairs("id1,id2\nP9,P2\nP1,P2\n", fasta=f"{FASTA}>sp|P9|X_Y\nMKJ{A}\n")
    assert "'J' at position 3" in errors_of(table, 1)
    assert rows_with(table, Severity.ERROR) == {1}


def test_trouble_with_proteins_that_no_pair_uses_is_summed_up():
    table = pairs("id1,id2\nP1,P2\n", fasta=f"{FASTA}>bad\nMKJ{A}\n>starred\n{C}*\n")
    assert [(issue.row, issue.severity) for issue in table.issues] == [(None, Severity.WARNING)]
    assert "'bad'" in table.issues[0].problem


def test_an_inline_sequence_that_differs_from_the_fasta_is_an_error_of_its_row():
    table = pairs(f"id1,id2,seq1,seq2\nP1,P2,{A.lower()},\nP1,P2,{C},{B}\nP1,P2,,\n")
    assert rows_with(table, Severity.ERROR) == {2}
    assert "20 residues" in errors_of(table, 2)
    assert "30 residues" in errors_of(table, 2)


def test_two_inline_sequences_of_one_name_are_an_error_naming_both_rows():
    table = pairs(f"id1,id2,seq1,seq2\nx,y,{A},{B}\ny,z,{B},{C}\nx,z,{C},{C}\nx,y,,\n", fasta="")
    assert rows_with(table, Severity.ERROR) == {1, 3, 4}
    assert "30 residues in row 1, 20 residues in row 3" in errors_of(table, 4)
    assert set(table.proteins) == {"y", "z"}


def test_a_sequence_given_once_serves_all_rows():
    table = pairs(f"id1,id2,seq1,seq2\nx,y,,\ny,x,{B},{A}\n", fasta="")
    assert rows_with(table, Severity.ERROR) == set()
    assert table.proteins["x"].sequence == A


@pytest.mark.parametrize(
    ("sequence", "reason"),
    [
        (f"MK1{A}", "'1' at position 3"), ("MKLV", "has 4 residues"), (f"A-{A}", "alignment"),
        (f'"{A}\n>second\n{C}"', f"'>' at position {len(A) + 1} is not an amino acid (the sign of a"),
        (f'">first\n{A}\n>second\n{C}"', "FASTA header"),
    ],  # fmt: skip
)
def test_an_inline_sequence_that_cannot_be_used_is_told_with_letter_and_position(sequence, reason):
    table = pairs(f"id1,id2,seq1,seq2\nx,y,{sequence},{B}\nz,y,{C},{B}\n", fasta="")
    assert reason in errors_of(table, 1)
    assert rows_with(table, Severity.ERROR) == {1}


def test_rare_letters_stops_and_self_pairs_are_warnings():
    table = pairs(f"id1,id2,seq1,seq2\nx,y,{A}U,{B}*\ny,y,,\nz,x,{C},\n", fasta="")
    warnings = table.problems(Severity.WARNING)
    assert set(warnings) == {1, 2, 3}
    assert "Contains U" in warnings[1]
    assert "stop sign" in warnings[1]
    assert "paired with itself" in warnings[2]
    assert rows_with(table, Severity.ERROR) == set()


def test_two_names_of_one_sequence_are_told():
    table = pairs("id1,id2\nP1,Q1\n", fasta=f">P1\n{A}\n>Q1\n{A}\n")
    assert "same sequence" in table.problems(Severity.WARNING)[1]


def test_long_proteins_are_warned_of_and_too_long_ones_refused_never_cut():
    lengths = {"ok": 1022, "long": 1023, "max": 2700, "over": 2701, "huge": 40_000}
    fasta = "".join(f">{name}\n{'M' * length}\n" for name, length in lengths.items())
    table = pairs("id1,id2\nok,ok\nlong,ok\nmax,ok\nover,ok\nok,huge\n", fasta=fasta)
    assert rows_with(table, Severity.ERROR) == {4, 5}
    assert "40,000 residues; at most 2,700" in errors_of(table, 5)
    assert "1,023 residues" in table.problems(Severity.WARNING)[2]
    assert len(table.proteins["max"].sequence) == 2700
    assert rows_with(pairs("id1,id2\nok,ok\n", fasta=fasta, max_residues=1000), Severity.ERROR) == {1}


def test_sequences_without_names_are_named_after_themselves():
    table = pairs(f"sequence_a,sequence_b\n{A},{B}\n{B.lower()},{A}\n,{A}\n", fasta="")
    first, second, third = table.frame["protein_a"]
    assert (first, second) == tuple(table.frame["protein_b"][[1, 0]])
    assert first != second
    assert first == pairs(f"sequence_a,sequence_b\n{A},{C}\n", fasta="").frame["protein_a"][0]
    assert third == ""
    assert rows_with(table, Severity.ERROR) == {3}
    assert any(issue.row is None and "named after their sequence" in issue.problem for issue in table.issues)


def test_a_damaged_gene_name_is_reported_with_its_likely_original():
    day = datetime.date(2024, 3, 1)
    table = pairs(
        workbook([["id1", "id2"], [day, "P2"], [day, "P1"], [2.31e19, "P2"], [True, "P1"]],
                 A2="d-mmm", A3="yyyy-mm-dd", A4="0.00E+00"),
        fasta=f"{FASTA}>MARCH1\n{A}C\n",
    )  # fmt: skip
    assert table.frame["protein_a"].tolist() == ["1-Mar", "2024-03-01", "2.31E+19", "TRUE"]
    assert rows_with(table, Severity.ERROR) == {1, 2, 3, 4}
    assert "Probably MARCH1, which is among the sequences" in errors_of(table, 1)
    assert "scientific" in errors_of(table, 3)
    assert "truth value" in errors_of(table, 4)


def test_a_damaged_name_with_a_sequence_beside_it_is_only_warned_of():
    table = pairs(f"id1,id2,seq1,seq2\n2-Sep,y,{A},{B}\n", fasta="")
    assert rows_with(table, Severity.ERROR) == set()
    assert "SEPTIN2" in table.problems(Severity.WARNING)[1]


def test_cells_with_errors_or_formulas_without_result_are_errors():
    table = pairs(workbook([["id1", "id2"], ["=A9&B9", "P2"], ["P1", "#REF!"], ["P1", "P2"]]))
    assert rows_with(table, Severity.ERROR) == {1, 2}
    assert "formula" in errors_of(table, 1)
    assert "shows an error" in errors_of(table, 2)


def test_a_formula_without_result_for_a_sequence_is_told():
    table = pairs(workbook([["id1", "id2", "seq1", "seq2"], ["x", "y", "=A9", B]]), fasta="")
    assert "sequence of protein A is a formula" in errors_of(table, 1)


def test_a_remark_beside_the_table_of_a_workbook_is_carried():
    table = pairs(workbook([["id1", "id2"], ["P1", "P2"], ["P1", "P3", "look here"]]))
    assert table.issues == ()
    assert table.frame["column 3"].tolist() == ["", "look here"]


def test_a_row_torn_apart_by_a_separator_is_an_error():
    assert rows_with(pairs("id1,id2,note\nP1,P2,a\nP1,P2,a,b\n"), Severity.ERROR) == {2}


CELLS = st.sampled_from([
    "<c><f>A9</f></c>",
    "<c><v>7</v></c>", "<c><v>1e999</v></c>", "<c><v>nan</v></c>", "<c><v>x</v></c>", "<c/>",
    "<c s='1'><v>45352</v></c>", "<c s='2'><v>-1</v></c>", "<c s='1'><v>1e300</v></c>",
    "<c s='99'><v>1</v></c>",
    "<c s='3'><v>0.5</v></c>", "<c s='x'><v>1</v></c>", "<c t='b'><v>1</v></c>", "<c t='e'><v>#N/A</v></c>",
    "<c t='s'><v>0</v></c>", "<c t='s'><v>-9</v></c>", "<c t='d'><v>2024-03-01</v></c>",
    "<c r='Z1'><v>1</v></c>",
    "<c r='Z1'><f>1</f></c>", "<c r='1A'><v>1</v></c>", "<c t='str'><v>P1</v></c>",
    "<c t='str'><v>P2</v></c>",
    "<c t='inlineStr'><is><t>protein_a</t></is></c>",
    "<c t='inlineStr'><is><t>protein_b</t></is></c>",
    "<c t='str'><v>seq_a</v></c>", "<c t='str'><v>seq_b</v></c>", f"<c t='str'><v>{A}</v></c>",
    "<c t='odd'><v>2</v></c>", "<c t='str'><v>_xFFFF__x0000_</v></c>",
])  # fmt: skip
HEADER = "<row><c t='str'><v>id1</v></c><c t='str'><v>id2</v></c><c t='str'><v>seq1</v></c></row>"


@settings(deadline=None, max_examples=150)
@given(st.booleans(), st.lists(st.lists(CELLS, max_size=5), max_size=5))
def test_any_cells_of_a_workbook_give_a_table_or_a_clear_error(has_header, rows):
    xml = "".join(f"<row>{''.join(row)}</row>" for row in rows)
    sheet = f"<worksheet><sheetData>{HEADER if has_header else ''}{xml}</sheetData></worksheet>"
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(STYLED)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, sheet if "sheet1" in name else old.read(name))
    try:
        table = pairs(buffer.getvalue())
    except PairError as error:
        assert error.message
        assert error.hint
    else:
        assert table.frame["row"].tolist() == list(range(1, len(table) + 1))
        bad = rows_with(table, Severity.ERROR)
        for row, a, b in table.frame[["row", "protein_a", "protein_b"]].itertuples(index=False):
            assert row in bad or {a, b} <= set(table.proteins)


# Files


def test_files_are_read_and_bad_ones_refused(tmp_path):
    (tmp_path / "p.csv").write_text("id1,id2\nP1,P2\n")
    (tmp_path / "p.fasta").write_text(FASTA)
    table = read_pairs(tmp_path / "p.csv", sequences=tmp_path / "p.fasta")
    assert set(table.proteins) == {"P1", "P2"}
    bad = {tmp_path / "p.fasta": "FASTA", tmp_path / "none": "does not exist", tmp_path: "folder",
           "/dev/zero": "not an ordinary file", "a\0b": "cannot be read"}  # fmt: skip
    for path, reason in bad.items():
        with pytest.raises(PairError, match=reason):
            read_pairs(path)
    with pytest.raises(PairError, match="at most 0 MB"):
        read_pairs(tmp_path / "p.csv", max_file_mb=0.000001)
    with pytest.raises(PairError, match="more than 0 rows"):
        read_pairs(tmp_path / "p.csv", max_pairs=0)
    with pytest.raises(SequenceError, match="not FASTA"):
        read_pairs(tmp_path / "p.csv", sequences=tmp_path / "p.csv")
    with pytest.raises(SequenceError, match="does not exist"):
        read_pairs(tmp_path / "p.csv", sequences=tmp_path / "none")


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_pairs_and_a_table_of_proteins_are_read_packed_or_not(tmp_path, packed):
    files = {"p.tsv": b"protein_a\tprotein_b\nA\tB\n",
             "s.tsv": b"protein\tlength\tsequence\nA\t10\tMKTAYIAKQR\nB\t11\tMKTAYIAKQRW\n"}  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
    table = read_pairs(tmp_path / "p.tsv", sequences=tmp_path / "s.tsv")
    assert {name: protein.sequence for name, protein in table.proteins.items()} == {
        "A": "MKTAYIAKQR", "B": "MKTAYIAKQRW"}  # fmt: skip
    assert not table.issues


def test_ten_thousand_pairs_take_less_than_two_seconds():
    # Measured: 0.25 s; the margin is for busy machines.
    fasta = "".join(f">P{i}\n{C * 20}{'A' * (i % 50)}{C[: i % 20]}\n" for i in range(1500))
    text = "protein_a,protein_b,label\n" + "".join(f"P{i % 1500},P{i * 7 % 1500},1\n" for i in range(10_000))
    proteins, issues = parse_fasta(fasta)
    started = time.process_time()
    table = build_pairs(read_table(text), proteins, None, issues)
    assert time.process_time() - started < 2
    assert len(table) == 10_000


def test_a_hundred_thousand_unknown_names_are_told_quickly():
    text = "protein_a,protein_b\n" + "".join(f"A{i},B{i}\n" for i in range(50_000))
    started = time.process_time()
    table = pairs(text)
    assert time.process_time() - started < 10
    assert rows_with(table, Severity.ERROR) == set(range(1, 50_001))


def test_repeated_inline_sequences_are_kept_once():
    long = C * 100
    rows = "".join(f"x,y{i % 3},{long},{B}\n" for i in range(2000))
    table = pairs("id1,id2,seq1,seq2\n" + rows, fasta="")
    assert len(table.proteins) == 4
    assert list(table.frame) == ["row", "protein_a", "protein_b"]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Cf"]),
               min_size=1, max_size=12).filter(lambda text: not text.startswith("'"))  # fmt: skip


def few_control_characters(rows):
    """A table with more of them is no text."""
    return sum(character < " " for row in rows for text in row for character in text) <= 8


@settings(deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, st.text(max_size=5)), min_size=1, max_size=8)
       .filter(few_control_characters))  # fmt: skip
def test_every_row_comes_back_in_order_with_its_ids(rows):
    buffer = io.StringIO()
    csv.writer(buffer).writerows([("protein_a", "protein_b", "note"), *rows])
    table = pairs(buffer.getvalue())
    assert table.frame["row"].tolist() == list(range(1, len(rows) + 1))
    assert table.frame["protein_a"].tolist() == [a for a, _, _ in rows]
    assert table.frame["protein_b"].tolist() == [b for _, b, _ in rows]
    missing = {row for row, pair in enumerate(rows, 1) if not {*pair[:2]} <= set(PROTEINS)}
    assert missing == rows_with(table, Severity.ERROR)


def test_many_damaged_names_among_many_known_ones_are_looked_up_quickly():
    suggester = Suggester(f"P{i}" for i in range(200_000))
    started = time.process_time()
    assert all(suggester.known_among([f"P{i}", f"Q{i}"]) == [f"P{i}"] for i in range(1_000))
    assert time.process_time() - started < 1
