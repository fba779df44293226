"""Pooling, against the rule as METHOD states it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from esm2amp_core.errors import SequenceError
from esm2amp_core.features import (
    FEATURE_SETS,
    POOLED_TOKENS,
    FeatureSet,
    ProteinFeatures,
    pool_protein,
    segment_bounds,
)

LENGTHS = [10, 11, 19, 20, 21, 29, 99, 101, 357, 1022, 2700]


def states_of(length: int, width: int = 8) -> np.ndarray:
    """Random states with an offset, as layer-normed states have: sums of them grow with the length."""
    return np.random.default_rng(length).normal(3, 1, (length + 2, width)).astype(np.float32)


def pool_by_the_book(states: np.ndarray) -> np.ndarray:
    """The published rule, residue by residue in double precision."""
    length = len(states) - 2
    quotient, remainder = divmod(length, 10)
    rows = [states[0].astype(float), states[length + 1].astype(float)]
    rows.append(sum(states[i].astype(float) for i in range(1, length + 1)) / length)
    position = 1
    for segment in range(10):
        size = quotient + 1 if segment < remainder else quotient
        rows.append(sum(states[i].astype(float) for i in range(position, position + size)) / size)
        position += size
    assert position == length + 1
    return np.array(rows)


@pytest.mark.parametrize("length", LENGTHS)
def test_pooling_follows_the_published_rule(length):
    states = states_of(length)
    assert_allclose(pool_protein(states), pool_by_the_book(states), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("length", LENGTHS)
def test_segments_are_those_of_array_split(length):
    states = states_of(length)
    parts = np.array_split(states[1:-1].astype(np.float64), 10)
    assert_allclose(pool_protein(states)[3:], [part.mean(axis=0) for part in parts], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("length", range(10, 64))
def test_bounds_cover_every_residue_once_and_the_first_stretches_are_longer(length):
    bounds = segment_bounds(length)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1], len(sizes)) == (0, length, 10)
    assert_array_equal(sizes, sorted(sizes, reverse=True))
    assert sizes.max() - sizes.min() <= 1


def test_a_long_protein_loses_no_precision():
    states = np.full((40_002, 1), 0.1, dtype=np.float32)
    assert_allclose(pool_protein(states), np.float32(0.1), rtol=1e-7)


def test_pooled_rows_are_what_their_names_say():
    states = np.repeat(np.arange(22, dtype=np.float32)[:, None], 3, axis=1)  # row i holds i everywhere
    pooled = dict(zip(POOLED_TOKENS, pool_protein(states)[:, 0], strict=True))
    assert pooled["cls"] == 0
    assert pooled["eos"] == 21
    assert pooled["mean"] == 10.5
    assert [pooled[f"segment{i}"] for i in range(10)] == [1.5 + 2 * i for i in range(10)]


def test_pooled_features_are_float32_and_do_not_change_the_states():
    states = states_of(33)
    before = states.copy()
    assert pool_protein(states).dtype == np.float32
    assert_array_equal(states, before)


@pytest.mark.parametrize("length", [0, 1, 9])
def test_a_protein_too_short_for_ten_segments_is_refused(length):
    with pytest.raises(SequenceError, match=f"{length} residues"):
        pool_protein(np.zeros((length + 2, 4), dtype=np.float32))


def test_feature_sets_name_their_tokens_in_the_published_order():
    segments = [f"segment{i}" for i in range(10)]
    assert list(FEATURE_SETS["segments"].tokens) == segments
    assert list(FEATURE_SETS["cls_eos_segments"].tokens) == ["cls", "eos", *segments]
    assert list(FEATURE_SETS["mean"].tokens) == ["mean"]
    assert FEATURE_SETS["mean"].pair_tokens == ("A.mean", "B.mean")


def test_select_takes_the_rows_that_the_tokens_name():
    values = np.arange(2 * 13 * 4, dtype=np.float32).reshape(2, 13, 4)
    features = ProteinFeatures(("p", "q"), values)
    chosen = features.select(FeatureSet("some", ("segment9", "cls")))
    assert_array_equal(chosen, values[:, [12, 0]])
    assert features.rows() == {"p": 0, "q": 1}
    assert features.width == 4


@pytest.mark.parametrize("shape", [(1, 13, 4), (2, 12, 4), (2, 13)])
def test_features_that_do_not_fit_their_proteins_are_refused(shape):
    with pytest.raises(ValueError, match="2 proteins"):
        ProteinFeatures(("p", "q"), np.zeros(shape, dtype=np.float32))
