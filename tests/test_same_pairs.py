"""Which rows are the same pair, against counting by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tiny import INSULIN_A, UBIQUITIN

from esm2amp_core.pairs import build_pairs
from esm2amp_core.same_pairs import find_repeats, note_repeats, number_sequences, pair_keys
from esm2amp_core.sequences import parse_fasta
from esm2amp_core.tables import read_table

PROTEINS, _ = parse_fasta(f">ubi\n{UBIQUITIN}\n>ins\n{INSULIN_A}\n>alias\n{UBIQUITIN}\n")


def table(*rows):
    text = "".join(f"{a},{b}\n" for a, b in (("protein_a", "protein_b"), *rows))
    return build_pairs(read_table(text), PROTEINS)


def test_sequences_count_not_names_and_tables_share_numbers():
    numbers = {}
    one = number_sequences(table(("ubi", "ins"), ("ubi", "nobody"), ("ins", "alias")), numbers)
    other = number_sequences(table(("alias", "alias"),), numbers)
    assert one.tolist() == [[0, 1], [-1, -1], [1, 0]]
    assert other.tolist() == [[0, 0]]
    assert list(numbers) == [UBIQUITIN, INSULIN_A]


def test_repeats_are_noted_once_whatever_the_order_and_names_and_errors_are_none():
    assert note_repeats(table(("ubi", "ins"), ("ubi", "ubi"), ("x", "y"), ("x", "y"))) is None
    once = note_repeats(table(("x", "y"), ("ubi", "ins"), ("ins", "alias")))
    assert once.problem.startswith("Row 3 repeats an earlier pair") and once.row is None
    twice = note_repeats(table(("ubi", "ins"), ("x", "y"), ("ubi", "ins"), ("ins", "ubi")))
    assert twice.problem.startswith("2 rows repeat an earlier pair (the first is row 3)")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(-1, 1)), max_size=40))
def test_repeats_and_contradictions_are_those_found_by_hand(rows):
    a, b, labels = (np.array([row[at] for row in rows], np.int64) for at in range(3))
    found = find_repeats(pair_keys(a, b), labels)
    pairs = [frozenset(row[:2]) for row in rows]
    assert found.places.tolist() == [at for at, pair in enumerate(pairs) if pair in pairs[:at]]
    first = {}
    for at, (pair, label) in enumerate(zip(pairs, labels.tolist(), strict=True)):
        first.setdefault((pair, label), at)
    both = [pair for pair in set(pairs) if (pair, 1) in first and (pair, 0) in first]
    expected = [[first[pair, 1], first[pair, 0]] for pair in both]
    assert found.contradictions.tolist() == sorted(expected, key=min)
