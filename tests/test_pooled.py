"""Proteins to pooled features: each sequence once, the same with and without the cache."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tiny import INSULIN_A, UBIQUITIN

from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.pooled import STAGE, embed_pooled, feature_key
from esm2amp_core.features import POOLING_VERSION, pool_protein
from esm2amp_core.progress import Cancelled
from esm2amp_core.sequences import Protein

ANALOGUE = INSULIN_A + "GG"
PROTEINS = [
    Protein("ubiquitin", UBIQUITIN),
    Protein("insulin", INSULIN_A),
    Protein("the same under another name", UBIQUITIN),
    Protein("analogue", ANALOGUE),
]


class Counting:
    """An embedder that remembers which sequences it was asked for; may pose as another."""

    def __init__(self, embedder: Esm2Embedder, **posing: str) -> None:
        self._embedder = embedder
        self.asked: list[str] = []
        for field in ("name", "revision", "precision", "width"):
            setattr(self, field, posing.get(field, getattr(embedder, field)))

    def embed(self, proteins):
        for protein, states in self._embedder.embed(proteins):
            self.asked.append(protein.sequence)
            yield protein, states


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features.sqlite", 10)


def test_each_distinct_sequence_has_its_pooled_states_in_order_of_appearance(embedder):
    features, failures = embed_pooled(iter(PROTEINS), embedder)
    distinct = [PROTEINS[i] for i in (0, 1, 3)]
    assert features.digests == tuple(protein.digest for protein in distinct)
    assert features.values.dtype == np.float32
    assert failures == {}
    for values, protein in zip(features.values, distinct, strict=True):
        ((_, states),) = embedder.embed([protein])
        assert_allclose(values, pool_protein(states), rtol=1e-5, atol=1e-5)


def test_no_proteins_give_no_features(embedder, cache):
    features, failures = embed_pooled([], embedder, cache=cache)
    assert features.values.shape == (0, 13, 16)
    assert failures == {}


def test_the_cache_changes_no_bit(embedder, cache):
    without, _ = embed_pooled(PROTEINS, embedder)
    first, _ = embed_pooled(PROTEINS, embedder, cache=cache)
    again, _ = embed_pooled(PROTEINS, embedder, cache=cache)
    assert without.values.tobytes() == first.values.tobytes() == again.values.tobytes()
    assert without.digests == first.digests == again.digests


def test_what_the_cache_holds_is_not_computed_again(embedder, cache):
    embed_pooled(PROTEINS[:2], embedder, cache=cache)
    counting = Counting(embedder)
    features, _ = embed_pooled(PROTEINS, counting, cache=cache)
    assert counting.asked == [ANALOGUE]
    fresh, _ = embed_pooled(PROTEINS, embedder)
    assert_allclose(features.values, fresh.values, rtol=1e-5, atol=1e-6)
    assert_array_equal(features.digests, fresh.digests)


@pytest.mark.parametrize("other", [{"name": "b"}, {"revision": "2"}, {"precision": "bfloat16"}])
def test_another_encoder_revision_or_precision_never_meets_these_features(embedder, cache, other):
    embed_pooled(PROTEINS, embedder, cache=cache)
    counting = Counting(embedder, **other)
    embed_pooled(PROTEINS, counting, cache=cache)
    assert len(counting.asked) == 3


def test_bfloat16_and_float32_share_a_cache_without_mixing(tiny_encoder, embedder, cache):
    half = Esm2Embedder.load(tiny_encoder, device="cpu", precision="bfloat16")
    for _ in range(2):
        exact, _ = embed_pooled(PROTEINS, embedder, cache=cache)
        rough, _ = embed_pooled(PROTEINS, half, cache=cache)
        assert_array_equal(exact.values, embed_pooled(PROTEINS, embedder)[0].values)
        assert_array_equal(rough.values, embed_pooled(PROTEINS, half)[0].values)
    assert not np.array_equal(exact.values, rough.values)


def test_the_key_depends_on_all_that_decides_the_numbers(embedder, monkeypatch):
    keys = {feature_key("digest", embedder), feature_key("other", embedder)}
    for field in ("name", "revision", "precision"):
        keys.add(feature_key("digest", Counting(embedder, **{field: "x"})))
    # Parts do not run into each other.
    keys.add(feature_key("a", Counting(embedder, name="bc")))
    keys.add(feature_key("ab", Counting(embedder, name="c")))
    monkeypatch.setattr("esm2amp_core.embed.pooled.POOLING_VERSION", POOLING_VERSION + 1)
    keys.add(feature_key("digest", embedder))
    assert len(keys) == 8


def test_a_protein_that_cannot_be_read_has_a_reason_and_the_others_their_features(tiny_encoder, cache):
    embedder = Esm2Embedder.load(tiny_encoder, device="cpu", precision="float32", max_residues=50)
    for _ in range(2):  # a failure is never cached
        features, failures = embed_pooled(PROTEINS, embedder, cache=cache)
        assert features.digests == (PROTEINS[1].digest, PROTEINS[3].digest)
        assert list(failures) == [PROTEINS[0].digest]
        assert "76 residues; at most 50" in failures[PROTEINS[0].digest]
        expected, _ = embed_pooled([PROTEINS[1], PROTEINS[3]], embedder)
        assert_array_equal(features.values, expected.values)


def test_an_embedder_that_forgets_a_protein_is_found_out(embedder):
    counting = Counting(embedder)
    counting.embed = lambda proteins: list(embedder.embed(proteins))[1:]
    with pytest.raises(ValueError, match="said nothing about 1 proteins"):
        embed_pooled(PROTEINS, counting)


def test_only_failures_leave_empty_features(tiny_encoder):
    embedder = Esm2Embedder.load(tiny_encoder, max_residues=15)
    features, failures = embed_pooled(PROTEINS, embedder)
    assert features.values.shape == (0, 13, 16)
    assert len(failures) == 3


def test_progress_counts_the_residues_of_distinct_sequences(embedder, cache):
    total = len(UBIQUITIN + INSULIN_A + ANALOGUE)
    told: list[tuple[str, int, int]] = []
    embed_pooled(PROTEINS[:1], embedder, cache=cache)
    embed_pooled(PROTEINS, embedder, cache=cache, report=lambda *at: told.append(at))
    assert told[0] == (STAGE, len(UBIQUITIN), total)
    assert told[-1] == (STAGE, total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_cancelled_work_is_kept_in_the_cache(embedder, cache):
    def stop_late(stage: str, done: int, total: int) -> None:
        if done > len(UBIQUITIN):
            raise Cancelled

    with pytest.raises(Cancelled):
        embed_pooled(PROTEINS, embedder, cache=cache, report=stop_late)
    counting = Counting(embedder)
    embed_pooled(PROTEINS, counting, cache=cache)
    assert counting.asked == [INSULIN_A]


def test_cancellation_before_the_first_batch_computes_nothing(embedder):
    def stop(stage: str, done: int, total: int) -> None:
        raise Cancelled

    counting = Counting(embedder)
    with pytest.raises(Cancelled):
        embed_pooled(PROTEINS, counting, report=stop)
    assert counting.asked == []
