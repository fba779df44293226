"""Coverage, hit rates and chance, on proteins whose answers can be worked out by hand."""

from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from region_samples import make_annotations, random_selections
from scipy import stats

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.errors import SequenceError
from esm2amp_core.progress import silent
from esm2amp_core.regions.chance import arrangements, chance
from esm2amp_core.regions.coverage import coverage, position_coverage
from esm2amp_core.regions.enrichment import _PairSums, carriers, corrected, enrichment
from esm2amp_core.regions.hit_rates import classes_of, hit_rates
from esm2amp_core.regions.pair_tests import pair_tests
from esm2amp_core.regions.selection import Selection, choose
from esm2amp_core.regions.units import RESIDUE, SEGMENT, Units


def covered_by(length, *regions, types=("Domain",)):
    """Percent of each segment of a protein P that each type covers."""
    annotations = make_annotations(*(("P", *region) for region in regions))
    return 100 * coverage(Units.of(SEGMENT, {"P": length}), annotations, types)


class TestCoverage:
    def test_a_region_that_ends_at_a_border_covers_its_segment_and_not_the_next(self):
        # 23 residues: three segments of 3 (1-3, 4-6, 7-9), then seven of 2.
        domain = covered_by(23, ("Domain", 4, 6))[:, 0]
        assert domain.tolist() == [0, 100, 0, 0, 0, 0, 0, 0, 0, 0]
        domain = covered_by(23, ("Domain", 9, 10))[:, 0]
        assert_allclose(domain, [0, 0, 100 / 3, 50, 0, 0, 0, 0, 0, 0])

    def test_a_region_of_one_residue_counts(self):
        assert covered_by(100, ("Domain", 11, 11))[:, 0].tolist() == [0, 10, 0, 0, 0, 0, 0, 0, 0, 0]
        assert covered_by(100, ("Domain", 10, 10))[0, 0] == 10

    def test_overlapping_regions_of_one_type_count_once(self):
        assert covered_by(100, ("Domain", 1, 6), ("Domain", 4, 8), ("Domain", 5, 5))[0, 0] == 80

    def test_an_earlier_region_is_not_forgotten_when_a_later_one_touches_one_residue(self):
        assert covered_by(100, ("Domain", 1, 5), ("Domain", 10, 30))[0, 0] == 60

    def test_all_is_the_union_over_types_and_never_their_sum(self):
        found = covered_by(100, ("Domain", 1, 6), ("Repeat", 5, 10), types=("Domain", "Repeat"))[0]
        assert found.tolist() == [60, 60, 100]

    def test_of_a_region_behind_the_end_the_part_inside_counts(self):
        found = covered_by(95, ("Domain", 91, 4000), ("Repeat", 96, 99), types=("Domain", "Repeat"))
        assert found[9].tolist() == [5 / 9 * 100, 0, 5 / 9 * 100]

    def test_a_protein_of_ten_residues_has_segments_of_one(self):
        assert covered_by(10, ("Domain", 3, 4))[:, 0].tolist() == [0, 0, 100, 100, 0, 0, 0, 0, 0, 0]

    def test_types_that_are_not_looked_at_do_not_count_for_all(self):
        assert covered_by(10, ("Chain", 1, 10)).max() == 0

    def test_a_shorter_protein_is_refused(self):
        with pytest.raises(SequenceError, match="9 residues"):
            Units.of(SEGMENT, {"P": 9})

    def test_residues_are_covered_or_not(self):
        units = Units.of(RESIDUE, {"Q": 3, "P": 5})
        found = coverage(units, make_annotations(("P", "Domain", 2, 3)), ["Domain"])
        assert found[:, 0].tolist() == [0, 0, 0, 0, 1, 1, 0, 0]

    @pytest.mark.parametrize("length", [10, 57, 100, 1022])
    def test_it_is_what_counting_residues_gives(self, length):
        random = np.random.default_rng(length)
        ends = np.sort(random.integers(1, length + 20, (12, 2)), axis=1)
        found = covered_by(length, *(("Domain", int(a), int(b)) for a, b in ends))[:, 0]
        inside = [any(a <= i <= b for a, b in ends) for i in range(1, length + 1)]
        assert_allclose(found, [100 * np.mean(part) for part in np.array_split(inside, 10)])

    @pytest.mark.parametrize("length", [10, 13, 99, 100])
    def test_tenths_of_a_chain_are_its_segments(self, length):
        by_residue = position_coverage(Units.of(RESIDUE, {"P": length}))
        parts = np.array_split(np.arange(length), 10)
        for i, part in enumerate(parts):
            assert np.flatnonzero(by_residue[:, i]).tolist() == part.tolist()
        by_segment = position_coverage(Units.of(SEGMENT, {"P": length, "Q": 50}))
        assert by_segment[:, :10].tolist() == np.vstack([np.eye(10), np.eye(10)]).tolist()
        assert np.flatnonzero(by_segment[:, 10]).tolist() == [0, 9, 10, 19]


def all_of_a_pair(importance):
    side, unit = np.divmod(np.arange(20), 10)
    return choose(np.zeros(20, int), side, side, unit, np.asarray(importance, float), k=np.array([3]))


class TestChoosing:
    def test_top_and_low_are_ranked_from_their_ends(self):
        top, low, ties = all_of_a_pair(np.arange(20))
        assert list(zip(top.side, top.unit, strict=True)) == [(1, 9), (1, 8), (1, 7)]
        assert list(zip(low.side, low.unit, strict=True)) == [(0, 0), (0, 1), (0, 2)]
        assert top.rank.tolist() == low.rank.tolist() == [1, 2, 3] and not ties.any()

    def test_ties_are_broken_by_order_and_told_and_nothing_is_top_and_low(self):
        top, low, ties = all_of_a_pair(np.ones(20))
        assert list(zip(top.side, top.unit, strict=True)) == [(0, 0), (0, 1), (0, 2)]
        assert list(zip(low.side, low.unit, strict=True)) == [(1, 9), (1, 8), (1, 7)]
        assert ties.tolist() == [True]

    def test_equal_ranks_within_the_chosen_ones_are_no_tie(self):
        _, _, ties = all_of_a_pair([30, 30, 30, *range(3, 20)])
        assert ties.tolist() == [False]

    def test_more_than_half_cannot_be_chosen(self):
        with pytest.raises(AnnotationError, match="11 top and 11 low of 20"):
            choose(np.zeros(20, int), *np.divmod(np.arange(20), 10), np.arange(20) % 10, np.arange(20.0),
                   k=np.array([11]))

    def test_the_order_of_rows_does_not_matter(self):
        random = np.random.default_rng(0)
        pair, place = np.divmod(np.arange(60), 20)
        side, unit = np.divmod(place, 10)
        importance = random.random(60)
        one = choose(pair, side, side, unit, importance, k=np.full(3, 3))
        mixed = random.permutation(60)
        other = choose(pair[mixed], side[mixed], side[mixed], unit[mixed], importance[mixed], k=np.full(3, 3))
        for a, b in zip(one[:2], other[:2], strict=True):
            assert (a.pair.tolist(), a.side.tolist(), a.unit.tolist()) == (
                b.pair.tolist(), b.side.tolist(), b.unit.tolist())


def test_a_pair_hits_if_any_of_its_segments_reaches_the_threshold():
    selection = Selection("top", 2, np.repeat([0, 1], 3), np.tile([1, 2, 3], 2), *np.zeros((3, 6), int),
                          np.zeros(6))
    covered = np.array([[0.25], [0.0], [0.5], [0.0], [0.2499], [0.0]])
    label, says = (pd.Series([True, False], dtype="boolean"), pd.Series([True, True], dtype="boolean"))
    table = hit_rates(selection, covered, ["Domain"], classes_of(label, says, 2)).set_index(
        ["class", "threshold", "rank"])["Domain"]
    assert table["all", 25, "1"] == 50 and table["all", 25, "2"] == 0 and table["all", 25, "any"] == 50
    assert table["TP", 25, "any"] == 100 and table["TP", 50, "any"] == 100 and table["TP", 75, "any"] == 0
    assert table["FP", 25, "any"] == 0 and np.isnan(table["TN", 25, "any"])


def test_of_residues_the_covered_share_of_a_pair_counts_and_reaching_the_threshold_is_enough():
    selection = Selection("top", 2, np.repeat([0, 1], 4), np.tile([1, 2, 3, 4], 2), *np.zeros((3, 8), int),
                          np.zeros(8))
    covered = np.array([1.0, 1, 0, 0, 1, 0, 0, 0])[:, None]
    table = hit_rates(selection, covered, ["Domain"], classes_of(None, None, 2), single=False)
    assert table.set_index(["rank", "threshold"])["Domain"].to_dict() == {
        ("mean", 25): 100, ("mean", 50): 50, ("mean", 75): 0}  # fmt: skip


def test_classes_follow_what_is_known():
    yes, unsure = pd.Series([True, False], dtype="boolean"), pd.Series([True, pd.NA], dtype="boolean")
    assert list(classes_of(None, None, 2)) == ["all"]
    assert list(classes_of(yes, None, 2)) == ["all", "positive", "negative"]
    found = {name: member.tolist() for name, member in classes_of(unsure, yes, 2).items()}
    assert found["TP"] == [True, False] and found["TN"] == found["FP"] == found["FN"] == [False, False]


class TestChance:
    def test_arrangements_are_all_distinct_orders(self):
        weights = np.array([[1.0, 0], [0, 1], [0, 0], [0, 0], [1, 0]])
        found = {tuple(map(tuple, order)) for order in arrangements(weights).tolist()}
        assert found == {tuple(map(tuple, order)) for order in permutations(weights.tolist())}
        assert len(arrangements(weights)) == len(found) == 30

    def test_of_one_protein_it_is_every_choice_of_segments(self):
        units = Units.of(SEGMENT, {"P": 100})
        covered = np.random.default_rng(1).random((10, 2))
        weights = np.zeros((10, 1))
        weights[[0, 4, 7]] = 1
        found = chance(units, weights, covered, n=100)
        expected = sorted(covered[list(chosen), 0].sum() for chosen in combinations(range(10), 3))
        assert found.exact
        assert_allclose(np.sort(found.sums[:, 0, 0]), expected)
        assert_allclose(found.expected[0], 3 * covered.mean(axis=0))
        assert_allclose(found.sums.mean(axis=0), found.expected)

    def test_a_covered_or_not_segment_gives_the_hypergeometric_p_value(self):
        units = Units.of(SEGMENT, {"P": 100})
        covered = np.zeros((10, 1))
        covered[:4] = 1
        weights = np.zeros((10, 1))
        weights[:3] = 1  # 3 drawn of 10, of which 4 are covered; all 3 are
        found = chance(units, weights, covered, n=100).p_values(weights.T @ covered, np.ones(1))
        drawn = stats.hypergeom(10, 4, 3)
        away = abs(3 - drawn.mean())
        expected = sum(drawn.pmf(i) for i in range(4) if abs(i - drawn.mean()) >= away - 1e-9)
        assert_allclose(found, [expected])

    def test_residues_are_rotated(self):
        units = Units.of(RESIDUE, {"P": 11, "Q": 4})
        random = np.random.default_rng(2)
        covered = (random.random((15, 3)) < 0.5).astype(float)
        weights = random.integers(0, 3, (15, 2)).astype(float)
        found = chance(units, weights, covered, n=10)
        sums = [np.roll(weights[:11], i, 0).T @ covered[:11] + np.roll(weights[11:], j, 0).T @ covered[11:]
                for i in range(11) for j in range(4)]
        assert found.exact and len(found.sums) == 44
        assert_allclose(np.sort(found.sums, axis=0), np.sort(sums, axis=0))

    def test_what_is_drawn_agrees_with_what_is_computed(self):
        units = Units.of(SEGMENT, {f"P{i}": 100 + i for i in range(30)})
        random = np.random.default_rng(3)
        covered, weights = random.random((300, 2)), random.integers(0, 4, (300, 1)).astype(float)
        found = chance(units, weights, covered, n=4000)
        # Variance of a linear permutation statistic, protein by protein (Hoeffding, Ann. Math. Stat. 1951).
        parts = [(weights[i:i + 10, 0], covered[i:i + 10, 0]) for i in range(0, 300, 10)]
        variance = sum(np.sum((w - w.mean()) ** 2) * np.sum((c - c.mean()) ** 2) / 9 for w, c in parts)
        assert not found.exact
        assert_allclose(found.sums[:, 0, 0].mean(), found.expected[0, 0], atol=4 * np.sqrt(variance / 4000))
        assert_allclose(found.sums[:, 0, 0].var(), variance, rtol=0.1)

    def test_what_no_drawn_shuffling_reaches_has_the_smallest_p_value_and_never_zero(self):
        units = Units.of(SEGMENT, {f"P{i}": 100 for i in range(20)})
        covered = np.tile(np.eye(10)[:, :1], (20, 1))  # the first segment of each, and just these are chosen
        found = chance(units, covered.copy(), covered, n=99)
        assert not found.exact and found.sums.max() < 20
        assert found.p_values(np.array([[20.0]]), np.ones(1)).tolist() == [1 / 100]

    def test_the_same_seed_gives_the_same_numbers(self):
        units = Units.of(SEGMENT, {f"P{i}": 100 for i in range(9)})
        random = np.random.default_rng(3)
        covered, weights = random.random((90, 2)), random.integers(0, 4, (90, 1)).astype(float)
        one, same, other = (chance(units, weights, covered, n=50, seed=seed).sums for seed in (1, 1, 2))
        assert (one == same).all() and (one != other).any()

    def test_where_nothing_is_covered_there_is_no_test(self):
        units = Units.of(SEGMENT, {"P": 100})
        weights = np.eye(10)[:, :1]
        found = chance(units, weights, np.zeros((10, 1)), n=10)
        assert np.isnan(found.p_values(np.zeros((1, 1)), np.ones(1))).all()


def random_job(seed, n_pairs, n_proteins, types=1):
    """A job whose segments are chosen without regard to regions."""
    random = np.random.default_rng(seed)
    units = Units.of(SEGMENT, {f"P{i}": 200 for i in range(n_proteins)})
    covered = random.random((10 * n_proteins, types)) * (random.random((10 * n_proteins, types)) < 0.4)
    return units, *random_selections(random, n_pairs, n_proteins), covered


def p_value_of_a_fond_model(seed, *, pairs_apart=False):
    """P-value of a job without enrichment, whose model likes the same segments of a protein every time."""
    random = np.random.default_rng(seed)
    n_proteins, n_pairs = 12, 40
    taste = random.random((n_proteins, 10))
    covered = random.random((n_proteins, 10)) * (random.random((n_proteins, 10)) < 0.4)
    both = np.array([random.choice(n_proteins, 2, replace=False) for _ in range(n_pairs)])
    importance = taste[both].reshape(n_pairs, 20) + 0.2 * random.random((n_pairs, 20))
    pair, place = np.arange(n_pairs)[:, None], np.argsort(-importance, axis=1)[:, :3]
    if pairs_apart:
        number, covered = 20 * pair + place, covered[both]
    else:
        number = 10 * both[pair, place // 10] + place % 10
    covered = covered.reshape(-1, 1)
    weights = np.bincount(number.ravel(), minlength=len(covered)).astype(float)[:, None]
    units = Units.of(SEGMENT, {f"P{i}": 200 for i in range(len(covered) // 10)})
    return chance(units, weights, covered, n=199, seed=seed).p_values(weights.T @ covered, np.ones(1))[0]


def smooth(random, length, width=15):
    """Numbers along a chain, neighbours alike."""
    return np.convolve(random.normal(size=length + width - 1), np.ones(width), "valid")


def residues_without_enrichment(seed):
    """Eight proteins with stretches of region, and important residues that lie in stretches as well."""
    random = np.random.default_rng(seed)
    lengths = random.integers(80, 160, 8).tolist()
    covered = np.concatenate([smooth(random, length) < 0 for length in lengths])
    signals = [smooth(random, length) for length in lengths]
    weights = np.concatenate([signal >= np.quantile(signal, 0.9) for signal in signals])
    units = Units.of(RESIDUE, {f"P{i}": length for i, length in enumerate(lengths)})
    return units, weights[:, None].astype(float), covered[:, None].astype(float)


class TestResidueEnrichment:
    def test_p_values_are_uniform_though_neighbours_share_importance_and_regions(self):
        p_values = []
        for seed in range(200):
            units, weights, covered = residues_without_enrichment(seed)
            found = chance(units, weights, covered, n=199, seed=seed)
            p_values.append(found.p_values(weights.T @ covered, np.ones(1))[0])
        shares = [np.mean(np.array(p_values) <= level) for level in (0.05, 0.2, 0.5, 0.8)]
        assert_allclose(shares, (0.05, 0.2, 0.5, 0.8), atol=0.1)

    def test_residues_that_changed_places_freely_would_make_almost_anything_significant(self):
        """What the test above would find without rotations."""
        p_values = []
        for seed in range(100):
            _, weights, covered = residues_without_enrichment(seed)
            random, centre = np.random.default_rng(seed), weights.sum() * covered.mean()
            shuffled = np.array([random.permutation(weights[:, 0]) @ covered[:, 0] for _ in range(99)])
            away = abs((weights.T @ covered)[0, 0] - centre)
            p_values.append((1 + np.sum(np.abs(shuffled - centre) >= away)) / 100)
        assert np.mean(np.array(p_values) <= 0.05) > 0.15


def sparse_job(seed, likes=0.0):
    """17 pairs of different proteins, 12 of them with a short region in one of their segments.

    `likes` is added to the importance of what is covered; without it, importance is chance.
    """
    random = np.random.default_rng(seed)
    units = Units.of(SEGMENT, {f"P{i}": 200 for i in range(34)})
    covered = np.zeros((34, 10))
    owners = 2 * random.choice(17, 12, replace=False) + random.integers(0, 2, 12)
    covered[owners, random.integers(0, 10, 12)] = random.uniform(0.3, 1, 12)
    both = np.arange(34).reshape(17, 2)
    importance = random.random((17, 20)) + likes * covered[both].reshape(17, 20)
    pair, place = np.repeat(np.arange(17), 20), np.tile(np.arange(20), 17)
    top, low, _ = choose(pair, place // 10, both[pair, place // 10], place % 10, importance.ravel(),
                         k=np.full(17, 3))
    return units, (top, low), both, covered.reshape(-1, 1)


class TestEnrichment:
    def test_p_values_are_uniform_where_nothing_but_chance_acts(self):
        p_values = [p_value_of_a_fond_model(seed) for seed in range(300)]
        assert stats.kstest(p_values, "uniform").pvalue > 0.05

    def test_shuffling_each_pair_on_its_own_would_take_repetition_for_evidence(self):
        """What the test above would find if a protein in many pairs were shuffled anew for each of them."""
        p_values = [p_value_of_a_fond_model(seed, pairs_apart=True) for seed in range(100)]
        assert stats.kstest(p_values, "uniform").pvalue < 1e-3

    def test_it_finds_what_was_planted_and_tells_how_much(self):
        units, selections, both, covered = random_job(0, 60, 40)
        top = selections[0]
        covered[:] = 0
        covered[np.unique(units.offsets[top.protein] + top.unit)[::2]] = 1
        table = enrichment(units, selections, covered, ["Domain"], both, n_shufflings=300, n_resamples=300,
                           seed=0).table
        first = table.iloc[0]
        assert (first["selection"], first["against"], first["type"]) == ("top", "chance", "Domain")
        chosen = units.offsets[top.protein] + top.unit
        expected = np.mean([covered[10 * p : 10 * p + 10].mean() for p in top.protein])
        assert_allclose(first["coverage"], 100 * covered[chosen].mean())
        assert_allclose(first["reference"], 100 * expected)
        assert_allclose(first["ratio"], covered[chosen].mean() / expected)
        assert first["difference_low"] < first["difference"] < first["difference_high"]
        assert first["chance_high"] < first["difference"] and first["p_value"] < 0.01
        assert first["ratio_low"] > 1

    def test_top_against_low_compares_the_two(self):
        units, selections, both, covered = random_job(1, 50, 30)
        table = enrichment(units, selections, covered, ["Domain"], both, n_shufflings=100, n_resamples=100,
                           seed=0).table.set_index(["selection", "against"])
        assert_allclose(table.loc[("top", "low"), "difference"],
                        table.loc[("top", "chance"), "coverage"] - table.loc[("low", "chance"), "coverage"])

    def test_intervals_are_of_differences_not_of_coverage(self):
        """Every segment of a protein is covered alike: proteins differ, but choices cannot matter."""
        units, selections, both, covered = random_job(3, 40, 20)
        covered[:] = np.repeat(np.random.default_rng(0).random(20), 10)[:, None]
        table = enrichment(units, selections, covered, ["Domain"], both, n_shufflings=100, n_resamples=200,
                           seed=0).table
        against_chance = table[table["against"] == "chance"]
        assert_allclose(against_chance[["difference", "difference_low", "difference_high"]], 0, atol=1e-9)
        assert_allclose(against_chance[["ratio", "ratio_low", "ratio_high"]], 1)
        against_low = table[table["against"] == "low"].iloc[0]
        assert against_low["difference_high"] - against_low["difference_low"] > 1

    @pytest.mark.parametrize(("n_pairs", "known"), [(9, False), (10, True)])
    def test_intervals_are_given_from_ten_pairs_on(self, n_pairs, known):
        units, selections, both, covered = random_job(2, n_pairs, 30)
        table = enrichment(units, selections, covered, ["Domain"], both, n_shufflings=100, n_resamples=100,
                           seed=0).table
        assert (table["difference_low"].notna() == known).all()

    @pytest.mark.parametrize(("n_carriers", "known"), [(9, False), (10, True)])
    def test_intervals_need_ten_proteins_with_such_a_region_however_many_pairs(self, n_carriers, known):
        units, selections, both, covered = random_job(2, 60, 40)
        covered[:] = 0
        covered[10 * np.unique(both)[:n_carriers]] = 1
        found = enrichment(units, selections, covered, ["Motif"], both, n_shufflings=100, n_resamples=100,
                           seed=0)
        ends = found.table[["difference_low", "difference_high", "ratio_low", "ratio_high"]]
        assert (ends.notna() == known).all(axis=None) and found.carriers == {"Motif": n_carriers}
        assert found.table[["difference", "p_value"]].notna().all(axis=None)

    def test_a_protein_of_many_pairs_is_one_carrier_and_so_is_a_pair_of_two(self):
        units = Units.of(SEGMENT, {f"P{i}": 100 for i in range(31)})
        star = np.column_stack([np.zeros(30, int), np.arange(1, 31)])
        only_hub, pairs = np.zeros((310, 1)), np.arange(30).reshape(15, 2)
        only_hub[3] = 1
        assert carriers(units, only_hub, star).tolist() == [1]
        assert carriers(units, np.ones((310, 1)), pairs).tolist() == [15]

    def test_in_small_jobs_without_enrichment_95_percent_of_intervals_hold_0(self):
        """Few proteins with one short region each: most of what is drawn anew has met none of them."""
        n, missed, drawn_missed = 0, 0, 0
        for seed in range(100):
            units, selections, both, covered = sparse_job(seed)
            table = enrichment(units, selections, covered, ["Motif"], both, n_shufflings=200, n_resamples=200,
                               seed=seed).table
            table = table[table["against"] == "chance"]
            away = (table["difference_low"] > 1e-9) | (table["difference_high"] < -1e-9)
            assert (table["p_value"][away] < 0.05).all()
            n, missed = n + table["difference_low"].notna().sum(), missed + away.sum()
            replicates = _PairSums.of(units, selections, covered, both).resampled(200, seed, silent)
            for line in table.itertuples():
                drawn = replicates.interval(f"{line.selection}/chance/0/difference", line.difference / 100)
                drawn_missed += not drawn.low <= 0 <= drawn.high
        assert n == 200 and missed / n <= 0.07
        assert drawn_missed / n > 0.1  # what drawing pairs anew alone would give

    def test_intervals_hold_what_was_planted(self):
        """At most every tenth interval misses the mean over jobs."""
        found = []
        for seed in range(60):
            units, selections, both, covered = sparse_job(seed, likes=0.35)
            found.append(enrichment(units, selections, covered, ["Motif"], both, n_shufflings=200,
                                    n_resamples=200, seed=seed).table.iloc[0])
        table = pd.DataFrame(found)
        true = table["difference"].mean()
        assert true > 2
        assert ((table["difference_low"] > true) | (table["difference_high"] < true)).mean() <= 0.1

    def test_few_pairs_have_no_interval(self):
        units, selections, both, covered = random_job(2, 3, 6)
        table = enrichment(units, selections, covered, ["Domain"], both, n_shufflings=100, n_resamples=100,
                           seed=0).table
        assert table["difference_low"].isna().all() and table["p_value"].notna().all()

    def test_correction_is_benjamini_and_hochberg_s_and_leaves_out_what_is_no_test(self):
        found = corrected(pd.Series([0.01, np.nan, 0.04, 0.03]))
        assert_allclose(found, [0.03, np.nan, 0.04, 0.04])

    def test_one_pair_has_the_same_p_value_alone_and_as_a_job(self):
        units, selections, both, covered = random_job(4, 1, 2)
        job = enrichment(units, selections, covered, ["Domain"], both, n_shufflings=100, n_resamples=100,
                         seed=0)
        alone = pair_tests(units, selections[0], covered, ["Domain"], n_shufflings=100, seed=0)
        assert job.exact
        assert_allclose(alone["p_value"].iloc[0], job.table["p_value"].iloc[0])

    def test_a_homodimer_is_shuffled_as_one_protein(self):
        units = Units.of(SEGMENT, {"P": 100})
        covered = np.zeros((10, 1))
        covered[3] = 1
        chosen = Selection("top", 1, np.zeros(2, int), np.array([1, 2]), np.array([0, 1]), np.zeros(2, int),
                           np.array([3, 3]), np.zeros(2))
        found = pair_tests(units, chosen, covered, ["Domain"], n_shufflings=100, seed=0)
        assert_allclose(found["p_value"], [0.1])  # one segment, chosen on both sides: one place of ten
