"""Bundles that were changed, contradict themselves or bring along what could run: refused in plain words."""

import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from bundle_samples import SELFCHECK, edit, make_encoder_folder, manifest_for, rehash, save_amps
from model_samples import WIDTH, build
from safetensors.torch import load_file, save_file

from esm2amp_core.bundles import file_digest, find_bundles, read_manifest
from esm2amp_core.errors import BundleError
from esm2amp_core.models import resolve
from esm2amp_core.models.bundle import ModelBundle, save_bundle


@pytest.fixture
def encoder_folder(tmp_path):
    return make_encoder_folder(tmp_path / "esm2_tiny")


@pytest.fixture
def bundle(tmp_path, encoder_folder):
    return save_amps(tmp_path / "models" / "amps", encoder_folder)


@pytest.mark.parametrize(
    "name",
    [
        "weights.safetensors",
        "selfcheck.json",
        "encoder/config.json",
        "encoder/vocab.txt",
        "encoder/model.safetensors",
    ],
)
def test_a_changed_or_missing_file_is_noticed(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"damaged: {name}"):
        ModelBundle.load(bundle)
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=f"incomplete: {name}"):
        ModelBundle.load(bundle)


@pytest.mark.parametrize("name", ["weights.safetensors", "selfcheck.json", "encoder/config.json"])
def test_a_file_that_the_manifest_does_not_list_is_not_used(bundle, name):
    checksums = dict(read_manifest(bundle).checksums)
    del checksums[name]
    edit(bundle, checksums=checksums)
    with pytest.raises(BundleError, match=f"{name} is not among the files listed"):
        ModelBundle.load(bundle)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "modeling_esm.py", "config.json.pkl"])
def test_an_encoder_with_files_that_could_be_executed_is_refused(bundle, name):
    (bundle / "encoder" / name).write_bytes(b"import os")
    digest = file_digest(bundle / "encoder" / name)
    edit(bundle, checksums=read_manifest(bundle).checksums | {f"encoder/{name}": digest})
    with pytest.raises(BundleError, match=name):
        ModelBundle.load(bundle)


def test_a_note_beside_the_bundles_files_does_no_harm(bundle):
    (bundle / "README.md").write_text("From the lab next door.")
    ModelBundle.load(bundle)


@pytest.mark.parametrize(
    "name",
    [
        "../outside.json",
        "encoder/../../outside.json",
        "/etc/hostname",
        "..\\outside.json",
        "C:outside.json",
        "",
        "a\0b",
    ],
)
def test_a_manifest_cannot_lead_out_of_its_folder(bundle, name):
    (bundle.parent / "outside.json").write_text("{}")
    digest = file_digest(bundle.parent / "outside.json")
    edit(bundle, checksums=read_manifest(bundle).checksums | {name: digest})
    with pytest.raises(BundleError, match="outside the bundle"):
        ModelBundle.load(bundle)


def test_a_link_out_of_the_folder_is_refused(bundle, tmp_path):
    elsewhere = tmp_path / "weights.safetensors"
    shutil.move(bundle / "weights.safetensors", elsewhere)
    (bundle / "weights.safetensors").symlink_to(elsewhere)
    with pytest.raises(BundleError, match="outside the bundle"):
        ModelBundle.load(bundle)


def test_a_bundle_reached_by_a_link_is_loaded(bundle, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(bundle, target_is_directory=True)
    assert ModelBundle.load(link).manifest.name == "amps"


@pytest.mark.parametrize("place", ["../esm2_tiny", "encoder/../../esm2_tiny", "other", "./encoder/sub"])
def test_a_manifest_cannot_name_an_encoder_elsewhere_by_a_relative_path(bundle, place):
    edit(bundle, encoder={"id": "lab/esm2_tiny", "width": WIDTH, "folder": place})
    with pytest.raises(BundleError, match="said to lie in"):
        ModelBundle.load(bundle)


def test_an_encoder_elsewhere_is_named_by_an_absolute_path(bundle, encoder_folder):
    edit(bundle, encoder={"id": "lab/esm2_tiny", "width": WIDTH, "folder": str(encoder_folder)})
    assert ModelBundle.load(bundle).manifest.encoder.folder == str(encoder_folder)


def test_a_missing_encoder_folder_is_noticed(bundle):
    checksums = {name: digest for name, digest in read_manifest(bundle).checksums.items() if "/" not in name}
    shutil.rmtree(bundle / "encoder")
    edit(bundle, checksums=checksums)
    with pytest.raises(BundleError, match="encoder is missing"):
        ModelBundle.load(bundle)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "resnet"}, "unknown architecture 'resnet'.*Known: amps"),
        ({"architecture": ["amps"]}, "architecture is .* not a text"),
        ({"architecture": "gru"}, "no 'gru.weight_ih_l0'"),
        ({"architecture": "mean", "sizes": {"width": 32, "hidden1": 12, "hidden2": 6}}, "not part of it"),
        ({"sizes": {}}, "manifest and weights disagree: feedforward missing"),
        ({"sizes": "large"}, 'sizes is "large"'),
        ({"feature_set": "cls_eos_segments"}, "amps reads 'segments'"),
        ({"feature_set": "secrets"}, "unknown features 'secrets'"),
        ({"feature_set_version": 2}, "version 2"),
        ({"encoder": {"id": "x", "width": 1280}}, "width 32.*said to make 1280"),
        ({"encoder": {"id": "x", "width": "32"}}, 'width is "32", not a whole number'),
        ({"encoder": "facebook/esm2"}, 'encoder is "facebook/esm2", not a set of fields'),
        ({"encoder": {"id": "x"}}, "encoder lacks width"),
        ({"encoder": {"id": "x", "width": 32, "heads": 2}}, "encoder has unknown fields: heads"),
        ({"threshold": 1.5}, "threshold 1.5"),
        ({"threshold": None}, "threshold is null, not a number"),
        ({"threshold": True}, "threshold is true, not a number"),
        ({"limitations": "many"}, 'limitations is "many", not a list'),
        ({"temperature": 0}, "temperature 0"),
        ({"temperature": float("nan")}, "temperature nan"),
        ({"calibrator": {"method": "magic"}}, "Calibration by 'magic'"),
        ({"calibrator": "isotonic"}, 'calibrator is "isotonic"'),
        ({"operating_curve": {"thresholds": [1]}}, "operating curve cannot be read"),
        ({"labels": ["yes"]}, "labels are two texts"),
        ({"labels": [0, 1]}, "labels are two texts"),
        ({"title": {"html": "<b>"}}, "title is"),
        ({"checksums": ["weights.safetensors"]}, "checksums is"),
        ({"format": 2}, "format 2"),
        ({"code": "import os"}, "unknown fields: code"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused_in_plain_words(bundle, changes, message):
    edit(bundle, **changes)
    with pytest.raises(BundleError, match=message):
        ModelBundle.load(bundle)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "line 1, column 2"), ("", "line 1, column 1"), ("\x00", "line 1"), ('"text"', 'is "text"'),
     ("[]", r"is \[\], not a set of fields"), ("null", "is null"),
     ("[" * 100_000, "no JSON that a program"), ("{}", "lacks name, title")],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused_in_plain_words(bundle, text, message):
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=message):
        read_manifest(bundle)


@pytest.mark.parametrize(
    ("size", "value", "message"),
    [
        ("width", 64, r"width 64 \(weights: 32\)"),
        ("layers", 3, r"layers 3 \(weights: 2\)"),
        ("hidden1", 10**15, "hidden1 1000000000000000"),
        ("feedforward", "24", "not whole numbers"),
        ("feedforward", True, "not whole numbers"),
        ("feedforward", -24, "not whole numbers"),
        ("heads", 5, "shared by 5 heads"),
        ("heads", 0, "not whole numbers"),
        ("dropout", 1, "dropout 1"),
    ],
)
def test_sizes_that_disagree_with_the_weights_are_refused(bundle, size, value, message):
    edit(bundle, sizes=read_manifest(bundle).sizes | {size: value})
    with pytest.raises(BundleError, match=message):
        ModelBundle.load(bundle)


def test_another_number_of_heads_is_told_by_the_manifest_alone(tmp_path):
    classifier = resolve("amps")(**(build("amps").sizes | {"heads": 4})).eval()
    manifest = manifest_for("amps", sizes=classifier.sizes)
    save_bundle(tmp_path / "amps", manifest, classifier, selfcheck=SELFCHECK)
    loaded = ModelBundle.load(tmp_path / "amps").classifier
    assert loaded(torch.zeros(1, 20, WIDTH)).attention[0].shape == (1, 4, 20, 20)


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b" " * 2_000_000])
def test_a_manifest_that_is_no_text_or_huge_is_refused(bundle, content):
    (bundle / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError, match="manifest"):
        ModelBundle.load(bundle)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything: run as another user")
def test_a_bundle_that_may_not_be_read_is_told_in_words(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(BundleError, match="cannot be read: Permission denied"):
        read_manifest(closed)
    with pytest.raises(BundleError, match="closed/models cannot be read: Permission denied"):
        find_bundles([closed / "models"])


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match="not a model bundle"):
        ModelBundle.load(tmp_path)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("dump", [pickle.dump, torch.save])
def test_weights_that_are_a_pickle_are_refused_and_run_nothing(bundle, tmp_path, dump):
    victim = tmp_path / "victim"
    with (bundle / "weights.safetensors").open("wb") as file:
        dump(Malicious(victim), file)
    rehash(bundle)
    with pytest.raises(BundleError, match="weights.safetensors of amps cannot be read"):
        ModelBundle.load(bundle)
    assert not victim.exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers_are_neither_loaded_nor_saved(bundle, tmp_path, value):
    state = load_file(bundle / "weights.safetensors")
    state["mlp_layers.0.bias"][3] = value
    save_file(state, bundle / "weights.safetensors")
    rehash(bundle)
    with pytest.raises(BundleError, match="mlp_layers.0.bias.*infinite or missing"):
        ModelBundle.load(bundle)
    classifier = build("amps")
    classifier.load_state_dict(state)
    with pytest.raises(BundleError, match="infinite or missing"):
        save_bundle(tmp_path / "new", manifest_for("amps"), classifier, selfcheck=SELFCHECK)
    assert not (tmp_path / "new").exists()


def test_surplus_missing_and_misshaped_weights_are_refused(bundle):
    state = load_file(bundle / "weights.safetensors")
    state["surplus"] = state.pop("mlp_layers.4.bias")
    save_file(state, bundle / "weights.safetensors")
    rehash(bundle)
    with pytest.raises(BundleError, match="'mlp_layers.4.bias' is missing; 'surplus' is not part of it"):
        ModelBundle.load(bundle)


def test_half_precision_weights_are_computed_in_float32(bundle):
    state = {name: tensor.half() for name, tensor in load_file(bundle / "weights.safetensors").items()}
    save_file(state, bundle / "weights.safetensors")
    rehash(bundle)
    loaded = ModelBundle.load(bundle)
    assert {parameter.dtype for parameter in loaded.classifier.parameters()} == {torch.float32}
