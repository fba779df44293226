import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn import metrics

from esm2amp_core.models.amp import Amps
from esm2amp_core.training.evaluate import fit_temperature, log_loss, measure
from esm2amp_core.training.fit import FitSettings, LabelledPairs, fit, score
from esm2amp_core.training.warm_start import WarmStartSettings, warm_score, warm_start



@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second thread and lose a lot where another process uses it.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def assert_same_weights(one, other):
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def toy_pairs(n, seed):
    """Pairs interact where the first numbers of both proteins have the same sign."""
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(60, 10, 16, generator=random)
    side = torch.where(torch.arange(60) % 2 == 0, 2.0, -2.0)
    features[:, :, 0] += side[:, None]
    index = torch.randint(60, (n, 2), generator=random)
    return LabelledPairs(features, index, (side[index[:, 0]] == side[index[:, 1]]).float())


def toy_fit(**changes):
    torch.manual_seed(0)
    classifier = Amps(16, layers=1, heads=2, feedforward=32, hidden1=16, hidden2=8, dropout=0.1)
    settings = FitSettings(rate=1e-2, epochs=5, batch_pairs=64, seed=1, **changes)
    return classifier, fit(classifier, toy_pairs(800, 0), toy_pairs(300, 1), settings)


@pytest.mark.parametrize("changes", [{}, {"averaging": 0.8}])
def test_a_learnable_problem_is_learned(changes):
    classifier, result = toy_fit(**changes)
    assert result.best["auroc"] > 0.95
    logits = score(classifier, toy_pairs(300, 1))
    assert_allclose(metrics.roc_auc_score(toy_pairs(300, 1).labels, logits), result.best["auroc"])


def test_the_same_seed_gives_the_same_weights():
    assert_same_weights(toy_fit()[0], toy_fit()[0])


def test_a_pair_is_a_tokens_then_b_tokens():
    pairs = toy_pairs(5, 0)
    tokens = pairs.tokens(torch.tensor([3]))
    a, b = pairs.index[3]
    assert torch.equal(tokens[0], torch.cat([pairs.features[a], pairs.features[b]]))


def test_the_warm_start_agrees_with_the_whole_network_and_leaves_attention_alone():
    torch.manual_seed(0)
    classifier = Amps(16, layers=1, heads=2, feedforward=32, hidden1=16, hidden2=8, dropout=0.1)
    before = classifier.transformer_encoder.layers[0].self_attn.in_proj_weight.clone()
    pairs = toy_pairs(300, 1)
    warm_start(classifier, toy_pairs(800, 0), pairs, WarmStartSettings(epochs=8, batch_pairs=64, rate=1e-2))
    assert metrics.roc_auc_score(pairs.labels, score(classifier, pairs)) > 0.9
    assert_allclose(warm_score(classifier, pairs), score(classifier, pairs), atol=1e-4)
    assert torch.equal(before, classifier.transformer_encoder.layers[0].self_attn.in_proj_weight)


def test_figures_of_a_known_table():
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    figures = measure(labels, np.array([0.9, 0.8, 0.2, 0.7, 0.1, 0.1, 0.3, 0.4]))
    assert figures["accuracy"] == 0.75
    assert_allclose([figures["recall"], figures["precision"], figures["specificity"]], [2 / 3, 2 / 3, 0.8])
    assert_allclose(figures["balanced_accuracy"], (2 / 3 + 0.8) / 2)
    assert_allclose(figures["auroc"], 12 / 15)


def test_figures_need_both_labels():
    with pytest.raises(ValueError, match="both labels"):
        measure(np.ones(3), np.full(3, 0.5))


def test_the_temperature_that_made_the_labels_is_found():
    random = np.random.default_rng(0)
    logits = random.normal(size=20_000) * 3
    labels = (random.random(20_000) < 1 / (1 + np.exp(-logits / 2.5))).astype(float)
    temperature = fit_temperature(labels, logits)
    assert_allclose(temperature, 2.5, rtol=0.05)
    assert log_loss(labels, logits / temperature) < log_loss(labels, logits)


