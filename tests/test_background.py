"""The background of a bundle: which proteins, which numbers, and what a damaged file is told as."""

import io

import numpy as np
import pytest
from explain_samples import make_manifest, make_subject
from tiny_bundle import make_bundle, make_classifier

from esm2amp_core.background import MOST_PROTEINS, Background
from esm2amp_core.bundles import BACKGROUND
from esm2amp_core.errors import BundleError
from esm2amp_core.models.bundle import ModelBundle, save_bundle

TOKENS = tuple(f"segment{i}" for i in range(10))


def some(count, width=16, tokens=TOKENS, seed=0):
    return Background.of(tokens, np.random.default_rng(seed).normal(size=(count, len(tokens), width)))


def array_file(array):
    """A file of one array where one of several is asked for."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_the_mean_is_that_of_its_proteins_token_by_token():
    values = np.zeros((4, 10, 3), np.float32)
    values[:, 2, 1] = [1, 2, 3, 6]
    mean = Background.of(TOKENS, values).mean
    assert (mean.shape, mean[2, 1], np.count_nonzero(mean)) == ((10, 3), 3.0, 1)


def test_few_proteins_are_all_kept_and_of_many_as_many_as_allowed():
    assert len(some(3).values) == 3
    values = np.arange(500.0).reshape(500, 1, 1)
    kept = Background.of(("mean",), values).values.ravel()
    assert len(kept) == len(set(kept)) == MOST_PROTEINS and (np.diff(kept) > 0).all()
    np.testing.assert_array_equal(kept, Background.of(("mean",), values).values.ravel())
    assert set(kept) != set(Background.of(("mean",), values, seed=1).values.ravel())
    assert abs(kept.mean() - 249.5) < 5 * 144 / np.sqrt(MOST_PROTEINS)  # from all over, not the first ones


def test_values_that_do_not_fit_the_tokens_are_refused():
    for shape in ((3, 9, 4), (0, 10, 4), (3, 10)):
        with pytest.raises(ValueError, match="do not fit 10 tokens"):
            Background(TOKENS, np.zeros(shape))


def test_a_file_gives_back_tokens_and_values_to_eleven_bits(tmp_path):
    background = some(20)
    (tmp_path / "b.npz").write_bytes(background.to_bytes())
    read = Background.load(tmp_path / "b.npz")
    assert read.tokens == TOKENS and read.values.dtype == np.float32
    np.testing.assert_allclose(read.values, background.values, rtol=2**-11, atol=1e-7)


@pytest.mark.parametrize("damage", [
    lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"not an archive",
    lambda data: data[:200] + bytes(50) + data[250:],
    lambda data: data[:2000] + b"\xff" * 50 + data[2050:],  # not what was compressed
    lambda data: data.replace(b"\x08\x00", b"\x63\x00"),  # compressed in a way that nobody knows
    lambda data: array_file(np.zeros(3)),
])  # fmt: skip
def test_a_damaged_file_is_told_by_name(tmp_path, damage):
    path = tmp_path / "background.npz"
    path.write_bytes(damage(some(20).to_bytes()))
    with pytest.raises(BundleError, match=r"background\.npz cannot be read") as caught:
        Background.load(path)
    assert caught.value.hint


def test_values_that_are_not_numbers_are_refused(tmp_path):
    background = some(2)
    background.values[1, 3, 5] = np.inf
    (tmp_path / "b.npz").write_bytes(background.to_bytes())
    with pytest.raises(BundleError, match="a value is not a number"):
        Background.load(tmp_path / "b.npz")


def test_a_bundle_keeps_its_background(tmp_path, tiny_encoder):
    background = some(5)
    folder = make_bundle(tmp_path / "with", tiny_encoder, extras={BACKGROUND: background.to_bytes()})
    bundle = ModelBundle.load(folder)
    np.testing.assert_allclose(bundle.background().values, background.values, rtol=1e-3, atol=1e-6)
    assert ModelBundle.load(make_bundle(tmp_path / "without", tiny_encoder)).background() is None
    assert make_subject().bundle.background() is None  # never saved


@pytest.mark.parametrize("other", [some(3, width=8), some(3, tokens=("cls", "eos", *TOKENS))])
def test_a_background_of_other_features_is_refused(tmp_path, other):
    classifier = make_classifier("amps")
    save_bundle(tmp_path / "mixed", make_manifest("amps", classifier), classifier, selfcheck={},
                extras={BACKGROUND: other.to_bytes()})
    with pytest.raises(BundleError, match="belongs to another model"):
        ModelBundle.load(tmp_path / "mixed").background()
