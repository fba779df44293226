"""Bundles: what is saved is what is loaded, and nothing else is."""

import json
import shutil

import numpy as np
import pytest
import torch
from bundle_samples import SELFCHECK, make_encoder_folder, manifest_for, save_amps
from model_samples import ORDERED, SYMMETRIC, WIDTH, build, proteins_for, score_pairs
from tiny import UBIQUITIN

from esm2amp_core.bundles import bundle_digest, file_digest, find_bundles, read_manifest
from esm2amp_core.calibration import Calibration
from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES
from esm2amp_core.models.bundle import ModelBundle, save_bundle
from esm2amp_core.operating import OperatingCurve
from esm2amp_core.reference import TrainingReference
from esm2amp_core.sequences import Protein


@pytest.fixture
def encoder_folder(tmp_path):
    return make_encoder_folder(tmp_path / "esm2_tiny")


@pytest.fixture
def bundle(tmp_path, encoder_folder):
    return save_amps(tmp_path / "models" / "amps", encoder_folder)


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


def test_a_bundle_that_finds_no_room_is_told_in_words(tmp_path, file_size_limit):
    with file_size_limit(2_000), pytest.raises(BundleError, match="amps cannot be written: File too large"):
        save_bundle(tmp_path / "amps", manifest_for("amps"), build("amps"), selfcheck=SELFCHECK)
    assert not list(tmp_path.iterdir())


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
