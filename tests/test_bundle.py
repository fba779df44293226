"""Bundles: what is saved is what is loaded, and nothing else is."""

import json
import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from model_samples import ORDERED, SYMMETRIC, WIDTH, build, proteins_for, score_pairs
from safetensors.torch import load_file, save_file
from tiny import UBIQUITIN

from esm2amp_core.bundles import EncoderRef, Manifest, bundle_digest, file_digest, find_bundles, read_manifest
from esm2amp_core.calibration import Calibration
from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.operating import OperatingCurve
from esm2amp_core.reference import TrainingReference
from esm2amp_core.sequences import Protein

SELFCHECK = {"tolerance": 1e-3, "cases": [{"sequence_a": "A" * 10, "sequence_b": "C" * 10, "logit": 0.0}]}


def manifest_for(name, **changes):
    classifier = resolve(name)
    values = {
        "name": name,
        "title": f"A small {name}",
        "architecture": name,
        "sizes": build(name).sizes,
        "feature_set": classifier.feature_set,
        "encoder": EncoderRef(id="lab/esm2_tiny", width=WIDTH),
    }
    return Manifest(**{**values, **changes})


@pytest.fixture
def encoder_folder(tmp_path):
    """Files as a language model has them, with a pickle and a program that must stay behind."""
    folder = tmp_path / "esm2_tiny"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "esm"}')
    (folder / "vocab.txt").write_text("<cls>\n")
    save_file({"weight": torch.ones(2)}, folder / "model.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    return folder


@pytest.fixture
def bundle(tmp_path, encoder_folder):
    """Folder of a saved amps bundle with its encoder."""
    folder = tmp_path / "models" / "amps"
    manifest = manifest_for("amps")
    save_bundle(folder, manifest, build("amps"), encoder_folder=encoder_folder, selfcheck=SELFCHECK)
    return folder


def edit(folder, **changes):
    """Change fields of the manifest as a text editor would."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rehash(folder):
    """Write the checksums of the files as they are now."""
    checksums = read_manifest(folder).checksums
    edit(folder, checksums={name: file_digest(folder / name) for name in checksums})


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_loaded_bundle_scores_as_the_saved_one(tmp_path, name):
    classifier = build(name)
    saved = save_bundle(tmp_path / name, manifest_for(name), classifier, selfcheck=SELFCHECK)
    loaded = ModelBundle.load(tmp_path / name)
    a, b = proteins_for(classifier)
    fresh = ModelBundle.in_memory(saved, classifier)
    for there, here in zip(loaded.logits(a, b), fresh.logits(a, b), strict=True):
        np.testing.assert_array_equal(there, here)
    assert loaded.manifest == saved == read_manifest(tmp_path / name)
    assert loaded.digest == bundle_digest(tmp_path / name)
    assert not loaded.classifier.training


def test_saving_fills_in_checksums_versions_and_the_place_of_the_encoder(bundle):
    manifest = read_manifest(bundle)
    assert manifest.checksums == {
        path.relative_to(bundle).as_posix(): file_digest(path)
        for path in bundle.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert set(manifest.checksums) == {
        "weights.safetensors", "selfcheck.json",
        "encoder/config.json", "encoder/vocab.txt", "encoder/model.safetensors",
    }  # fmt: skip
    assert manifest.versions["torch"] == torch.__version__
    assert manifest.encoder.folder == "encoder"
    assert json.loads((bundle / "selfcheck.json").read_text()) == SELFCHECK


@pytest.mark.parametrize("name", SYMMETRIC)
def test_symmetric_classifiers_have_no_order_difference(name):
    bundle = ModelBundle.in_memory(manifest_for(name), build(name))
    logits, difference = bundle.logits(*proteins_for(bundle.classifier))
    np.testing.assert_array_equal(logits, score_pairs(bundle.classifier, *proteins_for(bundle.classifier))[0])
    np.testing.assert_array_equal(difference, 0)


@pytest.mark.parametrize("name", ORDERED)
def test_ordered_classifiers_give_the_mean_logit_and_the_difference_in_probability(name):
    bundle = ModelBundle.in_memory(manifest_for(name, temperature=0.5), build(name))
    a, b = proteins_for(bundle.classifier)
    with torch.inference_mode():
        forward, backward = (
            bundle.classifier(torch.from_numpy(np.concatenate(pair, axis=1))).logits.double().numpy()
            for pair in ((a, b), (b, a))
        )
    logits, difference = bundle.logits(a, b)
    np.testing.assert_allclose(logits, (forward + backward) / 2, atol=1e-6)
    expected = 1 / (1 + np.exp(-2 * forward)) - 1 / (1 + np.exp(-2 * backward))
    np.testing.assert_allclose(difference, np.abs(expected), atol=1e-6)
    assert difference.max() > 1e-3
    for there, back in zip(bundle.logits(a, b), bundle.logits(b, a), strict=True):
        np.testing.assert_array_equal(there, back)


def test_the_temperature_turns_logits_into_probabilities():
    bundle = ModelBundle.in_memory(manifest_for("mean", temperature=2.0), build("mean"))
    probabilities = bundle.probabilities(np.array([0.0, 2.0, -2.0, np.nan]))
    np.testing.assert_allclose(probabilities, [0.5, 0.7310585786, 0.2689414214, np.nan])


def test_the_stored_calibrator_takes_the_place_of_the_temperature():
    calibration = Calibration(method="isotonic", knot_logits=(-1.0, 1.0), knot_probabilities=(0.3, 0.6))
    manifest = manifest_for("mean", temperature=2.0, calibrator=calibration.to_dict())
    bundle = ModelBundle.in_memory(manifest, build("mean"))
    logits = np.array([-1.0, 1.0, 3.0, np.nan])
    np.testing.assert_array_equal(bundle.probabilities(logits), calibration.probabilities(logits))
    np.testing.assert_allclose(bundle.probabilities(logits)[:2], [0.3, 0.6])


def test_extra_files_lie_in_the_bundle_and_are_checked_like_the_others(tmp_path):
    reference = TrainingReference.of([Protein("UBI", UBIQUITIN)])
    (tmp_path / "curves.csv").write_text("epoch,loss\n")
    curve = OperatingCurve.from_scores(np.array([0, 1]), np.array([0.2, 0.7]), "two pairs").to_dict()
    manifest = manifest_for("mean", operating_curve=curve)
    folder = tmp_path / "mean"
    saved = save_bundle(folder, manifest, build("mean"), selfcheck=SELFCHECK, extras={
        "training_proteins.npz": reference.to_bytes(), "training_curves.csv": tmp_path / "curves.csv",
        "reports/test/report.json": b"{}",
    })  # fmt: skip
    loaded = ModelBundle.load(folder)
    assert loaded.manifest == saved
    assert loaded.manifest.operating.measured_on == "two pairs"
    assert loaded.reference().seen(Protein("x", UBIQUITIN))
    assert (folder / "training_curves.csv").read_text() == "epoch,loss\n"
    (folder / "reports" / "test" / "report.json").write_text("[]")
    with pytest.raises(BundleError, match="damaged: reports/test/report.json"):
        ModelBundle.load(folder)


@pytest.mark.parametrize(
    "name",
    ["manifest.json", "weights.safetensors", "selfcheck.json", "encoder/config.json", "../out.txt", "/x.txt"],
)
def test_an_extra_file_takes_no_other_files_place(tmp_path, name):
    with pytest.raises(BundleError, match="place of another|outside the bundle"):
        save_bundle(tmp_path / "mean", manifest_for("mean"), build("mean"), selfcheck=SELFCHECK,
                    extras={name: b""})
    assert not list(tmp_path.iterdir())


def test_a_bundle_from_before_calibrators_and_references_is_what_it_was(bundle):
    text = (bundle / "manifest.json").read_text()
    assert "calibrator" not in text and "operating_curve" not in text
    loaded = ModelBundle.load(bundle)
    assert loaded.reference() is None and loaded.manifest.operating is None
    assert loaded.manifest.calibrated.temperature == loaded.manifest.temperature
    assert loaded.manifest.to_json() == text


@pytest.mark.parametrize("shape", [(3, 9, WIDTH), (3, 10, WIDTH + 1), (2, 10, WIDTH)])
def test_features_of_another_shape_are_a_mistake(shape):
    bundle = ModelBundle.in_memory(manifest_for("mean"), build("mean"))
    with pytest.raises(ValueError, match="do not fit"):
        bundle.logits(np.zeros((3, 10, WIDTH), np.float32), np.zeros(shape, np.float32))


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


def test_an_existing_bundle_is_not_overwritten_unless_asked(bundle):
    before = bundle_digest(bundle)
    other = build("amps", seed=9)
    with pytest.raises(BundleError, match="exists already"):
        save_bundle(bundle, manifest_for("amps"), other, selfcheck=SELFCHECK)
    assert bundle_digest(bundle) == before
    save_bundle(bundle, manifest_for("amps"), other, selfcheck=SELFCHECK, replace_existing=True)
    assert bundle_digest(bundle) != before
    ModelBundle.load(bundle)
    assert [path.name for path in bundle.parent.iterdir()] == ["amps"]


@pytest.mark.parametrize("existing", [False, True])
def test_a_failed_save_leaves_no_trace(bundle, tmp_path, existing):
    folder = bundle if existing else tmp_path / "models" / "new"
    before = {path: path.read_bytes() for path in bundle.parent.rglob("*") if path.is_file()}
    no_encoder = tmp_path / "empty"
    no_encoder.mkdir()
    with pytest.raises(BundleError, match="not a language model"):
        save_bundle(
            folder, manifest_for("amps"), build("amps"),
            encoder_folder=no_encoder, selfcheck=SELFCHECK, replace_existing=existing,
        )  # fmt: skip
    assert {path: path.read_bytes() for path in bundle.parent.rglob("*") if path.is_file()} == before


def test_a_rename_that_fails_puts_the_old_bundle_back(bundle, monkeypatch):
    before = bundle_digest(bundle)
    original = type(bundle).rename

    def rename(path, target):
        if path.name.endswith(".part"):
            raise PermissionError("in use")
        return original(path, target)

    monkeypatch.setattr(type(bundle), "rename", rename)
    other = build("amps", seed=9)
    with pytest.raises(BundleError, match="cannot be written: in use"):
        save_bundle(bundle, manifest_for("amps"), other, selfcheck=SELFCHECK, replace_existing=True)
    assert bundle_digest(bundle) == before
    assert [path.name for path in bundle.parent.iterdir()] == ["amps"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BundleError, match="file/amps cannot be written"):
        save_bundle(tmp_path / "file" / "amps", manifest_for("amps"), build("amps"), selfcheck=SELFCHECK)


def test_half_written_bundles_are_not_listed(bundle):
    shutil.copytree(bundle, bundle.with_name(".amps.1234.part"))
    assert list(find_bundles([bundle.parent])) == ["amps"]


def test_a_manifest_of_another_classifier_is_not_saved(tmp_path):
    manifest = manifest_for("amps", sizes={"width": 32})
    with pytest.raises(BundleError, match="disagree"):
        save_bundle(tmp_path / "x", manifest, build("amps"), selfcheck=SELFCHECK)
    with pytest.raises(BundleError, match="disagree"):
        ModelBundle.in_memory(manifest_for("mean"), build("amps"))
    assert not list(tmp_path.iterdir())
