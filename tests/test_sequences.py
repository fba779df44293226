import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esm2amp_core.errors import PairError, SequenceError, Severity
from esm2amp_core.protein_files import read_packed
from esm2amp_core.sequences import (
    Protein,
    clean_sequence,
    parse_fasta,
    read_fasta,
    residue_number,
    residue_range,
    sequence_problem,
)

P53 = "MEEPQSDPSVEPPLSQETFSDLWKLLPENN"
OTHER = "ACDEFGHIKLMNPQRSTVWY"
AMINO_ACIDS = st.text("ACDEFGHIKLMNPQRSTVWY", min_size=10, max_size=60)


def test_a_protein_of_ten_standard_letters_is_accepted():
    assert Protein("x", "ACDEFGHIKL").sequence == "ACDEFGHIKL"


def test_a_protein_below_ten_residues_is_refused_with_its_length():
    with pytest.raises(SequenceError, match="has 9 residues"):
        Protein("x", "ACDEFGHIK")


@pytest.mark.parametrize("letter", list("J1-.*é@"))
def test_an_unknown_letter_is_named_with_its_position_from_one(letter):
    assert f"'{letter}' at position 4" in sequence_problem("ACD" + letter + "EFGHIKLM")


@pytest.mark.parametrize("letter", list("BZUOX"))
def test_rare_letters_are_allowed_with_a_note(letter):
    sequence, notes = clean_sequence("ACDEFGHIKL" + letter)
    assert sequence_problem(sequence) == ""
    assert letter in notes[0]


def test_cleaning_joins_lines_raises_case_and_strips_the_stop():
    sequence, notes = clean_sequence(" mee\tpq\r\nSDP\u00a0sve p**\n")
    assert sequence == "MEEPQSDPSVEP"
    assert "stop sign" in notes[0]


def test_numbers_of_lines_are_left_out_and_told():
    sequence, notes = clean_sequence("  1 meepqsdpsv eppls\n 16 qetfsdlwkl")
    assert sequence == "MEEPQSDPSVEPPLSQETFSDLWKL" and notes == ["Numbers between the letters were left out."]
    assert clean_sequence("12 34")[0] == "1234"
    assert "'1' at position 3" in sequence_problem(clean_sequence("ME1EPQSDPSV")[0])


@pytest.mark.parametrize("letter", ["ß", "\ufb01", "ı", "ſ", "é", "\uff21"])
def test_letters_that_only_become_residues_in_upper_case_are_refused(letter):
    sequence, _ = clean_sequence("acd" + letter + "efghiklm")
    assert f"'{letter}' at position 4" in sequence_problem(sequence)


def test_a_nucleotide_sequence_is_noticed():
    assert "DNA" in clean_sequence("ACGT" * 10)[1][0]
    assert clean_sequence(P53)[1] == []


def test_equal_chains_have_equal_digests():
    assert Protein("a", P53).digest == Protein("b", P53).digest != Protein("a", OTHER).digest


def test_residues_are_counted_from_one_and_ranges_include_both_ends():
    assert residue_number(0) == 1
    assert residue_range(0, 10) == (1, 10)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_is_read(end):
    proteins, issues = parse_fasta(end.join([">a", P53[:10], P53[10:], "", ">b x", OTHER, ""]))
    assert proteins["a"].sequence == P53
    assert proteins["b"].sequence == proteins["b x"].sequence == OTHER
    assert issues == []


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_any_encoding_is_read(encoding):
    data = f">prot\u00e9ine\n{P53}\n>b\n{OTHER}\n".encode(encoding)
    proteins, _ = parse_fasta(data)
    assert proteins["prot\u00e9ine"].sequence == P53
    assert proteins["b"].sequence == OTHER


def test_uniprot_headers_give_accession_entry_and_gene_names():
    proteins, _ = parse_fasta(f">sp|P04637|P53_HUMAN Tumor antigen OS=Homo sapiens GN=TP53 PE=1\n{P53}")
    assert {name for name in proteins if " " not in name} == {
        "sp|P04637|P53_HUMAN", "P04637", "P53_HUMAN", "TP53"
    }  # fmt: skip
    assert proteins["TP53"].id == "sp|P04637|P53_HUMAN"


def test_lower_case_and_a_stop_are_cleaned_and_the_stop_is_told():
    proteins, issues = parse_fasta(f">a\n{P53.lower()}*\n")
    assert proteins["a"].sequence == P53
    assert [(issue.value, issue.severity) for issue in issues] == [("a", Severity.WARNING)]


def test_one_name_with_two_sequences_is_left_out_and_both_entries_are_named():
    proteins, issues = parse_fasta(f">a\n{P53}\n>c\n{OTHER}\n>a other\n{OTHER}\n")
    assert "a" not in proteins
    assert proteins["c"].sequence == OTHER
    (issue,) = issues
    assert (issue.value, issue.severity) == ("a", Severity.ERROR)
    assert "entry 1 ('a', 30 residues) and entry 3 ('a other', 20 residues)" in issue.problem


def test_an_ambiguous_gene_name_spares_the_accessions():
    proteins, issues = parse_fasta(f">sp|P1|A_X x GN=G1\n{P53}\n>tr|P2|B_X x GN=G1\n{OTHER}\n")
    assert proteins["P1"].sequence == P53
    assert proteins["P2"].sequence == OTHER
    assert "G1" not in proteins
    assert [issue.value for issue in issues] == ["G1"]


def test_one_name_twice_with_one_sequence_is_fine_with_a_note():
    proteins, issues = parse_fasta(f">a\n{P53}\n>a\n{P53.lower()}\n")
    assert proteins["a"].sequence == P53
    (issue,) = issues
    assert (issue.value, issue.severity) == ("", Severity.WARNING)
    assert issue.problem == "1 name stands in the FASTA twice or more, with one sequence: 'a'."
    _, (issue,) = parse_fasta(f">a\n{P53}\n>b\n{OTHER}\n" * 2)
    assert issue.problem == "2 names stand in the FASTA twice or more, with one sequence: 'a', 'b'."


def test_a_bad_entry_is_told_under_each_of_its_names_and_spares_the_others():
    proteins, issues = parse_fasta(f">sp|P1|A_X\nMKJ{P53}\n>b\n{P53}\n>\n{OTHER}\n>short\nMK\n")
    assert set(proteins) == {"b"}
    assert {issue.value for issue in issues} == {"", "sp|P1|A_X", "P1", "A_X", "short"}
    assert any("'J' at position 3" in issue.problem for issue in issues)


@pytest.mark.parametrize("text", ["protein_a,protein_b\nP1,P2\n", P53, "{}"])
def test_what_is_not_fasta_is_refused(text):
    with pytest.raises(SequenceError, match="not FASTA"):
        parse_fasta(text)


@pytest.mark.parametrize("text", ["", "\n \n", b"", "\ufeff"])
def test_empty_text_holds_no_proteins(text):
    assert parse_fasta(text) == ({}, [])


def test_binary_data_is_refused():
    with pytest.raises(SequenceError, match="not a text file"):
        parse_fasta(bytes(range(256)) * 20)


def test_forty_thousand_residues_and_one_line_of_ten_megabytes_are_read():
    proteins, _ = parse_fasta(f">long\n{'ACDEFGHIKL' * 4_000}\n>line\n{'ACDEFGHIKL' * 1_000_000}\n")
    assert len(proteins["long"].sequence) == 40_000
    assert len(proteins["line"].sequence) == 10_000_000


def test_a_file_gives_every_entry_in_order_repeated_ones_included(tmp_path):
    path = tmp_path / "x.fasta"
    path.write_text(f">sp|P1|A_X GN=G1\n{P53}\n>b\n{OTHER}\n>bad\nM\n>sp|P1|A_X\n{P53}\n>b\n{OTHER}\n")
    proteins, issues = read_fasta(path)
    assert [protein.id for protein in proteins] == ["sp|P1|A_X", "b", "sp|P1|A_X", "b"]
    assert [issue.value for issue in issues] == ["bad", ""]


def test_a_file_loses_no_entry_whose_id_is_another_name_of_an_earlier_one(tmp_path):
    path = tmp_path / "x.fasta"
    path.write_text(f">sp|P04637|P53_HUMAN x GN=TP53\n{P53}\n>TP53\n{OTHER}\n")
    proteins, issues = read_fasta(path)
    assert [(protein.id, protein.sequence) for protein in proteins] == [
        ("sp|P04637|P53_HUMAN", P53), ("TP53", OTHER)
    ]  # fmt: skip
    assert issues == []


def test_a_file_with_one_id_for_two_sequences_names_both_entries(tmp_path):
    path = tmp_path / "x.fasta"
    path.write_text(f">a\n{P53}\n>b\n{OTHER}\n>a\n{OTHER}\n")
    proteins, issues = read_fasta(path)
    assert [protein.id for protein in proteins] == ["b"]
    (issue,) = issues
    assert issue.severity == Severity.ERROR
    assert "entry 1 ('a', 30 residues) and entry 3 ('a', 20 residues)" in issue.problem


def test_an_id_counts_before_the_same_name_of_another_entry():
    for text in (f">sp|P1|A_X x GN=G1\n{P53}\n>G1\n{OTHER}\n", f">G1\n{OTHER}\n>sp|P1|A_X x GN=G1\n{P53}\n"):
        proteins, issues = parse_fasta(text)
        assert proteins["G1"] == Protein("G1", OTHER)
        assert proteins["P1"].sequence == P53
        assert [(issue.value, issue.severity) for issue in issues] == [("G1", Severity.WARNING)]
    proteins, issues = parse_fasta(f">G1\n{P53}\n>sp|P1|A_X x GN=G1\n{P53}\n>tr|P2|C_X x GN=G1\nMK\n")
    assert proteins["G1"].id == "G1"


def test_missing_files_folders_and_large_files_are_refused(tmp_path):
    (tmp_path / "large").write_bytes(b">a\n" + b"A" * 2_000_000)
    for path, reason in [("none", "does not exist"), (".", "is a folder"), ("large", "at most 1 MB")]:
        with pytest.raises(SequenceError, match=reason):
            read_fasta(tmp_path / path, max_file_mb=1)


def test_a_device_that_never_ends_is_not_read():
    with pytest.raises(SequenceError, match="not an ordinary file"):
        read_fasta("/dev/zero")


@given(
    st.dictionaries(st.from_regex(r"[A-Za-z0-9_.:\-]{1,12}", fullmatch=True), AMINO_ACIDS, max_size=8),
    st.integers(1, 80),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_what_is_written_as_fasta_is_read_again(chains, width, end):
    lines = []
    for name, sequence in chains.items():
        lines += [f">{name}", *(sequence[i : i + width] for i in range(0, len(sequence), width))]
    proteins, issues = parse_fasta(end.join(lines))
    assert {name: protein.sequence for name, protein in proteins.items()} == chains
    assert [issue for issue in issues if issue.severity == Severity.ERROR] == []


def test_a_file_that_unpacks_beyond_the_limit_has_more_than_the_limit(tmp_path):
    (tmp_path / "big.gz").write_bytes(gzip.compress(b"A" * 3_000_000))
    with pytest.raises(PairError, match="big.gz, unpacked, has more than 1 MB; at most 1 MB are read"):
        read_packed(tmp_path / "big.gz", max_file_mb=1)
