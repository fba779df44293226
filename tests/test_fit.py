"""Training loops: what is learned, and that nothing but data, settings and seed decide it."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from labelled_samples import WIDTH, planted_pairs
from numpy.testing import assert_allclose
from tiny_bundle import SIZES

from esm2amp_core.bundles import EncoderRef, Manifest
from esm2amp_core.errors import UserError
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.training.fit import CHUNK_TOKENS, FitSettings, cross_entropy, derive_seed, fit, score
from esm2amp_core.training.recipe import Recipe

SETTINGS = FitSettings(rate=5e-3, epochs=4, batch_pairs=32, seed=1)
N_TRAIN, N_VALID = 400, 150


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tokens_of(architecture):
    return len(FEATURE_SETS[resolve(architecture).feature_set].tokens)


def build(architecture="amps", seed=1):
    settings = replace(SETTINGS, seed=seed)
    sizes = SIZES[architecture] | ({"heads": 2} if "heads" in SIZES[architecture] else {})
    return Recipe(architecture=architecture, sizes=sizes, settings=settings).build(WIDTH)


def train_and_valid(architecture="amps"):
    return tuple(planted_pairs(n, seed, tokens_of(architecture)) for seed, n in enumerate((N_TRAIN, N_VALID)))


def assert_same(one, other):
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_learns_a_planted_signal(architecture):
    from sklearn.metrics import roc_auc_score

    classifier, (train, valid) = build(architecture), train_and_valid(architecture)
    result = fit(classifier, train, valid, replace(SETTINGS, epochs=6))
    assert result.best["auroc"] > 0.9
    assert_allclose(roc_auc_score(valid.labels, score(classifier, valid)), result.best["auroc"], atol=0.01)


def test_labels_of_chance_are_not_learned():
    train, valid = train_and_valid()
    shuffled = replace(train, labels=train.labels[torch.randperm(len(train))])
    assert fit(build(), shuffled, valid, SETTINGS).history[-1]["train_loss"] > 0.6


@pytest.mark.parametrize("architecture", ["amps", "gru"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_weights_and_another_gives_others(architecture, precision):
    train, valid = train_and_valid(architecture)
    settings = replace(SETTINGS, epochs=2, precision=precision, averaging=0.9)
    classifiers = []
    for seed in (1, 1, 2):
        classifiers.append(build(architecture, seed))
        fit(classifiers[-1], train, valid, replace(settings, seed=seed))
        torch.rand(3)  # whatever else draws random numbers does not matter
    assert_same(classifiers[0], classifiers[1])
    with pytest.raises(AssertionError):
        assert_same(classifiers[0], classifiers[2])


def test_the_best_epoch_is_kept_and_training_ends_when_it_brings_nothing():
    from sklearn.metrics import roc_auc_score

    classifier, (train, valid) = build(), train_and_valid()
    result = fit(classifier, train, valid, replace(SETTINGS, epochs=50, patience=3, precision="float32"))
    aurocs = [entry["valid_auroc"] for entry in result.history]
    assert result.best_epoch == int(np.argmax(aurocs)) + 1
    assert len(result.history) == min(50, result.best_epoch + 3)
    assert_allclose(roc_auc_score(valid.labels, score(classifier, valid)), max(aurocs))


def test_the_rate_falls_when_the_validation_loss_does_not():
    train, valid = train_and_valid()
    settings = replace(SETTINGS, rate=1e-6, weight_decay=0, min_rate=5e-8, epochs=9, patience=9)
    valid = replace(valid, labels=1 - valid.labels)  # whatever is learned makes it worse
    rates = [entry["rate"] for entry in fit(build(), train, valid, settings).history]
    assert_allclose(rates, [1e-6] * 7 + [1e-7] * 2)


def test_a_batch_read_in_pieces_has_the_gradient_of_the_whole(monkeypatch):
    train, valid = train_and_valid()
    settings = replace(SETTINGS, precision="float32", epochs=1, batch_pairs=N_TRAIN)
    gradients = []

    def keep(parameters, _):
        gradients.append(torch.cat([parameter.grad.flatten() for parameter in parameters]))

    monkeypatch.setattr("esm2amp_core.training.fit.clip_grad_norm_", keep)
    for chunk_tokens in (100_000, 7 * 20):  # all 400 pairs at once, or 7 at a time and 1 in the end
        monkeypatch.setattr("esm2amp_core.training.fit.CHUNK_TOKENS", chunk_tokens)
        fit(Recipe(sizes=SIZES["amps"], dropout=0.0).build(WIDTH), train, valid, settings)
    assert_allclose(gradients[0], gradients[1], atol=1e-5 * float(gradients[0].abs().max()))


def test_no_more_than_a_piece_of_a_batch_is_ever_gathered():
    train, valid = train_and_valid()
    sizes = []

    def watching(classifier, pairs, rows):
        sizes.append(pairs.tokens(rows).shape)
        assert pairs.features.data_ptr() == train.features.data_ptr()  # no copy of the features either
        return cross_entropy(classifier, pairs, rows)

    fit(build(), train, valid, replace(SETTINGS, epochs=1, batch_pairs=256), loss=watching)
    assert max(shape[0] * shape[1] for shape in sizes) <= CHUNK_TOKENS
    assert sum(shape[0] for shape in sizes) == len(train)


@pytest.mark.parametrize("architecture", ["gru", "dpm"])
def test_proteins_change_places_from_epoch_to_epoch_where_their_order_matters(architecture):
    train, valid = train_and_valid(architecture)
    seen = []

    def watching(classifier, pairs, rows):
        flipped = (pairs.index[rows] != train.index[rows]).any(dim=1)
        seen.append(float(flipped.float().mean()))
        assert torch.equal(pairs.index[rows].sort(dim=1).values, train.index[rows].sort(dim=1).values)
        assert torch.equal(pairs.labels[rows], train.labels[rows])
        return cross_entropy(classifier, pairs, rows)

    fit(build(architecture), train, valid, replace(SETTINGS, epochs=2, batch_pairs=N_TRAIN), loss=watching)
    assert 0.3 < np.mean(seen) < 0.7


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_validation_scores_as_the_product_does(architecture):
    from esm2amp_core.training.bundling import product_logits

    classifier, (_, valid) = build(architecture).eval(), train_and_valid(architecture)
    manifest = Manifest(
        name="x", title="x", architecture=architecture, sizes=classifier.sizes,
        feature_set=classifier.feature_set, encoder=EncoderRef(id="x", width=WIDTH),
    )  # fmt: skip
    logits = product_logits(ModelBundle.in_memory(manifest, classifier), valid)
    assert_allclose(score(classifier, valid), logits, atol=1e-5)


@pytest.mark.parametrize(("architecture", "averaging"), [("amps", 0.0), ("gru", 0.9)])
def test_a_run_that_is_resumed_ends_where_an_undisturbed_one_does(tmp_path, architecture, averaging):
    train, valid = train_and_valid(architecture)
    settings = replace(SETTINGS, averaging=averaging)
    whole = build(architecture)
    expected = fit(whole, train, valid, settings)

    def stop(entry):
        if entry["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(build(architecture), train, valid, settings, report=stop, checkpoint=tmp_path / "state")
    told = []
    resumed = build(architecture)
    found = fit(resumed, train, valid, settings, report=told.append, checkpoint=tmp_path / "state")
    assert_same(whole, resumed)
    assert found == expected
    assert told == expected.history


def test_a_run_with_other_data_or_settings_is_not_resumed(tmp_path):
    train, valid = train_and_valid()
    path = tmp_path / "state"
    fit(build(), train, valid, replace(SETTINGS, epochs=1), checkpoint=path, facts={"encoder": "one"})
    for changed, message in [
        ({"settings": replace(SETTINGS, epochs=1, rate=1e-4)}, r"rate \(0.005 then, 0.0001 now\)"),
        ({"train": train.select(torch.arange(N_TRAIN - 100))}, "training pairs"),
        ({"valid": replace(valid, labels=1 - valid.labels)}, "validation pairs"),
        ({"train": replace(train, features=train.features + 1)}, "features"),
        ({"facts": {"encoder": "two"}}, r"encoder \(one then, two now\)"),
        ({"classifier": build(seed=2)}, "starting weights"),
    ]:
        given = {"classifier": build(), "train": train, "valid": valid,
                 "settings": replace(SETTINGS, epochs=1), "facts": {"encoder": "one"}} | changed
        with pytest.raises(UserError, match=message) as caught:
            fit(**given, checkpoint=path)
        assert str(path) in caught.value.hint


def test_a_damaged_state_is_refused_and_never_executed(tmp_path):
    train, valid = train_and_valid()
    path = tmp_path / "state"
    for content in (b"", b"nonsense", b"cos\nsystem\n(S'touch /tmp/owned'\ntR."):
        path.write_bytes(content)
        with pytest.raises(UserError, match="damaged"):
            fit(build(), train, valid, SETTINGS, checkpoint=path)


def test_a_state_that_cannot_be_written_is_told_in_words(tmp_path):
    train, valid = train_and_valid()
    with pytest.raises(UserError, match="cannot be written"):
        fit(build(), train, valid, SETTINGS, checkpoint=tmp_path / "gone" / "state")


def test_a_state_that_finds_no_room_is_told_in_words(tmp_path, file_size_limit):
    train, valid = train_and_valid()
    with file_size_limit(5_000), pytest.raises(UserError, match="state cannot be written: File too large"):
        fit(build(), train, valid, SETTINGS, checkpoint=tmp_path / "state")
    assert not list(tmp_path.iterdir())


def test_sizes_that_no_memory_holds_are_told_in_words():
    for width in (10**12, 10**30):
        with pytest.raises(UserError, match="too large"):
            Recipe(architecture="siamese", sizes={"hidden1": width}, settings=SETTINGS).build(WIDTH)


def test_a_loss_that_explodes_is_told_in_words():
    train, valid = train_and_valid()
    wild = replace(train, features=train.features * float("inf"))
    with pytest.raises(UserError, match="epoch 1.*smaller learning rate"):
        fit(build(), wild, valid, SETTINGS)


def test_seeds_of_epochs_and_runs_differ():
    seeds = {derive_seed(seed, epoch) for seed in range(20) for epoch in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)


KILLED = """
import os, signal, sys, torch
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from pathlib import Path
from test_fit import N_TRAIN, SETTINGS, build, train_and_valid
from esm2amp_core.training.fit import fit
def kill(stage, done, total):
    if done > 2.5 * N_TRAIN:  # in the middle of the third epoch
        os.kill(os.getpid(), signal.SIGKILL)
fit(build(), *train_and_valid(), SETTINGS, checkpoint=Path({state!r}), progress=kill)
"""


def test_a_killed_run_ends_where_an_undisturbed_one_does(tmp_path):
    state = tmp_path / "state"
    code = KILLED.format(tests=os.path.dirname(__file__), state=str(state))
    killed = subprocess.run([sys.executable, "-c", code], timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    whole, resumed = build(), build()
    fit(whole, *train_and_valid(), SETTINGS)
    read = []
    fit(resumed, *train_and_valid(), SETTINGS, checkpoint=state, progress=lambda *now: read.append(now[1]))
    assert min(read) > 2 * N_TRAIN  # two epochs were done already
    assert_same(whole, resumed)
