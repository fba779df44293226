"""Controls of a pair: what stands in for a protein, and what follows from it."""

from collections import Counter

import numpy as np
import pytest
from explain_samples import make_pairs, make_subject
from numpy.testing import assert_allclose, assert_array_equal

from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.controls import RESIDUES_PER_1000, random_like, run_controls, shuffled
from esm2amp_core.explain.integrated_gradients import IntegratedGradients
from esm2amp_core.explanation_tests.controls import CONTROLS, Controls
from esm2amp_core.progress import Cancelled
from esm2amp_core.sequences import STANDARD, Protein

METHODS = ["attention", "integrated_gradients", "token_shapley"]


@pytest.fixture(scope="module")
def subject(embedder):
    return make_subject("amps", embedder=embedder)


@pytest.fixture(scope="module")
def pair(subject):
    return make_pairs(subject, 3).select([1])


@pytest.fixture(scope="module")
def controls(subject, pair):
    return run_controls(subject, pair, METHODS, n=4)


def test_a_shuffled_protein_keeps_its_residues():
    protein = Protein("P1", "MKTAYIAKQRQISFVKSHFSRQXX")
    stand_in = shuffled(protein, np.random.default_rng(0))
    assert Counter(stand_in.sequence) == Counter(protein.sequence) and stand_in.sequence != protein.sequence


def test_random_proteins_are_made_as_natural_ones():
    assert set(RESIDUES_PER_1000) == STANDARD
    assert_allclose(sum(RESIDUES_PER_1000.values()), 1000, atol=0.1)
    stand_in = random_like(Protein("P1", "M" * 20_000), np.random.default_rng(0))
    assert len(stand_in.sequence) == 20_000
    shares = {letter: 1000 * count / 20_000 for letter, count in Counter(stand_in.sequence).items()}
    assert all(abs(shares[letter] - RESIDUES_PER_1000[letter]) < 8 for letter in STANDARD)


def test_the_pair_stands_beside_its_controls(subject, pair, controls):
    assert controls.kinds == tuple(CONTROLS)
    assert_allclose(controls.logit, subject.logits(pair.tokens()).item(), atol=1e-5)
    assert controls.null_logits.shape == (4, 4) and len(np.unique(controls.null_logits)) == 16
    assert_allclose(controls.null_probabilities.ravel(),
                    subject.bundle.probabilities(controls.null_logits.ravel()))  # fmt: skip
    expected = [(1 + (null >= controls.logit).sum()) / 5 for null in controls.null_logits]
    assert_allclose(controls.p_values, expected)


def test_tokens_are_compared_with_the_largest_of_each_control(subject, pair, controls):
    assert controls.methods == ("attention", "integrated_gradients")  # Shapley values take too long
    assert_allclose(controls.token_values[1], np.abs(IntegratedGradients(subject).explain(pair).value[0]))
    k, kind, token = 1, 2, int(controls.token_values[1].argmax())
    reached = (controls.null_largest[k, kind] >= controls.token_values[k, token]).sum()
    assert controls.token_p_values[k, kind, token] == (1 + reached) / 5
    # The larger what is said of a token, the smaller its p-value.
    order = controls.token_values[k].argsort()
    assert (np.diff(controls.token_p_values[k][:, order], axis=1) <= 0).all()


def test_many_controls_are_scored_but_only_some_explained(subject, pair, monkeypatch):
    monkeypatch.setattr("esm2amp_core.explain.controls.MOST_EXPLAINED", 2)
    found = run_controls(subject, pair, ["attention"], n=3)
    every = run_controls(subject, pair, ["attention"], n=2)
    assert found.null_logits.shape == (4, 3) and found.null_largest.shape == (1, 4, 2)
    assert_allclose(found.null_largest, every.null_largest, atol=1e-6)


def test_controls_depend_on_the_seed_and_the_pair_alone(subject, pair, controls):
    again = run_controls(subject, pair, ["attention"], n=4)
    assert_array_equal(again.null_logits, controls.null_logits)
    assert_array_equal(again.null_largest[0], controls.null_largest[0])
    other = run_controls(subject, pair, settings=ExplainSettings(seed=1), n=4)
    assert (other.null_logits != controls.null_logits).all()
    fewer = run_controls(subject, pair, n=3)
    assert_allclose(fewer.null_logits, controls.null_logits[:, :3], atol=1e-5)
    assert fewer.methods == () and fewer.token_p_values.shape == (0, 4, 20)
    # Nothing is left of a file's empty list of names but its length.
    assert Controls.from_arrays(fewer.to_arrays()).methods == ()


def test_controls_survive_a_file(controls, tmp_path):
    np.savez_compressed(tmp_path / "controls.npz", **controls.to_arrays())
    with np.load(tmp_path / "controls.npz", allow_pickle=False) as file:
        read = Controls.from_arrays(dict(file))
    for name, value in controls.to_arrays().items():
        assert_array_equal(read.to_arrays()[name], value)
    assert read.logit == controls.logit and read.tokens == controls.tokens


def test_tables_hold_the_pair_and_every_control(controls):
    frame, tokens = controls.frame(), controls.token_frame()
    assert len(frame) == 1 + 4 * 4 and frame["logit"][0] == controls.logit
    assert frame.query("kind == 'a_random' and number == 2")["logit"].item() == controls.null_logits[3, 1]
    line = tokens.query("method == 'attention' and kind == 'b_random' and token == 'B.segment4'")
    assert line["p_value"].item() == controls.token_p_values[0, 1, 14]
    assert line["size"].item() == controls.token_values[0, 14]


def test_controls_can_be_stopped_between_proteins(subject, pair):
    seen = []

    def stop(stage, done, total):
        seen.append(done)
        if len(seen) > 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_controls(subject, pair, n=4, report=stop)
    assert len(seen) == 6


def test_several_pairs_have_no_common_controls(subject):
    with pytest.raises(ValueError, match="3 pairs"):
        run_controls(subject, make_pairs(subject, 3))
