from pathlib import Path

import pytest

from esm2amp_core.errors import Severity
from esm2amp_core.pairs import read_pairs
from esm2amp_core.sequences import read_fasta

EXAMPLES = Path(__file__).resolve().parent.parent / "data" / "examples"


def rows(table, severity):
    return set(table.problems(severity))


def test_the_pairs_are_read_without_any_problem():
    table = read_pairs(EXAMPLES / "pairs.csv", sequences=EXAMPLES / "proteins.fasta")
    assert table.issues == ()
    assert len(table) == 12
    assert len(table.proteins) == 20
    assert max(len(protein.sequence) for protein in table.proteins.values()) <= 1022
    assert set(table.frame["known"]) == {"interacts", "not known to interact"}


def test_the_workbook_holds_the_same_pairs_and_sequences():
    csv = read_pairs(EXAMPLES / "pairs.csv", sequences=EXAMPLES / "proteins.fasta")
    xlsx = read_pairs(EXAMPLES / "pairs.xlsx")
    assert xlsx.issues == ()
    genes = csv.frame[["gene_a", "gene_b"]].values.tolist()
    assert xlsx.frame[["protein_a", "protein_b"]].values.tolist() == genes
    for side in ("protein_a", "protein_b"):
        assert [xlsx.proteins[name].sequence for name in xlsx.frame[side]] == [
            csv.proteins[name].sequence for name in csv.frame[side]
        ]


def test_gene_names_find_their_proteins_in_the_fasta():
    proteins, issues = read_fasta(EXAMPLES / "proteins.fasta")
    assert len(proteins) == 20
    assert issues == []


def test_the_messy_sheet_shows_each_kind_of_problem_between_good_rows():
    table = read_pairs(EXAMPLES / "messy.xlsx")
    errors, warnings = table.problems(Severity.ERROR), table.problems(Severity.WARNING)
    shown = dict(zip(table.frame["row"], table.frame["what this row shows"], strict=True))
    for row, what in shown.items():
        if "good row" in what:
            assert row not in errors, what
        if "allowed" in what or "read with a note" in what:
            assert row not in errors, what
        if "with a warning" in what or "read with a note" in what:
            assert row in warnings, what
    assert len(set(shown) - set(errors)) >= 6
    text = " ".join(errors.values())
    for kind in ("is missing", "Did you mean 'MDM2'", "9 residues", "'1' at position 8", "MARCHF1",
                 "SEPTIN2", "DELEC1", "scientific", "truth value", "shows an error", "formula",
                 "row is empty", "two different sequences", "at most 2,700", "250 characters"):  # fmt: skip
        assert kind in text, kind


DATA = EXAMPLES.parent.parent.parent / "shared" / "data" / "ppi_human_bernett"


@pytest.mark.skipif(not DATA.is_dir(), reason="NOT CHECKED: the gold standard does not lie in ../shared/data")
def test_the_readme_is_right_about_the_gold_standard():
    import pandas as pd

    proteins = pd.read_csv(DATA / "proteins.tsv.gz", sep="\t", dtype=str).set_index("protein")
    table = read_pairs(EXAMPLES / "pairs.csv", sequences=EXAMPLES / "proteins.fasta")
    known = {name: proteins["split"].get(name) for name in table.proteins}
    assert "test" not in known.values()
    for name, split in known.items():
        if split:
            assert proteins["sequence"][name] == table.proteins[name].sequence
    pairs = {frozenset(pair) for pair in table.frame[["protein_a", "protein_b"]].values.tolist()}
    found = {}
    for split in ("train", "val", "test"):
        listed = pd.read_csv(DATA / f"{split}.tsv.gz", sep="\t", dtype=str)
        for a, b, label in listed.itertuples(index=False):
            if {a, b} in pairs:
                found[frozenset((a, b))] = (split, label)
    assert found == {
        frozenset(("P35222", "Q9NQB0")): ("train", "1"), frozenset(("P27694", "P15927")): ("val", "1")
    }  # fmt: skip
