"""TreeSHAP, Gini and DeepSHAP of second models, against computations of their own."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from surrogate_samples import (
    LATENT,
    N_INPUTS,
    add_forest,
    add_network,
    make_autoencoder,
    make_card,
    make_pairs,
    rows_of,
    saved_subject,
    training_rows,
)

from esm2amp_core.errors import BundleError
from esm2amp_core.explain import resolve
from esm2amp_core.explain.deep_shap import integrated_gradients
from esm2amp_core.explain.subject import PairFeatures
from esm2amp_core.progress import Cancelled
from esm2amp_core.surrogates.network import DenseNetwork
from esm2amp_core.surrogates.surrogate import (
    ForestSurrogate,
    NetworkSurrogate,
    load_surrogate,
    save_surrogate,
    swapped,
)
from esm2amp_core.training.foresting import ForestSettings, grow

METHODS = ("tree_shap", "gini", "deep_shap")


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    """A tiny subject with both second models."""
    subject = saved_subject(tmp_path_factory.mktemp("bundle") / "tiny")
    add_forest(subject)
    add_network(subject)
    return subject


@pytest.fixture(scope="module")
def pairs(subject):
    return make_pairs(subject)


def explain(method, subject, pairs, **options):
    return resolve(method)(subject).explain(pairs, **options)


def conditional_expectation(tree, x, known, node=0):
    """What a tree says if it is told some numbers only: the rest by the training pairs that went each way."""
    if tree.children_left[node] == -1:
        return tree.value[node, 0, 1]
    children = (tree.children_left[node], tree.children_right[node])
    if tree.feature[node] in known:
        went_right = x[tree.feature[node]] > tree.threshold[node]
        return conditional_expectation(tree, x, known, children[int(went_right)])
    weights = tree.weighted_n_node_samples[list(children)]
    found = [conditional_expectation(tree, x, known, child) for child in children]
    return np.average(found, weights=weights)


def brute_force_shapley(forest, x):
    """Shapley values of all numbers by their definition, tree by tree; numbers that no tree reads have 0."""
    values = np.zeros(len(x))
    for estimator in forest.estimators_:
        tree = estimator.tree_
        used = sorted(set(tree.feature[tree.feature >= 0].tolist()))
        for player in used:
            others = [other for other in used if other != player]
            for size in range(len(others) + 1):
                share = factorial(size) * factorial(len(others) - size) / factorial(len(used))
                for known in combinations(others, size):
                    gain = (conditional_expectation(tree, x, {*known, player})
                            - conditional_expectation(tree, x, set(known)))  # fmt: skip
                    values[player] += share * gain / len(forest.estimators_)
    return values


def test_tree_shap_is_the_shapley_value_of_the_forest_grouped_by_token(subject, pairs):
    surrogate = load_surrogate("ae_rf", subject.bundle)
    found = explain("tree_shap", subject, pairs)
    for i, row in enumerate(rows_of(surrogate, pairs)):
        given = brute_force_shapley(surrogate.forest, row)
        other = brute_force_shapley(surrogate.forest, swapped(row[None])[0])
        mean = (given + swapped(other[None])[0]) / 2
        assert_allclose(found.value[i], mean.reshape(20, LATENT).sum(axis=1), atol=1e-6)
        assert_allclose(found.magnitude[i], np.abs(mean).reshape(20, LATENT).mean(axis=1), atol=1e-6)


@pytest.mark.parametrize("method", ["tree_shap", "deep_shap"])
def test_base_and_values_add_up_to_what_the_second_model_says(subject, pairs, method):
    found = explain(method, subject, pairs)
    surrogate = load_surrogate(resolve(method).kind, subject.bundle)
    rows = rows_of(surrogate, pairs)
    said = (surrogate.outputs(rows) + surrogate.outputs(swapped(rows))) / 2
    assert_allclose(found.outputs, said, rtol=1e-6)
    assert_allclose(found.base_values + found.value.sum(axis=1), said, atol=1e-5)
    assert (found.checks["additivity_gap"] < 1e-4).all()


@pytest.mark.parametrize("method", METHODS)
def test_a_swapped_pair_has_the_same_explanation_swapped(subject, pairs, method):
    turned = PairFeatures(pairs.rows, pairs.proteins, pairs.index[:, ::-1].copy(), pairs.values,
                          pairs.feature_set)
    given, other = (explain(method, subject, each) for each in (pairs, turned))
    assert_allclose(np.roll(other.value, 10, axis=1), given.value, atol=1e-6)
    assert_allclose(np.roll(other.magnitude, 10, axis=1), given.magnitude, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_pair_is_explained_alike_whatever_stands_beside_it(subject, pairs, method):
    alone = explain(method, subject, pairs.select([2]))
    assert_allclose(alone.value[0], explain(method, subject, pairs).value[2], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_axes_rows_and_provenance_are_told(subject, pairs, method):
    found = explain(method, subject, pairs)
    assert found.axes[-1].labels == subject.token_names
    assert found.value.shape == (len(pairs), 20)
    if method != "gini":
        assert found.axes[0].labels == (10, 11, 12, 13)
    assert found.settings["orders"] == "mean of both"
    assert found.settings["files"]["autoencoder.safetensors"]


def test_gini_shares_are_the_importances_of_the_forest_grouped_by_token(subject, pairs):
    found = explain("gini", subject, pairs)
    forest = load_surrogate("ae_rf", subject.bundle).forest
    shares = np.zeros(20)
    for number, importance in enumerate(forest.feature_importances_):
        shares[number // LATENT] += importance / 2
        shares[(number // LATENT + 10) % 20] += importance / 2
    assert_allclose(found.values, shares)
    assert_allclose(found.values.sum(), 1)
    assert_allclose(found.value, np.tile(shares, (len(pairs), 1)))


def linear_network(weights, bias):
    """A network that computes w x + b: its hidden units are far above 0 for every input of these tests."""
    network = DenseNetwork(len(weights), 2, 2).requires_grad_(False)
    first, second, last = (network.layers[i] for i in (0, 2, 4))
    for layer in (first, second, last):
        layer.weight.zero_(), layer.bias.zero_()
    first.weight[0], first.bias[0] = torch.tensor(weights, dtype=torch.float32), 1_000.0
    second.weight[0, 0], last.weight[0, 0], last.bias[0] = 1.0, 1.0, bias - 1_000.0
    return network.eval()


def test_deep_shap_of_a_linear_network_is_weight_times_distance_from_the_background(tmp_path):
    subject = saved_subject(tmp_path / "linear")
    pairs = make_pairs(subject)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=N_INPUTS)
    rows, _ = training_rows(10)
    background = np.concatenate([rows, swapped(rows)])
    surrogate = NetworkSurrogate(make_card("ae_dnn", subject.bundle), make_autoencoder(),
                                 linear_network(weights, 0.5), background)
    save_surrogate(surrogate, subject.bundle.folder)
    found = explain("deep_shap", subject, pairs)
    distance = rows_of(surrogate, pairs) - background.mean(axis=0)  # the mean is that of both orders
    both = (weights + np.roll(weights, N_INPUTS // 2)) / 2
    expected = (both * distance).reshape(len(pairs), 20, LATENT)
    assert_allclose(found.value, expected.sum(axis=2), atol=2e-3)  # float32 beside 1,000
    assert_allclose(found.magnitude, np.abs(expected).mean(axis=2), atol=2e-3)
    assert_allclose(found.arrays["integrated_gradients"], expected.sum(axis=2), atol=2e-3)


def test_deep_shap_is_that_of_the_library_grouped_by_token(subject, pairs):
    import shap

    surrogate = load_surrogate("ae_dnn", subject.bundle)
    explainer = shap.DeepExplainer(surrogate.network.requires_grad_(True),
                                   torch.from_numpy(surrogate.background))
    rows = rows_of(surrogate, pairs)
    given = explainer.shap_values(torch.from_numpy(rows))[..., 0]
    other = swapped(explainer.shap_values(torch.from_numpy(swapped(rows)))[..., 0])
    expected = ((given + other) / 2).reshape(len(pairs), 20, LATENT).sum(axis=2)
    assert_allclose(explain("deep_shap", subject, pairs).value, expected, atol=1e-6)


def test_integrated_gradients_add_up_and_equal_captums(subject, pairs):
    from captum.attr import IntegratedGradients

    surrogate = load_surrogate("ae_dnn", subject.bundle)
    found = explain("deep_shap", subject, pairs)
    assert (found.checks["integrated_gradients_gap"] < 0.01 * np.ptp(found.outputs) + 1e-3).all()
    rows = torch.from_numpy(rows_of(surrogate, pairs))
    baseline = torch.from_numpy(surrogate.background).mean(dim=0)
    theirs = IntegratedGradients(surrogate.network).attribute(
        rows, baseline.expand_as(rows), n_steps=128, method="riemann_middle")
    assert_allclose(integrated_gradients(surrogate.network, rows, baseline), theirs.detach(), atol=1e-5)


@pytest.mark.parametrize("method", ["tree_shap", "gini"])
def test_two_segments_that_decide_are_found(tmp_path, method):
    """Labels follow from one number of A's segment 2 and one of B's segment 6, in either order."""
    subject = saved_subject(tmp_path / "planted")
    a, b = 2 * LATENT, (10 + 6) * LATENT
    rows, _ = training_rows(600, seed=4)
    labels = (rows[:, a] + rows[:, b] > 0).astype(np.int64)
    settings = ForestSettings(trees=30, leaves=32, samples_leaf=3, features=0.5)
    forest = grow(rows, labels, settings)
    save_surrogate(ForestSurrogate(make_card("ae_rf", subject.bundle), make_autoencoder(), forest),
                   subject.bundle.folder)
    found = explain(method, subject, make_pairs(subject, 8))
    top = {subject.token_names[i] for i in np.argsort(-np.abs(found.value).mean(axis=0))[:4]}
    assert top == {"A.segment2", "A.segment6", "B.segment2", "B.segment6"}


def test_deep_shap_finds_the_two_segments_that_a_network_reads_and_no_others(tmp_path):
    subject = saved_subject(tmp_path / "planted")
    weights = np.zeros(N_INPUTS)
    weights[2 * LATENT], weights[(10 + 6) * LATENT] = 3.0, -2.0
    rows, _ = training_rows(10)
    save_surrogate(NetworkSurrogate(make_card("ae_dnn", subject.bundle), make_autoencoder(),
                                    linear_network(weights, 0.0), np.concatenate([rows, swapped(rows)])),
                   subject.bundle.folder)  # fmt: skip
    found = explain("deep_shap", subject, make_pairs(subject, 4))
    read = [name in ("A.segment2", "A.segment6", "B.segment2", "B.segment6") for name in subject.token_names]
    assert (np.abs(found.value[:, read]).max(axis=0) > 0.05).all()  # read in both orders
    assert_allclose(found.value[:, np.logical_not(read)], 0, atol=1e-6)


@pytest.mark.parametrize("method", ["tree_shap", "deep_shap"])
def test_work_can_be_stopped_and_tells_where_it_stands(subject, pairs, method):
    told = []
    explain(method, subject, pairs, report=lambda *where: told.append(where))
    assert told[0][1:] == (0, len(pairs)) and told[-1][1:] == (len(pairs), len(pairs))

    def stop(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        explain(method, subject, pairs, report=stop)


def test_the_network_is_left_as_it_was(subject, pairs):
    explainer = resolve("deep_shap")(subject)
    network = explainer.surrogate.network
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    explainer.explain(pairs)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not any(module._forward_hooks or module._backward_hooks for module in network.modules())


@pytest.mark.parametrize("method", METHODS)
def test_a_model_without_a_second_one_says_how_to_get_it(tmp_path, method):
    bare = saved_subject(tmp_path / "bare")
    kind = resolve(method).kind
    assert f"train one with `esm2amp train --explainer {kind} --bundle " in resolve(method).why_not(bare)
    with pytest.raises(BundleError, match="train one with"):
        explain(method, bare, make_pairs(bare))


def test_explanations_go_to_files_and_back(subject, pairs):
    for method in METHODS:
        found = explain(method, subject, pairs)
        again = type(found).from_arrays(method, found.to_arrays())
        assert_allclose(again.value, found.value)
        assert again.settings == found.settings
