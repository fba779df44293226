"""Published checkpoints: read for their weights, whatever else stands in the file."""

import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_samples import SMALL, build

from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.checkpoint import read_checkpoint


def published_content(name="amps", *, prefix=""):
    """What the authors' training script saves: weights, optimiser state, metrics as numpy scalars."""
    classifier = build(name)
    optimiser = torch.optim.AdamW(classifier.parameters())
    sum(parameter.sum() for parameter in classifier.parameters()).backward()
    optimiser.step()
    return {
        "epoch": 30,
        "model_state_dict": {prefix + key: value for key, value in classifier.state_dict().items()},
        "optimizer_state_dict": optimiser.state_dict(),
        "MCC": np.float64(0.579),
        "loss": np.float32(0.4),
        "n": np.int64(2407),
        "best": np.bool_(True),
    }


@pytest.fixture
def save(tmp_path):
    def save(content, **options):
        path = tmp_path / "2.ESM2_AMPS.pth"
        torch.save(content, path, **options)
        return path

    return save


class Malicious:
    """Runs a program when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_weights_come_out_as_they_went_in(save, name, prefix, zipped):
    content = published_content(name, prefix=prefix)
    state = read_checkpoint(save(content, _use_new_zipfile_serialization=zipped), name)
    expected = {key.removeprefix(prefix): value for key, value in content["model_state_dict"].items()}
    assert list(state) == list(expected)
    for key, tensor in state.items():
        torch.testing.assert_close(tensor, expected[key], rtol=0, atol=0)
    assert resolve(name).sizes_from(state) == SMALL[name]


def test_metrics_pickled_by_the_old_numpy_are_passed_over(save, tmp_path):
    path = save(published_content())
    with zipfile.ZipFile(path) as archive:
        records = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    name = next(name for name in records if name.endswith("data.pkl"))
    assert b"numpy._core.multiarray" in records[name]
    records[name] = records[name].replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for filename, content in records.items():
            archive.writestr(filename, content)
    assert set(read_checkpoint(path, "amps")) == set(published_content()["model_state_dict"])


def test_a_bare_state_dict_is_a_checkpoint_too(save):
    state = published_content()["model_state_dict"]
    assert list(read_checkpoint(save(state), "amps")) == list(state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_precision_become_float32(save, dtype):
    state = {key: value.to(dtype) for key, value in published_content()["model_state_dict"].items()}
    assert {tensor.dtype for tensor in read_checkpoint(save(state), "amps").values()} == {torch.float32}


def test_the_file_can_be_removed_while_its_weights_are_in_use(save):
    content = published_content()
    path = save(content)
    state = read_checkpoint(path, "amps")
    path.write_bytes(b"\xff" * path.stat().st_size)
    for key, tensor in state.items():
        torch.testing.assert_close(tensor, content["model_state_dict"][key], rtol=0, atol=0)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_file_that_would_run_a_program_is_refused_and_runs_nothing(save, tmp_path, zipped):
    victim = tmp_path / "victim"
    content = published_content() | {"MCC": Malicious(victim)}
    path = save(content, _use_new_zipfile_serialization=zipped)
    torch.load(path, weights_only=False)
    assert victim.exists(), "the file is harmless: this test shows nothing"
    victim.unlink()
    with pytest.raises(BundleError, match=r"asks for (posix|nt)\.system"):
        read_checkpoint(path, "amps")
    assert not victim.exists()


def test_numpys_own_functions_are_not_called(save, monkeypatch):
    path = save(published_content())
    monkeypatch.setattr(np._core.multiarray, "scalar", lambda *args: pytest.fail("numpy was called"))
    read_checkpoint(path, "amps")


def test_what_is_allowed_here_is_allowed_nowhere_else(save):
    path = save(published_content())
    read_checkpoint(path, "amps")
    with pytest.raises(pickle.UnpicklingError, match="multiarray.scalar"):
        torch.load(path, weights_only=True)


def test_a_whole_pickled_network_is_refused_by_its_class(save):
    with pytest.raises(BundleError, match=r"asks for esm2amp_core\.models\.amp\.Amps"):
        read_checkpoint(save(build("amps")), "amps")


def test_a_numpy_array_is_more_than_a_checkpoint_needs(save):
    with pytest.raises(BundleError, match=r"asks for numpy\.\w+\.multiarray\._reconstruct"):
        read_checkpoint(save(published_content() | {"curve": np.zeros(3)}), "amps")


def test_weights_of_another_architecture_are_refused_and_the_right_one_is_named(save):
    path = save(published_content("gru"))
    with pytest.raises(BundleError, match="does not hold amps.*It fits gru"):
        read_checkpoint(path, "amps")


def test_every_name_that_is_wrong_is_listed(save):
    content = published_content()
    state = content["model_state_dict"]
    state["extra.weight"] = torch.zeros(2)
    del state["mlp_layers.2.bias"], state["transformer_encoder.layers.1.norm2.weight"]
    with pytest.raises(BundleError) as caught:
        read_checkpoint(save(content), "amps")
    assert sorted(detail.split("'")[1] for detail in caught.value.details) == [
        "extra.weight", "mlp_layers.2.bias", "transformer_encoder.layers.1.norm2.weight"
    ]  # fmt: skip


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(save, value):
    content = published_content()
    content["model_state_dict"]["mlp_layers.2.bias"][1] = value
    with pytest.raises(BundleError, match="mlp_layers.2.bias.*infinite or missing"):
        read_checkpoint(save(content), "amps")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "no 'model_state_dict'"),
        ({}, "no 'model_state_dict'"),
        ({"model_state_dict": {}}, "no 'model_state_dict'"),
        ({"model_state_dict": {"a": 1}}, "a are something else"),
        ({"model_state_dict": {3: torch.zeros(1)}}, "3 are something else"),
        ({"model_state_dict": {"a": torch.zeros(2, 2).to_sparse()}}, "a are something else"),
        ({"model_state_dict": {"mlp_layers.0.weight": torch.zeros(2, 2)}}, "does not hold amps"),
    ],
)
def test_content_that_is_no_table_of_weights_is_refused(save, content, message):
    with pytest.raises(BundleError, match=message):
        read_checkpoint(save(content), "amps")


def test_whole_numbers_are_no_weights(save):
    state = {key: value.to(torch.int64) for key, value in published_content()["model_state_dict"].items()}
    with pytest.raises(BundleError, match="int64, not real numbers"):
        read_checkpoint(save(state), "amps")


def test_a_small_file_cannot_claim_large_weights(save):
    content = published_content("mean")
    content["model_state_dict"]["mlp_layers.0.weight"] = torch.zeros(1, 1).expand(100_000, 100_000)
    path = save(content)
    assert path.stat().st_size < 100_000
    with pytest.raises(BundleError, match="claims more weights than it holds"):
        read_checkpoint(path, "mean")


def test_an_archive_that_could_expand_without_limit_is_refused(save, tmp_path):
    path = save(published_content())
    packed = tmp_path / "packed.pth"
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    with pytest.raises(BundleError, match="compressed archive"):
        read_checkpoint(packed, "amps")


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr("esm2amp_core.models.checkpoint.MAX_BYTES", 1024)
    path = tmp_path / "huge.pth"
    path.write_bytes(bytes(1025))
    with pytest.raises(BundleError, match="smaller than"):
        read_checkpoint(path, "amps")


def test_a_zip_with_a_checkpoint_inside_says_unpack(save, tmp_path):
    path = save(published_content())
    archive = tmp_path / "5.models.pth"
    with zipfile.ZipFile(archive, "w") as target:
        target.write(path, "ESM2_AMPS_B.pth")
    with pytest.raises(BundleError, match="Unpack it"):
        read_checkpoint(archive, "amps")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a checkpoint"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"\n <html>", "web page"),
        (b"protein_a,protein_b\nP1,P2\n", "not a checkpoint"),
        (bytes(range(256)) * 40, "not a checkpoint"),
        (b"\x80\x04\x95", "not a checkpoint"),
        (b"PK\x03\x04" + bytes(100), "not a checkpoint"),
        (b"cbuiltins\neval\n(S'1'\ntR.", "asks for eval"),
        (pickle.dumps({"model_state_dict": {}}, protocol=2), "not a checkpoint"),
    ],
)
def test_files_that_are_no_checkpoints_are_refused_in_plain_words(tmp_path, content, message):
    path = tmp_path / "file.pth"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=message):
        read_checkpoint(path, "amps")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(BundleError, match="There is no file"):
            read_checkpoint(path, "amps")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_checkpoint_is_refused_or_gives_the_same_weights(tmp_path, zipped, data):
    path = tmp_path / "damaged.pth"
    whole = published_content("mean")
    torch.save(whole, path, _use_new_zipfile_serialization=zipped)
    content = bytearray(path.read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[position] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    try:
        state = read_checkpoint(path, "mean")
    except BundleError as error:
        assert "\n" not in str(error)
    else:
        assert resolve("mean").sizes_from(state) == SMALL["mean"]
        if zipped:  # the older format has no sums to tell
            for key, tensor in state.items():
                torch.testing.assert_close(tensor, whole["model_state_dict"][key], rtol=0, atol=0)
