"""What a screen's scores say, against the plain way of computing it on whole tables."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.testing import assert_allclose, assert_array_equal

from esm2amp_core.screen_plan import FEWEST_PARTNERS, Plan
from esm2amp_core.screening.ranking import (
    PAIR,
    Histogram,
    Partners,
    Places,
    ScoreBackground,
    Top,
    other_than,
)


def scored(plan, *, seed=0, values=None):
    """Blocks of a plan with random scores; with `values`, these only, so that many are equal."""
    draw = np.random.default_rng(seed)
    for block in plan.blocks():
        pairs = np.zeros(len(block), PAIR)
        pairs["first"], pairs["second"] = block.pairs()
        pairs["logit"] = draw.choice(values, len(block)) if values else draw.normal(2, 3, len(block))
        pairs["probability"] = 1 / (1 + np.exp(-pairs["logit"]))
        yield pairs


def long_table(pairs):
    """A line per protein and partner; a pair with itself is one line."""
    frame = pd.DataFrame({name: pairs[name].astype("f8") for name in PAIR.names})
    others = frame[frame["first"] != frame["second"]]
    sides = [frame.rename(columns={"first": "protein", "second": "partner"}),
             others.rename(columns={"second": "protein", "first": "partner"})]
    return pd.concat(sides, ignore_index=True)


@some.composite
def screens(draw):
    both, library = draw(some.integers(1, 40)), draw(some.integers(1, 40))
    plan = Plan(both + library, both, 0, draw(some.integers(1, 400)), draw(some.booleans()))
    values = draw(some.sampled_from([None, (-1.5, -0.0, 0.0, 0.25)]))
    return plan, list(scored(plan, seed=draw(some.integers(0, 99)), values=values))


@settings(max_examples=30, deadline=None)
@given(screens())
def test_backgrounds_and_z_are_those_of_the_whole_table(screen):
    plan, blocks = screen
    background, whole = ScoreBackground(plan.n_proteins, 0.5), np.concatenate(blocks)
    for pairs in blocks:
        background.add(pairs)
    others = whole[whole["first"] != whole["second"]]
    table = long_table(others).groupby("protein")["logit"].agg(["count", "mean", "std"])
    table = table.reindex(range(plan.n_proteins))
    assert_array_equal(background.n, table["count"].fillna(0))
    assert_allclose(background.mean[background.n > 0], table["mean"].dropna(), rtol=1e-12, atol=1e-14)
    assert_allclose(background.sd, table["std"], rtol=1e-9, atol=1e-12)
    known = table.where((table["count"] >= FEWEST_PARTNERS) & (table["std"] > 1e-9))
    z_a, z_b, z = background.z(whole)
    for found, side in ((z_a, "first"), (z_b, "second")):
        of = known.loc[whole[side]]
        assert_allclose(found, (whole["logit"] - of["mean"].to_numpy()) / of["std"].to_numpy(), rtol=1e-7,
                        atol=1e-9)
    assert_array_equal(z, pd.DataFrame({"a": z_a, "b": z_b}).min(axis=1))


@settings(max_examples=30, deadline=None)
@given(screens(), some.integers(1, 50))
def test_the_best_pairs_are_exact_where_many_are_equal(screen, k):
    _, blocks = screen
    top = Top(k)
    for pairs in blocks:
        top.add(pairs, pairs["logit"])
    frame = pd.DataFrame(np.concatenate(blocks))
    wanted = frame.sort_values(["logit", "first", "second"], ascending=[False, True, True]).head(k)
    assert_array_equal(top.pairs["first"], wanted["first"])
    assert_array_equal(top.pairs["second"], wanted["second"])


def test_pairs_without_a_score_do_not_compete():
    pairs = np.zeros(3, PAIR)
    pairs["second"] = 1, 2, 3
    top = Top(2)
    top.add(pairs, np.array([np.nan, 1, np.nan]))
    assert top.pairs["second"].tolist() == [2]


@settings(max_examples=30, deadline=None)
@given(screens(), some.integers(1, 6), some.booleans())
def test_the_best_partners_of_each_bait_are_exact(screen, k, often):
    plan, blocks = screen
    partners = Partners(plan.n_baits, k)
    for pairs in blocks:
        partners.add(pairs)
        if often:
            assert len(partners.best[0]) <= k * plan.n_baits
    bait, pairs = partners.best
    table = long_table(np.concatenate(blocks))
    table = table[table["protein"] < plan.n_baits]
    wanted = table.sort_values(["protein", "logit", "partner"], ascending=[True, False, True])
    wanted = wanted.groupby("protein").head(k)
    assert_array_equal(bait, wanted["protein"])
    assert_array_equal(other_than(bait, pairs), wanted["partner"])


@settings(max_examples=30, deadline=None)
@given(screens(), some.randoms(use_true_random=False))
def test_ranks_count_the_partners_that_score_higher(screen, chance):
    _, blocks = screen
    whole = np.concatenate(blocks)
    chosen = whole[[chance.randrange(len(whole)) for _ in range(20)]] if len(whole) else whole
    ranks = long_table(whole).groupby("protein")["logit"].rank(method="min", ascending=False)
    table = long_table(whole).assign(place=ranks).set_index(["protein", "partner"])["place"]
    for side, other in (("first", "second"), ("second", "first")):
        places = Places(chosen[side], chosen["logit"])
        for pairs in blocks:
            places.add(pairs)
        wanted = [table[pair] for pair in zip(chosen[side], chosen[other], strict=True)]
        assert_array_equal(places.ranks, wanted)


@settings(max_examples=20, deadline=None)
@given(screens())
def test_the_histogram_counts_every_pair(screen):
    _, blocks = screen
    histogram = Histogram(0.5)
    for pairs in blocks:
        histogram.add(pairs)
    probability = np.concatenate(blocks)["probability"]
    assert_array_equal(histogram.counts, np.histogram(probability.astype("f8"), np.arange(101) / 100)[0])
    assert histogram.n_called == (probability >= np.float32(0.5)).sum()


def test_a_probability_of_one_belongs_to_the_last_bin():
    pairs = np.zeros(2, PAIR)
    pairs["probability"] = 0, 1
    histogram = Histogram(0.5)
    histogram.add(pairs)
    assert (histogram.counts[0], histogram.counts[-1]) == (1, 1)


def test_a_protein_that_scores_high_with_everything_is_told_apart_by_z():
    plan = Plan(60, 60, 0, 300)
    background, best, special = ScoreBackground(60, 0.5), Top(50), Top(1)
    blocks = list(scored(plan, seed=5))
    for pairs in blocks:
        pairs["logit"] = pairs["logit"] / 3 + 10 * ((pairs["first"] == 7) | (pairs["second"] == 7))
        pairs["logit"][(pairs["first"] == 20) & (pairs["second"] == 31)] = 8
        background.add(pairs)
        best.add(pairs, pairs["logit"])
    for pairs in blocks:
        special.add(pairs, background.z(pairs)[2])
    assert ((best.pairs["first"] == 7) | (best.pairs["second"] == 7)).all()
    assert special.pairs[["first", "second"]].tolist() == [(20, 31)]


def test_numbers_that_are_all_equal_give_no_z():
    plan = Plan(30, 30, 0, 50)
    background = ScoreBackground(30, 0.5)
    blocks = list(scored(plan, values=(0.1,)))
    for pairs in blocks:
        background.add(pairs)
    assert np.isnan(background.z(blocks[0])[2]).all()
