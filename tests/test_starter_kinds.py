import numpy as np
import pytest
from numpy.testing import assert_allclose

from esm2amp_core.training.kinds import measure_kinds, protein_terms, spans_membrane
from esm2amp_core.training.starter_card import limitations


def all_pairs(n):
    return np.array([(a, b) for a in range(n) for b in range(a)])


@pytest.mark.parametrize("sequence, spans", [
    ("MKKD" + "L" * 19 + "RRDE", True),
    ("MKKD" + "L" * 9 + "RRDE", False),
    ("L" * 18, False),  # shorter than the stretch
    ("A" * 40, True),  # mean 1.8
    ("RRR" + "A" * 16 + "FGS" + "RRR", False),  # exactly 1.6
    ("RRR" + "A" * 16 + "FGG" + "RRR", True),
    ("G" * 40, False),
    ("X" * 30 + "LIVLIVLIVLIVLIVLIVL", True),
])  # fmt: skip
def test_nineteen_hydrophobic_residues_probably_span_a_membrane(sequence, spans):
    assert spans_membrane(sequence) is spans


def test_scores_that_are_sums_over_proteins_are_explained_by_proteins():
    index, terms = all_pairs(30), np.random.default_rng(0).normal(size=30)
    logits = terms[index].sum(axis=1) + 0.5
    assert_allclose(protein_terms(logits, index), logits, atol=1e-3)
    labels, spanning = (logits > 0.5).astype(int), np.arange(30) % 2 == 0
    kinds = measure_kinds(labels, logits, index, spanning)
    assert kinds.explained_by_proteins > 0.999
    assert kinds.auroc == 1.0
    assert kinds.auroc_of_proteins > 0.999


def test_noise_is_not_explained_however_many_proteins_there_are():
    random, index = np.random.default_rng(1), all_pairs(60)
    logits = random.normal(size=len(index))
    kinds = measure_kinds(random.integers(0, 2, len(index)), logits, index, np.arange(60) < 30)
    assert abs(kinds.explained_by_proteins) < 0.06  # uncorrected it would be 60 / 1,770 on average


def test_a_model_that_knows_kinds_alone_ranks_nothing_within_them():
    random, index = np.random.default_rng(2), all_pairs(80)
    spanning = np.arange(80) < 30
    same = spanning[index].sum(axis=1) != 1
    labels = (random.random(len(index)) < np.where(same, 0.7, 0.3)).astype(int)
    kinds = measure_kinds(labels, same.astype(float), index, spanning)
    assert kinds.auroc == kinds.auroc_of_kind
    assert kinds.auroc > 0.65
    assert [part["auroc"] for part in kinds.within.values()] == [0.5, 0.5, 0.5]
    assert sum(part["n_pairs"] for part in kinds.within.values()) == len(index)


def test_the_card_says_what_was_measured_and_unknown_where_nothing_could_be():
    index = np.array([[0, 1], [1, 2]])
    kinds = measure_kinds(np.array([0, 1]), np.array([-1.0, 2.0]), index, np.array([True, True, False]))
    _, told, *_ = limitations(kinds)
    assert "On 2 validation pairs its AUROC is 1.000" in told
    assert "explains unknown" in told
