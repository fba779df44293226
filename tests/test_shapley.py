"""Shapley values: against their definition, against shap, and on games of which the truth is known."""

from itertools import combinations, permutations
from math import factorial

import numpy as np
import pytest
import torch
from explain_samples import as_subject, make_pairs, make_subject, planted
from numpy.testing import assert_allclose
from tiny_bundle import WIDTH

from esm2amp_core.errors import UserError
from esm2amp_core.explain import coalitions
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.coalitions import Game, n_at_once
from esm2amp_core.explain.shapley import Design, all_coalitions, exact
from esm2amp_core.explain.subject import Subject
from esm2amp_core.explain.token_shapley import DRAWN_CPU, TokenShapley
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.models.classifier import Classifier, Scores
from esm2amp_core.progress import Cancelled


def random_game(n, seed=0):
    return np.random.default_rng(seed).normal(size=2**n)


def smooth_game(n, seed=0):
    """Values of all coalitions: nothing about it is additive or quadratic, but it is no noise."""
    rng = np.random.default_rng(seed)
    weights, others = rng.normal(size=(2, n)) / np.sqrt(n)
    z = all_coalitions(n)
    return np.tanh(3 * z @ weights + 0.5) + (z @ others) ** 3 - 0.2 * z[:, 0] * z[:, 1]


def code(players):
    return sum(1 << player for player in players)


def by_definition(game, n):
    """Shapley values as means over all orders; interactions as weighted sums over all subsets."""
    values = np.zeros(n)
    for order in permutations(range(n)):
        present = 0
        for player in order:
            values[player] += game[present | 1 << player] - game[present]
            present |= 1 << player
    interactions = np.zeros((n, n))
    for i, j in combinations(range(n), 2):
        others = [player for player in range(n) if player not in (i, j)]
        for size in range(n - 1):
            weight = factorial(size) * factorial(n - size - 2) / factorial(n - 1)
            for some in combinations(others, size):
                s = code(some)
                interactions[i, j] += weight * (
                    game[s | 1 << i | 1 << j] - game[s | 1 << i] - game[s | 1 << j] + game[s]
                )
    return values / factorial(n), interactions + interactions.T


def test_coalitions_are_numbered_by_their_bits():
    present = all_coalitions(5)
    assert_allclose(present @ (1 << np.arange(5)), np.arange(32))


@pytest.mark.parametrize("n", [2, 3, 8])
def test_exact_values_and_interactions_follow_the_definition(n):
    game = random_game(n)
    found = exact(game)
    values, interactions = by_definition(game, n)
    assert_allclose(found.values, values, atol=1e-12)
    assert_allclose(found.interactions, interactions, atol=1e-12)
    assert_allclose(found.base + found.values.sum(), game[-1], atol=1e-12)
    assert found.base == game[0] and found.output == game[-1]


def test_a_player_without_influence_gets_nothing_and_twins_get_the_same():
    z = all_coalitions(8).astype(float)
    game = (z[:, 0] + z[:, 1]) ** 3 * z[:, 2] + np.exp(z[:, 3])  # 4 to 7 do nothing; 0 and 1 are alike
    found = exact(game)
    assert_allclose(found.values[4:], 0, atol=1e-12)
    assert_allclose(found.interactions[4:], 0, atol=1e-12)
    assert_allclose(found.values[0], found.values[1])
    assert_allclose(found.interactions[0, 2], found.interactions[1, 2])


def test_an_interaction_is_found_where_it_was_put():
    z = all_coalitions(20).astype(np.float32)
    found = exact((2 * z[:, 3] - z[:, 17] + 5 * z[:, 3] * z[:, 17]).astype(float))
    expected = np.zeros((20, 20))
    expected[3, 17] = expected[17, 3] = 5
    assert_allclose(found.interactions, expected, atol=1e-9)
    assert_allclose(found.values[[3, 17]], [4.5, 1.5], atol=1e-9)
    assert_allclose(np.delete(found.values, [3, 17]), 0, atol=1e-9)


def test_twenty_players_agree_with_shap():
    """A tree of which a player's presence decides the way is a game that shap solves exactly, as a tree."""
    shap = pytest.importorskip("shap")
    from sklearn.tree import DecisionTreeRegressor

    rng = np.random.default_rng(0)
    tree = DecisionTreeRegressor(max_depth=9, random_state=0)
    tree.fit(rng.integers(0, 2, (3000, 20)), rng.normal(size=3000))
    explainer = shap.TreeExplainer(tree, np.zeros((1, 20)), feature_perturbation="interventional")
    expected = explainer.shap_values(np.ones((1, 20)))[0]
    found = exact(tree.predict(all_coalitions(20).astype(np.float32)))
    assert np.abs(expected).max() > 0.1
    assert_allclose(found.values, expected, atol=1e-6)  # shap computes in float32


def test_other_numbers_of_values_are_refused():
    with pytest.raises(ValueError, match="7 values"):
        exact(np.zeros(7))


def test_what_coalitions_stand_for_is_all_of_them():
    design = Design.draw(20, 4096, seed=0)
    assert len(design.present) == 4096
    assert_allclose(design.stands_for.sum(), 2**20, rtol=0.1)
    # Half of all coalitions hold a player, a quarter hold two given ones.
    assert_allclose(design.stands_for @ design.present / design.stands_for.sum(), 0.5, atol=1e-9)
    assert (design.present[2::2] ^ design.present[3::2]).all()


def test_few_coalitions_are_enough_where_the_game_is_quadratic():
    rng = np.random.default_rng(1)
    pairwise = np.triu(rng.normal(size=(12, 12)), 1)
    game = lambda z: z @ np.arange(12.0) + ((z @ pairwise) * z).sum(axis=1) + 3  # noqa: E731
    design = Design.draw(12, 300, seed=0)
    found, truth = design.solve(game(design.present.astype(float))), exact(game(all_coalitions(12) * 1.0))
    assert_allclose(found.values, truth.values, atol=1e-8)
    assert_allclose(found.interactions, truth.interactions, atol=1e-8)
    assert found.value_errors.max() < 1e-8 and found.interaction_errors.max() < 1e-8


def test_drawn_values_lie_about_the_exact_ones_as_their_errors_say():
    game = smooth_game(14)
    truth = exact(game)
    place = 1 << np.arange(14)
    off = ~np.eye(14, dtype=bool)
    z_values, z_interactions = [], []
    for seed in range(30):
        design = Design.draw(14, 800, seed=seed)
        found = design.solve(game[design.present @ place])
        assert_allclose(found.base + found.values.sum(), found.output, atol=1e-12)
        z_values.append((found.values - truth.values) / found.value_errors)
        z_interactions.append((found.interactions - truth.interactions)[off] / found.interaction_errors[off])
    # Errors of one unit, on average: neither boasting nor hiding. Not centred would mean biased.
    for z in (np.array(z_values), np.array(z_interactions)):
        assert 0.6 < np.sqrt(np.mean(z**2)) < 1.3
        assert np.abs(z.mean()) < 0.2


def test_more_coalitions_are_more_exact():
    game, place = smooth_game(14), 1 << np.arange(14)
    few, many = (Design.draw(14, size, seed=0) for size in (400, 6000))
    few, many = (design.solve(game[design.present @ place]) for design in (few, many))
    assert many.value_errors.max() < few.value_errors.max() / 2


def test_all_coalitions_of_more_tokens_than_can_be_counted_are_refused_before_any_work():
    subject = make_subject("amp_cse")  # 24 tokens
    with pytest.raises(UserError, match="16,777,216 coalitions are too many"):
        TokenShapley(subject, ExplainSettings(coalitions=2**24)).explain(make_pairs(subject, 1))


@pytest.mark.parametrize(("size", "reason"), [(450, "too few"), (70_000, "too many")])
def test_useless_numbers_of_coalitions_are_refused(size, reason):
    with pytest.raises(UserError, match=reason):
        Design.draw(20, size, seed=0)


class Two(Classifier):
    """Reads channel 0 of two tokens, one per protein; it needs every token."""

    feature_set = "segments"
    is_symmetric = True

    def __init__(self, width=WIDTH):
        super().__init__()
        self.sizes = {"width": width}
        self.scale = torch.nn.Parameter(torch.tensor(2.0), requires_grad=False)

    def forward(self, tokens, present=None):
        a, b = tokens[:, 3, 0], tokens[:, 17, 0]
        return Scores(self.scale * a * b + a)

    @classmethod
    def sizes_from(cls, state):
        raise NotImplementedError


def two_tokens():
    plain = make_subject("mean")
    return Subject(ModelBundle(plain.bundle.manifest, None, "", Two()), plain.background)


def test_only_the_tokens_that_matter_get_values():
    subject = two_tokens()
    pairs = make_pairs(subject, 2)
    found = TokenShapley(subject, ExplainSettings(coalitions=2_000)).explain(pairs)
    strange = np.delete(np.arange(20), [3, 17])
    assert_allclose(found.value[:, strange], 0, atol=1e-5)
    expected = np.zeros((2, 20, 20))
    # The part of 2ab beyond what a and b add alone, each counted from the baseline.
    a, b = (pairs.tokens()[:, i, 0].numpy() - float(subject.baseline[i, 0]) for i in (3, 17))
    expected[:, 3, 17] = expected[:, 17, 3] = 2 * a * b
    assert_allclose(found.arrays["interactions"], expected, atol=1e-4)


@pytest.mark.parametrize("architecture", ["mean", "amps"])
def test_planted_tokens_come_first(architecture):
    subject, pairs, tokens = planted(architecture, pairs=2)
    found = TokenShapley(subject, ExplainSettings(coalitions=1_000)).explain(pairs)
    assert (np.sort(found.magnitude.argsort(axis=1)[:, -2:], axis=1) == sorted(tokens)).all()
    assert (found.value[:, list(tokens)] > 0).all()


def some_coalitions(n):
    rng = np.random.default_rng(0)
    present = rng.random((60, n)) < 0.5
    present[0], present[1] = False, True
    present[2, : n // 2], present[3, n // 2 :] = False, False
    present[2, n // 2 :], present[3, : n // 2] = True, True
    return present


@pytest.mark.parametrize("architecture", ["amps", "amp_cse", "gru", "mean", "dpm", "siamese"])
def test_shortcuts_give_the_logits_of_tokens_left_out(architecture):
    subject = make_subject(architecture)
    pairs = make_pairs(subject, 2)
    present = some_coalitions(len(subject.token_names))
    found = Game(subject, pairs, 1).values(present)
    tokens = pairs.tokens([1]).expand(len(present), -1, -1)
    assert_allclose(found, subject.logits(tokens, torch.from_numpy(present)).numpy(), atol=1e-5)
    assert_allclose(found[1], subject.logits(pairs.tokens([1])).item(), atol=1e-5)
    assert_allclose(found[0], subject.logits(subject.baseline[None]).item(), atol=1e-5)


@pytest.mark.parametrize("architecture", ["amps", "gru"])
def test_an_accelerators_batches_give_the_same_logits_and_fit_into_its_memory(architecture, monkeypatch):
    subject = make_subject(architecture)
    game = Game(subject, make_pairs(subject, 1), 0)
    present = np.random.default_rng(0).random((1_000, len(subject.token_names))) < 0.4
    expected = game.values(present)
    monkeypatch.setattr(coalitions, "n_at_once", lambda device, numbers, *, cheap: n_at_once(
        "cuda", numbers, cheap=cheap))
    assert_allclose(game.values(present), expected, atol=1e-5)
    for numbers in (20 * 256, 24 * 1280):  # the starter's tokens, and the largest published ones
        assert 1_000 <= n_at_once("cuda", numbers, cheap=False) <= coalitions.NUMBERS_AT_ONCE / numbers


@pytest.mark.parametrize("architecture", ["siamese", "dpm"])
def test_cheap_classifiers_are_explained_exactly(architecture):
    subject = make_subject(architecture)
    pairs = make_pairs(subject, 1)
    found = TokenShapley(subject).explain(pairs)
    n = len(subject.token_names)
    assert found.settings["exact"] and found.settings["coalitions"] == 2**n
    assert_allclose(found.base_values + found.value.sum(axis=1), found.outputs, atol=1e-10)
    assert_allclose(found.outputs, subject.logits(pairs.tokens()).numpy(), atol=1e-5)
    assert not found.arrays["standard_errors"].any()


def test_values_depend_on_the_pair_and_the_seed_alone():
    subject = make_subject("amps")
    pairs = make_pairs(subject, 3)
    settings = ExplainSettings(coalitions=600)
    together, alone = (TokenShapley(subject, settings).explain(some) for some in (pairs, pairs.select([1])))
    assert (together.value[1] == alone.value[0]).all()
    assert (together.arrays["interactions"][1] == alone.arrays["interactions"][0]).all()
    other = TokenShapley(subject, ExplainSettings(coalitions=600, seed=1)).explain(pairs.select([1]))
    assert (other.value != alone.value).any()
    assert_allclose(other.value, alone.value, atol=6 * alone.checks["standard_error"].max())


def test_interactions_are_symmetric_with_nothing_on_the_diagonal():
    subject = make_subject("amps")
    found = TokenShapley(subject, ExplainSettings(coalitions=600)).explain(make_pairs(subject, 2))
    interactions = found.arrays["interactions"]
    assert_allclose(interactions, interactions.transpose(0, 2, 1))
    assert not np.diagonal(interactions, axis1=1, axis2=2).any()


def test_costly_classifiers_are_asked_a_fixed_number_of_times():
    subject = make_subject("amps")
    found = TokenShapley(subject).explain(make_pairs(subject, 1))
    assert (found.settings["coalitions"], found.settings["exact"]) == (DRAWN_CPU, False)


def test_it_can_be_stopped():
    subject = as_subject("amps", make_subject("amps").bundle.classifier)

    def stop(stage, done, total):
        if done > 300:
            raise Cancelled

    with pytest.raises(Cancelled):
        TokenShapley(subject, ExplainSettings(coalitions=600)).explain(make_pairs(subject, 2), stop)


@pytest.mark.parametrize("architecture", ["siamese", "amps"])
def test_the_coalition_goes_along_when_the_proteins_change_places(architecture, monkeypatch):
    """Asked as if order mattered, a classifier for which it does not says the same."""
    subject = make_subject(architecture)
    pairs = make_pairs(subject, 2)  # the second is of two proteins
    present = np.random.default_rng(0).random((40, 20)) < 0.5
    symmetric = Game(subject, pairs, 1).values(present)
    monkeypatch.setattr(type(subject.bundle.classifier), "is_symmetric", False)
    assert_allclose(Game(subject, pairs, 1).values(present), symmetric, atol=1e-5)
