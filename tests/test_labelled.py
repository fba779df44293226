import gzip

import pytest

from esm2amp_core.errors import PairError, SequenceError, Severity
from esm2amp_core.labelled import read_labelled
from esm2amp_core.protein_files import read_proteins
from tests.tiny import INSULIN_A, UBIQUITIN

FASTA = f">ubi\n{UBIQUITIN}\n>ins\n{INSULIN_A}\n"
TABLE = f"protein\tlength\tsequence\nubi\t76\t{UBIQUITIN}\nins\t21\t{INSULIN_A}\n"
PAIRS = "protein_a,protein_b,label,note\nubi,ins,1,first\nins,ubi,0,second\n"


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        data = text.encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.mark.parametrize(
    ("pairs", "sequences", "text"),
    [("pairs.csv", "p.fasta", FASTA), ("pairs.csv.gz", "p.fa.gz", FASTA), ("pairs.csv", "p.tsv.gz", TABLE)],
)
def test_labels_become_numbers_and_other_columns_stay(write, pairs, sequences, text):
    table = read_labelled(write(pairs, PAIRS), write(sequences, text))
    assert list(table.frame["label"]) == [1, 0]
    assert table.frame["label"].dtype == "int64"
    assert list(table.frame["note"]) == ["first", "second"]
    assert table.proteins["ubi"].sequence == UBIQUITIN
    assert not table.problems(Severity.ERROR)


@pytest.mark.parametrize(("yes", "no"), [("1", "0"), ("TRUE", "False"), ("Yes", "no"), ("1.0", "0.0"),
                                         ("positive", "Negative"), (" 1 ", "0 ")])  # fmt: skip
def test_labels_are_read_however_they_are_written(write, yes, no):
    text = f"protein_a,protein_b,label\nubi,ins,{yes}\nins,ubi,{no}\n"
    assert list(read_labelled(write("p.csv", text), write("p.fa", FASTA)).frame["label"]) == [1, 0]


def test_every_row_without_a_usable_label_is_listed(write):
    text = "protein_a,protein_b,label\nubi,ins,1\nins,ubi,\nubi,ubi,maybe\nins,ins,0.7\n"
    with pytest.raises(PairError, match="p.csv: 3 rows have no usable label") as caught:
        read_labelled(write("p.csv", text), write("p.fa", FASTA))
    assert [issue.row for issue in caught.value.details] == [2, 3, 4]
    assert "missing" in str(caught.value.details[0])
    assert "'maybe'" in str(caught.value.details[1])


def test_a_table_without_labels_says_how_to_call_the_column(write):
    with pytest.raises(PairError, match="no column of labels.*called label"):
        read_labelled(write("p.csv", "protein_a,protein_b\nubi,ins\n"), write("p.fa", FASTA))


def test_a_file_without_rows_is_named(write):
    with pytest.raises(PairError, match="p.csv has a header but no rows"):
        read_labelled(write("p.csv", "protein_a,protein_b,label\n"), write("p.fa", FASTA))
    with pytest.raises(SequenceError, match="p.tsv has a header but no rows"):
        read_labelled(write("p.csv", PAIRS), write("p.tsv", "protein\tsequence\n"))


def test_the_column_of_labels_can_be_named(write):
    text = "protein_a,protein_b,label,mine\nubi,ins,1,no\nins,ubi,0,yes\n"
    path, fasta = write("p.csv", text), write("p.fa", FASTA)
    table = read_labelled(path, fasta, label="mine")
    assert list(table.frame["label"]) == [0, 1]
    assert list(table.frame["label (input)"]) == ["1", "0"]
    with pytest.raises(PairError, match="no column 'yours'"):
        read_labelled(path, fasta, label="yours")
    with pytest.raises(PairError, match="'protein_a' is the column of protein A and cannot be the label"):
        read_labelled(path, fasta, label="protein_a")


def test_a_label_column_called_like_a_result_is_found(write):
    text = "protein_a,protein_b,status,interacts\nubi,ins,old,yes\nins,ubi,new,no\n"
    table = read_labelled(write("p.csv", text), write("p.fa", FASTA))
    assert list(table.frame["label"]) == [1, 0]
    assert list(table.frame["status (input)"]) == ["old", "new"]


def test_without_a_header_the_third_column_is_the_label(write):
    table = read_labelled(write("p.tsv", "ubi\tins\t1\nins\tubi\t0\n"), write("p.fa", FASTA))
    assert list(table.frame["label"]) == [1, 0]


def test_sequences_may_stand_beside_the_pairs(write):
    text = f"protein_a,protein_b,sequence_a,sequence_b,label\nubi,ins,{UBIQUITIN},{INSULIN_A},1\n"
    table = read_labelled(write("p.csv", text))
    assert table.proteins["ins"].sequence == INSULIN_A


def test_a_table_of_proteins_tells_of_bad_and_contradicting_ones(write):
    text = f"id,seq\nubi,{UBIQUITIN}\nodd,{UBIQUITIN}1\ntwo,{UBIQUITIN}\ntwo,{INSULIN_A}\nnull,{INSULIN_A}*\n"
    proteins, issues = read_proteins(write("p.csv", text))
    assert set(proteins) == {"ubi", "null"}
    said = {issue.value: str(issue) for issue in issues}
    assert "position 77" in said["odd"]
    assert "two different sequences" in said["two"]
    assert "stop sign" in said["null"]


def test_rows_with_a_bad_protein_are_told_of(write):
    text = f"entry\tsequence\nubi\t{UBIQUITIN}\nins\t{INSULIN_A}-\n"
    table = read_labelled(write("p.csv", PAIRS), write("p.tsv", text))
    assert set(table.problems(Severity.ERROR)) == {1, 2}


@pytest.mark.parametrize("text", ["", "protein,length\nubi,76\n", "hello\n"])
def test_a_file_without_proteins_is_refused(write, text):
    path = write("p.csv", text)
    if text:
        with pytest.raises(SequenceError, match="FASTA"):
            read_proteins(path)
    else:
        assert read_proteins(path) == ({}, [])


def test_a_small_file_that_unpacks_to_a_huge_one_is_refused(write):
    path = write("p.fasta.gz", ">a\n" + "A" * 3_000_000)
    with pytest.raises(SequenceError, match="unpacked"):
        read_proteins(path, max_file_mb=1)
    damaged = path.with_name("damaged.gz")
    damaged.write_bytes(path.read_bytes()[:50])
    with pytest.raises(SequenceError, match="cannot be unpacked"):
        read_proteins(damaged)
