"""Residues that touch, and whether the important ones do: known answers, and chance where nothing is."""

import csv

import numpy as np
import pytest
from structure_samples import DATA, atom, chain_lines, parsed, residue_lines

from esm2amp_core.structures.agreement import agreement, agreement_table, silence
from esm2amp_core.structures.alignment import align
from esm2amp_core.structures.importance import Importance
from esm2amp_core.structures.interface import in_contact
from esm2amp_core.structures.reading import read_structure

real = pytest.mark.skipif(not DATA.is_dir(), reason=f"NO DATA: interfaces NOT tested on real files ({DATA}).")
INDEX = list(csv.DictReader((DATA / "index.tsv").open(), delimiter="\t")) if DATA.is_dir() else []
# The index counts 1k6p without its modified residues.
COMPLEXES = [row for row in INDEX if row["interface_residues_5A"] and row["file"] != "1k6p.pdb"]
LETTERS = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV" * 5
TOKENS = [f"A.segment{i}" for i in range(10)]


def calphas(chain, places):
    """A chain of nothing but Cα, at these places."""
    return [atom("CA", "ALA", chain, i + 1, place) for i, place in enumerate(places)] + ["TER"]


@pytest.fixture(scope="module")
def fit():
    """A chain of 200 residues that is the whole protein."""
    return align(LETTERS, parsed(chain_lines(LETTERS)).chains[0])


def test_49_and_50_are_within_5_angstrom_and_51_is_not():
    one = [(0, 0, 0), (100, 0, 0), (200, 0, 0)]
    other = [(4.9, 0, 0), (105.1, 0, 0), (205.0, 0, 0)]
    first, second = in_contact(*parsed(calphas("A", one), calphas("B", other)).chains)
    assert first.tolist() == second.tolist() == [True, False, True]


def test_any_heavy_atom_counts_and_hydrogens_do_not():
    far = [line for i in range(3) for line in residue_lines("ALA", "B", i + 1, 3.8 * i, y=12.0)]
    side_chain = atom("CB", "ALA", "A", 2, (3.8, 7.5, 0))
    hydrogen = atom("HB", "ALA", "A", 3, (7.6, 11.0, 0), element="H")
    near = [line for i in range(3) for line in residue_lines("ALA", "A", i + 1, 3.8 * i)]
    found = parsed(near[:8], side_chain, near[8:], hydrogen, "TER", far, "TER")
    first, second = in_contact(*found.chains)
    assert first.tolist() == [False, True, False] and second[1]


@real
@pytest.mark.parametrize("row", COMPLEXES, ids=lambda row: row["file"])
def test_real_complexes_have_the_interfaces_that_the_index_counts(row):
    found = read_structure(DATA / row["file"])
    for part in row["interface_residues_5A"].split(";"):
        names, count = part.split(":")
        first, _ = in_contact(*(found.chain(name) for name in names.split("-")))
        assert int(first.sum()) == int(count), names


def test_importance_that_is_the_interface_agrees_fully(fit):
    touching = np.zeros(200, bool)
    touching[60:80] = True
    values = np.where(touching, -1.0, 0.1) + np.linspace(0, 0.01, 200)  # its size counts, not its sign
    found = agreement(Importance.of_residues("m", [values], signed=True), 0, fit, touching)
    assert found.auroc == 1 and found.top == 1 and found.expected == pytest.approx(0.1, abs=0.02)
    assert found.auroc_p < 0.05 and found.top_p < 0.05
    assert (found.n_interface, found.n_seen) == (20, 200)


@pytest.mark.parametrize("by_segment", [True, False])
def test_magnitude_ranks_and_not_the_size_of_the_value(fit, by_segment):
    """What the interface does for and against the interaction cancels in its value."""
    touching = np.arange(200) < 20
    values = np.where(np.arange(10) == 0, 0.0, np.linspace(0.5, 1, 10))
    magnitudes = np.where(np.arange(10) == 0, 2.0, np.linspace(0.5, 1, 10))
    if by_segment:
        one, other = (Importance.of_tokens("m", TOKENS, values, [200], signed=True, magnitudes=sizes)
                      for sizes in (magnitudes, None))
    else:
        one, other = (Importance.of_residues("m", [np.repeat(values, 20)], signed=True, magnitudes=sizes)
                      for sizes in ([np.repeat(magnitudes, 20)], None))
    assert agreement(one, 0, fit, touching).auroc == 1 and agreement(one, 0, fit, touching).top >= 1 / 3
    assert agreement(other, 0, fit, touching).auroc == 0 and agreement(other, 0, fit, touching).top == 0
    assert one.values[0].tolist() == other.values[0].tolist()  # colours show the value


def test_segments_are_ranked_as_wholes_with_ties_counted_half(fit):
    touching = np.zeros(200, bool)
    touching[:30] = True  # all of segment 0, half of segment 1
    importance = Importance.of_tokens("m", TOKENS, np.arange(10)[::-1] + 1.0, [200], signed=False)
    found = agreement(importance, 0, fit, touching)
    # 20 residues above all 170 others; 10 tie with 10 and are above 160.
    assert found.auroc == pytest.approx((20 * 170 + 10 * (160 + 5)) / (30 * 170))
    assert found.top == pytest.approx(30 / 60)


def test_segments_that_were_not_seen_take_no_part():
    chain = parsed(chain_lines(LETTERS[:100])).chains[0]
    fit = align(LETTERS, chain)
    touching = np.zeros(100, bool)
    touching[:20] = True
    values = np.array([5.0, 1, 2, 3, 4, 99, 98, 97, 96, 95])
    found = agreement(Importance.of_tokens("m", TOKENS, values, [200], signed=False), 0, fit, touching)
    assert found.n_seen == 100 and found.top == pytest.approx(20 / 60)
    assert found.expected == pytest.approx(0.2, abs=0.02)  # among the five that were seen, not among ten


def test_nothing_is_said_where_nothing_can_be(fit):
    few = np.zeros(200, bool)
    few[:4] = True
    ramp = Importance.of_residues("m", [np.arange(200.0)], signed=False)
    level = Importance.of_residues("m", [np.ones(200)], signed=False)
    assert agreement(ramp, 0, fit, few) is None and agreement(ramp, 0, fit, ~few) is None
    assert agreement(level, 0, fit, np.arange(200) < 50) is None


def test_why_nothing_is_said_is_told(fit):
    few = np.arange(200) < 4
    half = np.arange(200) < 100
    ramp = Importance.of_residues("m", [np.arange(200.0)], signed=False)
    level = Importance.of_residues("m", [np.ones(200)], signed=False)
    assert silence(ramp, 0, fit, half) == ""
    assert silence(ramp, 0, fit, few).startswith("4 of its residues touch")
    assert silence(ramp, 0, fit, ~few).startswith("4 of its residues do not touch")
    assert "equally important" in silence(level, 0, fit, half)
    fragment = align(LETTERS, parsed(chain_lines(LETTERS[:18])).chains[0])  # shorter than a segment
    segments = Importance.of_tokens("m", TOKENS, np.arange(10.0) + 1, [200], signed=False)
    assert "lies in one segment" in silence(segments, 0, fragment, np.arange(18) < 9)


@pytest.mark.parametrize("by_segment", [True, False])
def test_p_values_are_uniform_where_importance_is_chance(fit, by_segment):
    random = np.random.default_rng(11)
    touching = np.zeros(200, bool)
    touching[90:115] = True
    p_values = []
    for seed in range(120):
        if by_segment:
            importance = Importance.of_tokens("m", TOKENS, random.random(10), [200], signed=False)
        else:  # neighbours are alike, as they are in proteins
            values = np.convolve(random.normal(size=230), np.ones(31), "valid")
            importance = Importance.of_residues("m", [values], signed=True)
        p_values.append(agreement(importance, 0, fit, touching, n_shufflings=199, seed=seed).auroc_p)
    shares = [np.mean(np.array(p_values) <= level) for level in (0.05, 0.2, 0.5, 0.8)]
    np.testing.assert_allclose(shares, (0.05, 0.2, 0.5, 0.8), atol=0.12)
    assert shares[0] <= 0.11


def test_no_p_value_is_zero(fit):
    touching = np.zeros(200, bool)
    touching[60:80] = True
    importance = Importance.of_residues("m", [touching + np.linspace(0, 0.1, 200)], signed=False)
    found = agreement(importance, 0, fit, touching, n_shufflings=9, seed=0)
    assert found.auroc == 1 and found.auroc_p >= 0.1 and found.top_p == pytest.approx(0.1)


def test_the_same_seed_gives_the_same_answer(fit):
    importance = Importance.of_residues("m", [np.sin(np.arange(200.0))], signed=True)
    touching = np.arange(200) % 7 == 0
    one, other = (agreement(importance, 0, fit, touching, seed=4) for _ in range(2))
    assert one == other


def test_the_table_has_a_line_per_method_and_protein(fit):
    touching = np.arange(200) < 40
    ramp = Importance.of_residues("ramp", [np.arange(200.0), np.arange(200.0)[::-1]], signed=False)
    table = agreement_table([ramp], [fit, fit], [touching, touching])
    assert table["method"].tolist() == ["ramp", "ramp"] and table["protein"].tolist() == ["A", "B"]
    assert table["auroc"].tolist() == [0.0, 1.0]


def test_tokens_without_a_place_are_passed_over():
    tokens = ["A.cls", *TOKENS, "B.eos", *[f"B.segment{i}" for i in range(10)]]
    importance = Importance.of_tokens("m", tokens, np.arange(22.0), [25, 40], signed=False)
    assert importance.values[0].tolist() == [1.0] * 3 + [2.0] * 3 + [3.0] * 3 + [4.0] * 3 + [5.0] * 3 + [
        6.0, 6.0, 7.0, 7.0, 8.0, 8.0, 9.0, 9.0, 10.0, 10.0]  # fmt: skip
    assert importance.values[1][0] == 12 and importance.limit == 21
