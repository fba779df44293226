"""Which columns of a table hold what."""

import pytest
from pair_samples import A, B, C, pairs, rows_with

from esm2amp_core.columns import ColumnMap, guess_columns, recognise_columns
from esm2amp_core.errors import PairError, Severity
from esm2amp_core.tables import read_table


@pytest.mark.parametrize(
    "header",
    ["protein_a,protein_b", "Protein1,Protein2", "ProteinA,ProteinB", "id1,id2", "PROTEIN_A,PROTEIN_B",
     "protein a,protein b", "Protein A ID,Protein B ID", "proteina,proteinb", "p1,p2", "A,B",
     "uniprot_id_1,uniprot_id_2", "UniProtA,UniProtB", "gene1,gene2", "Gene_A,Gene_B", "#node1,node2",
     "interactor_a,interactor_b", "#ID(s) interactor A,ID(s) interactor B", "bait,prey", "Source,Target",
     "Bait ID,Prey ID", "BaitGene,PreyGene",
     "Official Symbol Interactor A,Official Symbol Interactor B", "Protein_1_ID,Protein_2_ID",
     "seq_id1,seq_id2"],
)  # fmt: skip
def test_common_headers_are_recognised(header):
    table = pairs(f"x,{header}\n0,P1,P2\n")
    assert table.frame.loc[0].tolist() == [1, "P1", "P2", "0"]
    assert table.issues == ()


def test_unused_columns_of_sequences_are_named_where_sequences_are_missing():
    text = f"bait,prey,baitseq,note,preyseq\nx,y,{A},a remark of several words,{B}\nx,z,{A},,{C}*\n"
    table = pairs(text, fasta="")
    assert rows_with(table, Severity.ERROR) == {1, 2}
    for remedy in {issue.remedy for issue in table.issues}:
        assert "'baitseq' or 'preyseq'" in remedy and "--columns" in remedy and "note" not in remedy
    mended = pairs(text, fasta="", columns=ColumnMap("bait", "prey", "baitseq", "preyseq"))
    assert rows_with(mended, Severity.ERROR) == set() and set(mended.proteins) == {"x", "y", "z"}


@pytest.mark.parametrize("header", ["protein_b,protein_a", "Protein2,Protein1"])
def test_the_order_of_columns_does_not_matter(header):
    assert pairs(f"{header}\nP1,P2\n").frame[["protein_a", "protein_b"]].values.tolist() == [["P2", "P1"]]


@pytest.mark.parametrize(
    "header",
    ["protein_a,protein_b,sequence_a,sequence_b", "id1,id2,seq1,seq2",
     "Protein1,Protein2,Sequence1,Sequence2", "ProteinA,ProteinB,SeqA,SeqB",
     "bait,prey,bait_seq,prey_seq", "Receptor,Ligand,Receptor sequence,Ligand sequence"],
)  # fmt: skip
def test_sequence_columns_are_recognised_and_not_carried(header):
    table = pairs(f"{header},Label\nx,y,{A},{B},1\n", fasta="")
    assert table.proteins["x"].sequence == A
    assert table.carried == ["Label"]


def test_sequences_by_part_are_not_guessed_to_belong_to_names_by_side():
    raw = read_table(f"protein_a,protein_b,receptor_seq,ligand_seq\nx,y,{A},{B}\n")
    assert recognise_columns(raw) == ColumnMap("protein_a", "protein_b")


def test_names_are_preferred_over_gene_symbols():
    assert recognise_columns(read_table("gene1,gene2,protein1,protein2\na,b,c,d\n")) == ColumnMap(
        "protein1", "protein2"
    )


@pytest.mark.parametrize("label", ["", "\t1"])
def test_a_table_without_header_beside_a_fasta_is_read(label):
    table = pairs(f"P1\tP2{label}\nP2\tP3{label}\n")
    assert table.frame.iloc[:, :3].values.tolist() == [[1, "P1", "P2"], [2, "P2", "P3"]]
    assert rows_with(table, Severity.ERROR) == set()
    assert pairs("P1\tP2\n").frame["protein_b"].tolist() == ["P2"]


def test_a_headerless_table_of_sequences_is_read():
    table = pairs(f"{A},{B}\n{B},{C}\n", fasta="")
    assert [table.proteins[name].sequence for name in table.frame["protein_a"]] == [A, B]


def test_unknown_columns_are_listed_with_the_way_out():
    with pytest.raises(PairError, match="'foo', 'bar'") as caught:
        pairs("foo,bar\nP1,P2\n")
    assert "protein_a" in caught.value.hint


def test_columns_can_be_mapped_by_hand():
    table = pairs("foo,x,bar\nP1,7,P2\n", columns=ColumnMap("bar", "foo"))
    assert table.frame.loc[0].to_dict() == {"row": 1, "protein_a": "P2", "protein_b": "P1", "x": "7"}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [(ColumnMap("foo", "nope"), "no column 'nope'"), (ColumnMap("foo", "foo"), "two things"),
     (ColumnMap("foo", None), "No column is chosen for protein B")],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_refused(columns, reason):
    with pytest.raises(PairError, match=reason):
        pairs("foo,bar\nP1,P2\n", columns=columns)


def test_a_header_without_rows_is_refused():
    with pytest.raises(PairError, match="no rows"):
        pairs("protein_a,protein_b\n")


def test_carried_columns_are_untouched_and_kept_apart_from_ours():
    table = pairs("row,protein_a,protein_b,probability,x,x,probability (input)\n 7,P1,P2, 0.5 ,NA,,z\n")
    assert table.carried == ["row (input)", "probability (input)", "x", "x (2)", "probability (input) (2)"]
    assert table.frame.loc[0, table.carried].tolist() == [" 7", " 0.5 ", "NA", "", "z"]


@pytest.mark.parametrize(
    ("header", "guess"),
    [
        ("Ensembl A,Ensembl B,score", ("Ensembl A", "Ensembl B")),
        ("bait of the screen,score,prey of the screen", ("bait of the screen", "prey of the screen")),
        ("sequence_a,sequence_b,x", (None, None)),
        ("this,that,score", (None, None)),
    ],
)
def test_columns_that_are_not_recognised_are_guessed_for_a_person_to_confirm(header, guess):
    found = guess_columns(read_table(f"{header}\na,b,c\n"))
    assert (found.protein_a, found.protein_b) == guess
