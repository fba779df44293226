"""Which pairs a screen has: each unordered pair once, in blocks of a bounded size."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from screen_samples import sequences, write_fasta
from tiny import INSULIN_A, UBIQUITIN

from esm2amp_core.errors import SequenceError
from esm2amp_core.screen_plan import MOST_PROTEINS, Plan
from esm2amp_core.screen_proteins import read_screen


@some.composite
def plans(draw):
    sizes = [draw(some.integers(0, 12)) for _ in range(3)]
    return Plan(sum(sizes), sizes[0] + sizes[1], sizes[0], draw(some.integers(1, 60)), draw(some.booleans()))


@settings(deadline=None)
@given(plans())
def test_every_bait_meets_every_library_protein_in_one_pair(plan):
    found = [(int(a), int(b)) for block in plan.blocks() for a, b in zip(*block.pairs(), strict=True)]
    library = range(plan.library_start, plan.n_proteins)
    wanted = {frozenset((a, b)) for a in range(plan.n_baits) for b in library if a != b or plan.with_self}
    assert len(found) == len(wanted) == plan.n_pairs
    assert {frozenset(pair) for pair in found} == wanted
    assert all(a < plan.n_baits and b >= plan.library_start for a, b in found)


@settings(deadline=None)
@given(plans())
def test_blocks_are_numbered_and_bounded_and_their_proteins_are_within_their_ranges(plan):
    blocks = list(plan.blocks())
    assert [block.number for block in blocks] == list(range(len(blocks)))
    for block in blocks:
        first, second = block.pairs()
        assert len(first) == len(second) == len(block) <= plan.block_pairs
        assert set(first.tolist()) <= set(block.rows) and set(second.tolist()) <= set(block.columns)


def test_one_bait_against_many_takes_wide_blocks_whose_features_fit_in_memory():
    for plan in (Plan(20_001, 1, 1, 100_000), Plan(20_001, 20_000, 20_000, 100_000)):
        blocks = list(plan.blocks())
        assert len(blocks) == 5
        assert max(max(len(block.rows), len(block.columns)) for block in blocks) == MOST_PROTEINS
    assert len(list(Plan(20_000, 20_000, 0, 100_000).blocks())) < 2 * 20_000**2 / 2 / 100_000


def test_a_plan_that_contradicts_itself_is_refused():
    with pytest.raises(ValueError):
        Plan(3, 4, 0, 10)


def test_proteins_are_only_baits_then_both_then_only_library(tmp_path):
    of = sequences(6)
    bait = write_fasta(tmp_path / "bait.fasta", {name: of[name] for name in ("P4", "P1", "P5")})
    library = write_fasta(tmp_path / "library.fasta", {name: of[name] for name in ("P0", "P1", "P2", "P5")})
    read = read_screen(library, bait)
    assert read.names == ["P4", "P1", "P5", "P0", "P2"]
    assert (read.n_baits, read.library_start, read.is_all_vs_all) == (3, 1, False)
    assert read.plan(10).n_pairs == 4 + 1 + 4  # P4 with all, P1 with P5, each of these two with P0 and P2


def test_all_against_all_is_every_protein_in_both_roles(tmp_path):
    read = read_screen(write_fasta(tmp_path / "all.fasta", sequences(5)))
    assert read.is_all_vs_all
    assert (read.plan(100).n_pairs, read.plan(100, with_self=True).n_pairs) == (10, 15)


def test_every_record_that_is_not_screened_under_its_name_is_told_with_a_reason(tmp_path):
    bait = tmp_path / "bait.fasta"
    bait.write_text(f">A\n{UBIQUITIN}\n>short\nMKT\n>odd\nMKT1AAAAAAA\n>A\n{UBIQUITIN}\n", encoding="utf-8")
    library = tmp_path / "library.fasta"
    library.write_text(f">copy\n{UBIQUITIN}\n>B\n{INSULIN_A}\n>long\n{'MKTAY' * 30}\n>two\n{'MKTAY' * 4}\n"
                       f">two\n{'MKTAY' * 5}\n", encoding="utf-8")  # fmt: skip
    read = read_screen(library, bait, max_residues=100)
    assert read.names == ["A", "B"] and read.also_called == {"A": ("copy",)}
    told = read.left_out.set_index("protein")
    assert told["screened_as"].to_dict() == {"short": "", "odd": "", "long": "", "two": "", "copy": "A"}
    assert told["file"].to_dict() == {"short": "bait.fasta", "odd": "bait.fasta", "long": "library.fasta",
                                      "two": "library.fasta", "copy": "library.fasta"}
    assert "150 residues" in told["problem"]["long"] and "two different sequences" in told["problem"]["two"]
    assert (told["remedy"] != "").all() and read.n_failed == 4
    assert any("'A'" in warning for warning in read.warnings)  # twice the same


def test_a_sequence_that_could_not_be_read_is_left_out_under_each_of_its_names(tmp_path):
    given = {"A": UBIQUITIN, "copy": UBIQUITIN, "B": INSULIN_A, "C": "MKTAYIAKQR"}
    read = read_screen(write_fasta(tmp_path / "all.fasta", given))
    left = read.without({read.proteins[0].digest: "Memory is short."})
    assert left.names == ["B", "C"] and left.also_called == {} and left.n_failed == 2
    told = left.left_out.set_index("protein")
    assert told["problem"].to_dict() == {"A": "Memory is short.", "copy": "Memory is short."}
    assert (told["screened_as"] == "").all()


def test_a_name_with_two_meanings_in_two_files_is_refused(tmp_path):
    bait = write_fasta(tmp_path / "bait.fasta", {"A": UBIQUITIN})
    library = write_fasta(tmp_path / "library.fasta", {"A": INSULIN_A, "B": UBIQUITIN})
    with pytest.raises(SequenceError, match="'A'.*Rename"):
        read_screen(library, bait)


def test_a_file_without_a_usable_protein_says_what_is_wrong_with_each(tmp_path):
    with pytest.raises(SequenceError, match="no usable protein") as refused:
        read_screen(write_fasta(tmp_path / "bad.fasta", {"A": "MK", "B": "MKT*AAAAAAAAA"}))
    assert len(refused.value.details) == 2


def test_a_gzipped_table_is_read_as_well(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"protein": ["A", "B"], "sequence": [UBIQUITIN, INSULIN_A]})
    frame.to_csv(tmp_path / "proteins.tsv.gz", sep="\t", index=False)
    assert read_screen(tmp_path / "proteins.tsv.gz").names == ["A", "B"]
