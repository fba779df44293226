"""esm2amp models convert-forest: the authors' files, imitated in their format."""

import pickle
import sys
from copy import deepcopy

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from surrogate_samples import N_INPUTS, saved_subject, training_rows
from tiny_bundle import WIDTH
from torch import nn

from esm2amp_core.cli.main import main
from esm2amp_core.errors import BundleError
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.surrogates.autoencoder import Autoencoder, sizes_for
from esm2amp_core.surrogates.published import read_published_autoencoder, read_published_forest
from esm2amp_core.surrogates.surrogate import load_surrogate


def published_autoencoder(path):
    """Save an autoencoder as theirs is saved: torch's old spectral norm, its slope under every block."""
    torch.manual_seed(0)
    network = Autoencoder(**sizes_for(WIDTH))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    for layer in layers:
        nn.utils.spectral_norm(layer, n_power_iterations=3)
    for _ in range(5):
        network(torch.randn(64, WIDTH))
    network.eval().requires_grad_(False)
    network.slope.fill_(1.3)
    state = network.state_dict()
    slope = state.pop("slope")
    for block in ("encoder.0", "encoder.1", "decoder.0", "decoder.1"):
        state[f"{block}.activation.beta"] = slope
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, path)
    return network


@pytest.fixture(scope="module")
def forest():
    rows, labels = training_rows(200)
    return RandomForestClassifier(4, max_depth=3, random_state=0).fit(rows, labels)


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["esm2amp", "models", "convert-forest", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr()
    return exit_.value.code or 0, said.out + said.err


def test_published_files_become_an_explainer(forest, tmp_path, monkeypatch, capsys):
    subject = saved_subject(tmp_path / "tiny")
    network = published_autoencoder(tmp_path / "AE.pth")
    joblib.dump(forest, tmp_path / "forest.pkl")
    given = ("--autoencoder", tmp_path / "AE.pth", "--bundle", tmp_path / "tiny")
    code, said = run(monkeypatch, capsys, tmp_path / "forest.pkl", *given)
    assert code == 2 and "add --trust" in said and "sklearn.tree._tree.Tree" in said
    assert not (tmp_path / "tiny" / "explainers").exists()
    code, said = run(monkeypatch, capsys, tmp_path / "forest.pkl", *given, "--trust")
    assert code == 0 and "4 trees, checked" in said and "mean of both orders" in said
    loaded, rows = load_surrogate("ae_rf", ModelBundle.load(tmp_path / "tiny")), training_rows(20)[0]
    assert_allclose(loaded.outputs(rows), forest.predict_proba(rows)[:, 1])
    vectors = torch.randn(9, WIDTH)
    assert_allclose(loaded.autoencoder(vectors), network(vectors), rtol=1e-4, atol=1e-5)
    assert subject.bundle.digest == ModelBundle.load(tmp_path / "tiny").digest


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("lzma", 3)])
def test_packed_forests_are_read(forest, tmp_path, compress):
    joblib.dump(forest, tmp_path / "forest.pkl", compress=compress)
    rows, _ = training_rows(20)
    assert_allclose(read_published_forest(tmp_path / "forest.pkl", N_INPUTS).predict_proba(rows),
                    forest.predict_proba(rows))


def test_plain_pickles_are_read(forest, tmp_path):
    (tmp_path / "forest.pkl").write_bytes(pickle.dumps(forest))
    assert len(read_published_forest(tmp_path / "forest.pkl", N_INPUTS).estimators_) == 4


class Program:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_programs_do_not_run(forest, tmp_path):
    victim = tmp_path / "victim"
    for number, trap in enumerate((Program(str(victim)), np.array([Program(str(victim))], dtype=object))):
        carrier = deepcopy(forest)
        carrier.extra = trap
        joblib.dump(carrier, tmp_path / f"{number}.pkl")
        with pytest.raises(BundleError, match="was not opened: it asks for"):
            read_published_forest(tmp_path / f"{number}.pkl", N_INPUTS)
    assert not victim.exists()


def test_other_contents_are_refused(forest, tmp_path):
    rows, labels = training_rows(50)
    for content, reason in ((ExtraTreesClassifier(2).fit(rows, labels), "ExtraTrees"), ([1, 2], "list"),
                            (RandomForestClassifier(2).fit(rows, labels + labels * rows[:, 0].astype(int)),
                             "two classes"),
                            (RandomForestClassifier(2).fit(rows[:, 1:], labels), "does not read")):
        joblib.dump(content, tmp_path / "other.pkl")
        with pytest.raises(BundleError, match=reason):
            read_published_forest(tmp_path / "other.pkl", N_INPUTS)
    joblib.dump(forest, tmp_path / "cut.pkl")
    (tmp_path / "cut.pkl").write_bytes((tmp_path / "cut.pkl").read_bytes()[:-100])
    with pytest.raises(BundleError, match="was not opened"):
        read_published_forest(tmp_path / "cut.pkl", N_INPUTS)
    with pytest.raises(BundleError, match="no file"):
        read_published_forest(tmp_path / "absent.pkl", N_INPUTS)


def test_trees_that_lead_astray_are_refused(forest, tmp_path):
    class Tampered:
        def __reduce__(self):
            builder, arguments, state = forest.estimators_[1].tree_.__reduce__()
            nodes = state["nodes"].copy()
            nodes["left_child"][0] = 10**9
            return builder, arguments, {**state, "nodes": nodes}

    carrier = deepcopy(forest)
    carrier.estimators_[1].tree_ = Tampered()
    joblib.dump(carrier, tmp_path / "tampered.pkl")
    with pytest.raises(BundleError, match="Tree 2 .* a node leads to one that does not exist"):
        read_published_forest(tmp_path / "tampered.pkl", N_INPUTS)


def test_other_checkpoints_are_no_autoencoder(tmp_path):
    torch.save({"fc.weight": torch.ones(3, 3)}, tmp_path / "other.pth")
    with pytest.raises(BundleError, match="encoder.0.fc.weight"):
        read_published_autoencoder(tmp_path / "other.pth")
