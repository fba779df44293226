"""esm2amp train --explainer: from labelled pairs to a second model that explains an installed one."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from labelled_samples import WIDTH, write_tables
from numpy.testing import assert_array_equal
from safetensors.torch import load_file
from surrogate_samples import make_pairs, training_rows
from tiny import make_encoder
from tiny_bundle import make_bundle

from esm2amp_core.bundles import bundle_digest, file_digest
from esm2amp_core.cli.main import main
from esm2amp_core.errors import UserError
from esm2amp_core.explain import resolve
from esm2amp_core.explain.subject import Subject
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.progress import Cancelled
from esm2amp_core.surrogates.surrogate import load_surrogate
from esm2amp_core.training import foresting
from esm2amp_core.training.autoencoding import AutoencoderSettings, restored_share, train_autoencoder
from esm2amp_core.training.explainers import ExplainerSettings

TABLES = ("--pairs", "train.csv", "--validation", "validation.csv", "--sequences", "proteins.fasta")
FOREST = ("--explainer", "ae_rf", "--bundle", "tiny", "--trials", "2", "--size", "trees=6", "--size",
          "leaves=8")  # fmt: skip
NETWORK = ("--explainer", "ae_dnn", "--bundle", "tiny", "--size", "dense1=8", "--size", "dense2=4")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_tables(folder)
    make_bundle(folder / "tiny", make_encoder(folder / "encoder", width=WIDTH))
    return folder


@pytest.fixture
def esm2amp(inputs, tmp_path, monkeypatch, capsys):
    """Run a command beside fresh copies of the inputs: exit code, standard output and error."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(inputs / "workspace"))  # features are computed once
    monkeypatch.chdir(tmp_path)
    for path in inputs.rglob("*"):
        if path.is_file() and "workspace" not in path.parts and path.parent != inputs / "encoder":
            copy = tmp_path / path.relative_to(inputs)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["esm2amp", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out + said.err

    return run


def card_of(kind):
    return json.loads((Path("tiny/explainers") / kind / "explainer.json").read_text())


def test_a_forest_is_put_into_the_model_and_explains_it(esm2amp):
    before = bundle_digest(Path("tiny"))
    code, said = esm2amp("train", *TABLES, *FOREST)
    assert code == 0, said
    assert bundle_digest(Path("tiny")) == before
    card = card_of("ae_rf")
    assert card["weights"] == file_digest(Path("tiny/weights.safetensors"))
    assert card["versions"]["scikit-learn"] == "1.9.1"
    assert card["training"]["command"].startswith("esm2amp train --pairs train.csv")
    assert card["training"]["seed"] == 0 and len(card["training"]["trials"]) == 2
    assert card["training"]["n_pairs"] == card["training"]["data"]["train"]["n_pairs"]
    assert card["metrics"]["validation"]["auroc"] > 0.6  # rich in K or not is easily seen
    assert -1 <= card["metrics"]["agreement"] <= 1
    assert [path.name for path in Path("tiny/explainers").iterdir()] == ["ae_rf"]
    bundle = ModelBundle.load(Path("tiny"))
    subject = Subject(bundle)
    found = resolve("tree_shap")(subject).explain(make_pairs(subject))
    assert (found.checks["additivity_gap"] < 1e-4).all()
    assert found.settings["validation_auroc"] == card["metrics"]["validation"]["auroc"]
    assert len(load_surrogate("ae_rf", bundle).forest.estimators_) == 6


def test_a_network_is_put_into_the_model_and_explains_it(esm2amp):
    code, said = esm2amp("train", *TABLES, *NETWORK)
    assert code == 0, said
    card = card_of("ae_dnn")
    assert (card["sizes"]["dense1"], card["sizes"]["dense2"]) == (8, 4)
    assert card["metrics"]["validation"]["auroc"] > 0.6
    subject = Subject(ModelBundle.load(Path("tiny")))
    surrogate = load_surrogate("ae_dnn", subject.bundle)
    assert len(surrogate.background) == 200
    found = resolve("deep_shap")(subject).explain(make_pairs(subject))
    assert (found.checks["additivity_gap"] < 1e-4 * (1 + np.abs(found.outputs))).all()


def test_the_same_seed_gives_the_same_second_model(esm2amp):
    rows = np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32)
    for options in (FOREST, NETWORK):
        answers = []
        for _ in range(2):
            assert esm2amp("train", *TABLES, *options, "--seed", 3)[0] == 0
            answers.append(load_surrogate(options[1], ModelBundle.load(Path("tiny"))).outputs(rows))
        assert_array_equal(*answers)


def test_a_second_model_may_learn_what_the_classifier_says(esm2amp):
    code, said = esm2amp("train", *TABLES, *NETWORK, "--target", "classifier")
    assert code == 2 and "tiny calls all of the pairs alike" in said  # random weights: all above 0.5, or none
    code, _ = esm2amp("predict", "train.csv", "--sequences", "proteins.fasta", "--bundle", "tiny",
                      "-o", "s.csv")
    assert code == 0
    card = json.loads(Path("tiny/manifest.json").read_text())
    card["threshold"] = float(pd.read_csv("s.csv")["probability"].median())
    Path("tiny/manifest.json").write_text(json.dumps(card))
    code, said = esm2amp("train", *TABLES, *NETWORK, "--target", "classifier")
    assert code == 0, said
    of_calls = card_of("ae_dnn")
    assert of_calls["training"]["target"] == "classifier"
    assert of_calls["metrics"]["auroc_of_target"] == max(of_calls["training"]["validation_auroc_by_epoch"])
    assert of_calls["metrics"]["auroc_of_target"] != of_calls["metrics"]["validation"]["auroc"]
    esm2amp("train", *TABLES, *NETWORK)
    of_labels = card_of("ae_dnn")
    assert of_labels["metrics"]["auroc_of_target"] == of_labels["metrics"]["validation"]["auroc"]


def test_without_validation_pairs_some_training_pairs_judge_and_the_card_says_so(esm2amp):
    code, said = esm2amp("train", *TABLES[:2], *TABLES[4:], *FOREST)
    assert code == 0, said
    assert "drawn at random from the training table" in said
    card = card_of("ae_rf")
    assert card["training"]["n_validation_pairs"] == pytest.approx(card["training"]["n_pairs"] / 4, abs=1)


@pytest.mark.parametrize(("options", "reason"), [
    (("--explainer", "ae_xx"), "There is no explainer 'ae_xx'"),
    (("--explainer", "ae_rf", "--architecture", "gru"), "--architecture does not go with --explainer"),
    (("--explainer", "ae_rf", "-o", "mine"), "--output does not go with --explainer"),
    (("--explainer", "ae_rf", "--size", "layers=2"), "ae_rf has no size 'layers'"),
    (("--explainer", "ae_rf", "--bundle", "absent"), "There is no model 'absent'"),
    (("--explainer", "ae_rf", "--target", "truth"), "There is no target 'truth'"),
    (("--bundle", "tiny", "-o", "mine"), "--bundle goes with --explainer only"),
    ((), "--output is missing"),
])  # fmt: skip
def test_options_that_make_no_sense_are_refused(esm2amp, options, reason):
    code, said = esm2amp("train", *TABLES, *options)
    assert code == 2 and reason in said
    assert not Path("tiny/explainers").exists()


def test_an_encoder_that_the_model_does_not_read_is_refused(esm2amp):
    make_encoder(Path("other"), width=WIDTH, seed=9)
    code, said = esm2amp("train", *TABLES, *FOREST, "--encoder", "other")
    assert code == 2 and "The features are not those that tiny reads" in said


def test_a_forest_grown_in_steps_is_the_forest_of_one_go(monkeypatch):
    rows, labels = training_rows(100, n_inputs=6)
    settings = foresting.ForestSettings(trees=7, leaves=6, samples_leaf=2, features=0.5)
    stepwise = foresting.grow(rows, labels, settings)
    monkeypatch.setattr(foresting, "TREES_AT_ONCE", 7)
    at_once = foresting.grow(rows, labels, settings)
    assert_array_equal(stepwise.predict_proba(rows), at_once.predict_proba(rows))


def test_a_search_keeps_what_was_judged_best():
    rows, labels = training_rows(100, n_inputs=6)
    wanted = foresting.ForestSettings(trees=2, leaves=6)
    best, tried = foresting.search(rows, labels, lambda forest: -abs(forest.min_samples_leaf - 7), wanted, 6)
    assert best.samples_leaf == max(tried, key=lambda trial: trial["auroc"])["samples_leaf"]
    assert len(tried) == 6 and tried[0]["samples_leaf"] == wanted.samples_leaf


def test_work_that_is_stopped_ends_at_once():
    rows, labels = training_rows(100, n_inputs=6)

    def stop(stage, done, total):
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        foresting.grow(rows, labels, foresting.ForestSettings(trees=10), report=stop)
    with pytest.raises(Cancelled):
        train_autoencoder(torch.randn(50, 8), {"width": 8, "hidden1": 4, "hidden2": 4, "latent": 2},
                          AutoencoderSettings(), report=stop)


def test_an_autoencoder_learns_what_few_numbers_can_tell():
    torch.manual_seed(0)
    few = torch.randn(600, 2)
    vectors = torch.tanh(few @ torch.randn(2, 12))  # two numbers decide twelve
    sizes = {"width": 12, "hidden1": 16, "hidden2": 8, "latent": 2}
    trained = train_autoencoder(vectors[:500], sizes, AutoencoderSettings(epochs=60, batch_vectors=50))
    assert restored_share(trained, vectors[500:]) > 0.8
    again = train_autoencoder(vectors[:500], sizes, AutoencoderSettings(epochs=60, batch_vectors=50))
    assert torch.equal(again(vectors), trained(vectors))


@pytest.mark.parametrize("sizes", [{"trees": 0}, {"leaves": 1}, {"dense1": 5}])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(UserError):
        ExplainerSettings(kind="ae_rf", sizes=sizes)


def test_figures_on_the_card_are_those_of_the_stored_model(esm2amp, inputs):
    esm2amp("train", *TABLES, *NETWORK)
    folder = Path("tiny/explainers/ae_dnn")
    assert set(load_file(folder / "background.safetensors")) == {"rows"}
    card = card_of("ae_dnn")
    assert card["checksums"]["network.safetensors"] == file_digest(folder / "network.safetensors")
    assert max(card["training"]["validation_auroc_by_epoch"]) == pytest.approx(
        card["metrics"]["validation"]["auroc"], abs=1e-6)
