"""Fixtures that several test files share. Heavy imports wait for the fixture that needs them."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

# Tiny models gain nothing from threads, and threads that wait for each other cost much on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a real ESM-2 model of 2 layers, width 16, 2 heads, with random weights."""
    from tiny import make_encoder

    return make_encoder(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def embedder(tiny_encoder: Path):
    """The tiny model, loaded on the CPU in float32. Shared: change nothing in it."""
    from esm2amp_core.embed.esm2 import Esm2Embedder

    return Esm2Embedder.load(tiny_encoder, device="cpu", precision="float32")


@pytest.fixture
def encoder_copy(tiny_encoder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model's folder that a test may damage."""
    return Path(shutil.copytree(tiny_encoder, tmp_path / "copy"))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of models with a tiny one, called ``starter``."""
    from page_samples import make_starter

    return make_starter(tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def workspace(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The workspace that the pages open too, with these models."""
    from page_visits import open_workspace

    return open_workspace(models, tmp_path, monkeypatch)


@pytest.fixture
def jobs(tmp_path: Path):
    """The jobs of a new workspace."""
    from esm2amp_core.settings import Settings
    from esm2amp_core.workspace import Workspace

    return Workspace.open(Settings(workspace=tmp_path)).jobs


@pytest.fixture
def file_size_limit():
    """A block in which this process writes no file beyond so many bytes, as on a full disk.

    No longer than needed: what the tests themselves report may go into a larger file.
    """
    resource = pytest.importorskip("resource", reason="this system limits no file sizes")

    @contextmanager
    def limited(n_bytes):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited
