"""What every explainer owes, whichever it is and whichever classifier it explains."""

import json
from functools import cache

import numpy as np
import pytest
import torch
from explain_samples import make_pairs
from model_samples import every_architecture
from numpy.testing import assert_allclose
from surrogate_samples import add_forest, add_network, saved_subject

from esm2amp_core.bundles import file_digest
from esm2amp_core.explain import EXPLAINERS, resolve
from esm2amp_core.explain.base import Explainer, ExplainSettings
from esm2amp_core.explain.running import choose_methods
from esm2amp_core.explain.subject import Subject
from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.models import ARCHITECTURES
from esm2amp_core.surrogates.card import CARD, place_of
from esm2amp_core.surrogates.surrogate import FOREST_FILE

every_method = pytest.mark.parametrize("method", EXPLAINERS)
SETTINGS = ExplainSettings(coalitions=800)
ALONG_A_PATH = {"integrated_gradients", "residue_gradients"}
CANNOT = {
    "attention": {"gru", "mean", "dpm", "siamese"},
    # The second models of these tests read segments.
    "tree_shap": {"amp_cse", "dpm"}, "gini": {"amp_cse", "dpm"}, "deep_shap": {"amp_cse", "dpm"},
}  # fmt: skip

every_case = pytest.mark.parametrize(
    ("method", "name"),
    [(method, name) for method in EXPLAINERS for name in ARCHITECTURES if name not in CANNOT.get(method, ())],
)


@pytest.fixture(scope="module")
def subject_of(tmp_path_factory, embedder):
    """Subjects by architecture, with all that an explainer may ask for."""

    @cache
    def make(name: str) -> Subject:
        subject = saved_subject(tmp_path_factory.mktemp("bundles") / name, name)
        if subject.feature_set.name == "segments":
            add_forest(subject)
            add_network(subject)
        return Subject(subject.bundle, subject.background, embedder)

    return make


@pytest.fixture(scope="module")
def explained(subject_of):
    """Two pairs of each architecture and what a method says of them."""

    @cache
    def explain(method: str, name: str):
        subject = subject_of(name)
        pairs = make_pairs(subject, 3).select([1, 2])
        return subject, pairs, resolve(method)(subject, SETTINGS).explain(pairs)

    return explain


@pytest.fixture
def case(explained, method, name):
    """Subject, pairs and explanation."""
    return explained(method, name)


def test_every_method_has_words_and_code():
    assert list(EXPLAINERS) == list(METHODS)
    for method in EXPLAINERS:
        assert issubclass(resolve(method), Explainer) and resolve(method).method == method


@pytest.mark.parametrize("harm", ["cut", "forged", "gone"])
def test_a_damaged_second_model_is_a_reason_and_stops_no_other_method(tmp_path, harm):
    subject = saved_subject(tmp_path / "tiny")
    add_forest(subject)
    folder = place_of("ae_rf", tmp_path / "tiny")
    forest, card = folder / FOREST_FILE, folder / CARD
    forest.write_bytes(forest.read_bytes()[:-100])
    if harm == "forged":  # the card vouches for what is there
        known = json.loads(card.read_text())
        known["checksums"][FOREST_FILE] = file_digest(forest)
        card.write_text(json.dumps(known))
    elif harm == "gone":
        forest.unlink()
    able, unable = choose_methods(subject, ["attention", "tree_shap", "gini"])
    assert able == ["attention"] and set(unable) == {"tree_shap", "gini"}
    assert all(FOREST_FILE in reason and reason.endswith(".") for reason in unable.values())


@every_method
@every_architecture
def test_a_method_explains_a_classifier_or_says_in_a_sentence_why_not(method, name, subject_of):
    reason = resolve(method).why_not(subject_of(name))
    assert bool(reason) == (name in CANNOT.get(method, ()))
    assert not reason or reason.endswith(".")


@every_case
def test_shapes_fit_axes_pairs_and_tokens(method, name, case):
    subject, pairs, found = case
    assert found.method == method
    assert found.values.shape == tuple(len(axis.labels) for axis in found.axes)
    for axis in found.axes:
        if axis.name in ("pairs", "tokens"):
            wanted = {"pairs": tuple(pairs.rows.tolist()), "tokens": subject.token_names}
            assert axis.labels == wanted[axis.name]
    assert found.value.shape == found.magnitude.shape == (len(pairs), len(subject.token_names))
    assert (found.magnitude >= 0).all() and (found.magnitude > 0).any()
    assert np.isfinite(found.value).all() and np.isfinite(found.values).all()
    assert METHODS[method].signed or (found.value >= 0).all()


@every_case
def test_the_order_of_the_pairs_does_not_matter_nor_does_asking_again(method, name, case):
    subject, pairs, found = case
    again = resolve(method)(subject, SETTINGS).explain(pairs.select([1, 0]))
    assert_allclose(again.value[::-1], found.value, rtol=1e-6, atol=1e-6)
    assert_allclose(again.magnitude[::-1], found.magnitude, rtol=1e-6, atol=1e-6)


@every_case
def test_values_add_up_where_that_is_claimed(method, name, case):
    subject, pairs, found = case
    if found.base_values is None:
        assert found.outputs is None
        return
    difference = found.outputs - found.base_values
    share, least = (0.01, 1e-4) if method in ALONG_A_PATH else (1e-4, 1e-6)
    assert_allclose(found.value.sum(axis=1), difference, rtol=share, atol=least)
    if found.settings["scale"] == "logit":
        a, b = pairs.values[pairs.index[:, 0]], pairs.values[pairs.index[:, 1]]
        assert_allclose(found.outputs, subject.bundle.logits(a, b)[0], atol=1e-4)


@every_case
def test_an_explanation_survives_being_written(method, name, case):
    _, _, found = case
    read = Explanation.from_arrays(method, found.to_arrays())
    np.testing.assert_array_equal(read.values, found.values)
    assert [axis.name for axis in read.axes] == [axis.name for axis in found.axes]
    assert [tuple(axis.labels) for axis in read.axes] == [axis.labels for axis in found.axes]
    assert (read.settings, set(read.checks)) == (dict(found.settings), set(found.checks))


@every_case
def test_the_classifier_is_left_as_it_was(method, name, case):
    subject, pairs, _ = case
    classifier = subject.bundle.classifier
    before = {key: value.clone() for key, value in classifier.state_dict().items()}
    resolve(method)(subject, SETTINGS).explain(pairs.select([0]))
    assert all(torch.equal(value, before[key]) for key, value in classifier.state_dict().items())
    assert all(p.grad is None and not p.requires_grad for p in classifier.parameters())
    for module in classifier.modules():
        assert not module.training and not module._forward_hooks and not module._backward_hooks
