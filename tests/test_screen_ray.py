"""The same screen over a Ray cluster of several nodes, one of which is killed while it works."""

import pickle
import socket
import sys
import time
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from ray_samples import kill_node, small_cluster
from screen_samples import sequences, write_fasta
from tiny import make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core import __version__
from esm2amp_core.cluster import embedding
from esm2amp_core.cluster.actor import Actor
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.errors import BundleError, UserError
from esm2amp_core.predictor import Predictor
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.screening.parts import PartStore
from esm2amp_core.screening.ray_engine import RayEngine, load_predictor
from esm2amp_core.screening.running import run_screen
from esm2amp_core.settings import Settings

OPTIONS = ScreenOptions(block_pairs=40, top=25, top_partners=3)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ray")
    make_bundle(folder / "models" / "starter", make_encoder(folder / "encoder", width=WIDTH))
    return Settings(workspace=folder / "workspace", models=folder / "models", device="cpu",
                    precision="float32")


@pytest.fixture(scope="module")
def predictor(home):
    return Predictor.load("starter", settings=home, cache=FeatureCache(home.workspace / "cache.sqlite", 0))


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return read_screen(write_fasta(tmp_path_factory.mktemp("all") / "all.fasta", sequences(40)))


@pytest.fixture(scope="module")
def local(predictor, everything, tmp_path_factory):
    return run_screen(predictor, everything, tmp_path_factory.mktemp("local") / "s", options=OPTIONS)


@pytest.fixture
def cluster():
    with small_cluster() as made_and_nodes:
        yield made_and_nodes


def same_scores(one, other):
    """Both have the same pairs in the same parts, each once, and the same scores."""
    for left, right in zip(one.parts(), other.parts(), strict=True):
        for name in ("protein_a", "protein_b"):
            assert left[name].to_pylist() == right[name].to_pylist()
        # How a processor splits a sum may depend on how many threads it has.
        assert_allclose(left["logit"].to_numpy(), right["logit"].to_numpy(), atol=1e-5)
    assert_array_equal(np.sort(one.hits["rank_by_score"]), np.sort(other.hits["rank_by_score"]))


def test_a_killed_node_loses_no_block_and_repeats_none(home, predictor, everything, local, cluster, tmp_path,
                                                       monkeypatch):
    made, nodes = cluster
    kept, embedded = [], []
    add, put = PartStore.add, FeatureCache.put

    def add_and_kill(store, block, scores):
        if len(kept) == 4:
            kill_node(made, nodes)
        kept.append(block.number)
        time.sleep(0.02)  # so that both nodes have work when one goes
        add(store, block, scores)

    monkeypatch.setattr(PartStore, "add", add_and_kill)
    monkeypatch.setattr(FeatureCache, "put", lambda cache, some: embedded.extend(some) or put(cache, some))
    monkeypatch.setattr(embedding, "TOKEN_BUDGETS", {"cpu": 100})
    on_cluster = Settings(workspace=home.workspace, models=home.models, device="cpu", precision="float32",
                          ray_address=made.address)
    screen = run_screen(predictor, everything, tmp_path / "s", options=OPTIONS,
                        engine=partial(RayEngine, settings=on_cluster))
    same_scores(screen, local)
    assert sorted(kept) == list(range(len(screen.manifest["parts"]))) and len(kept) > 10
    assert len(embedded) == len(set(embedded)) == 40  # each protein embedded there and kept here, once
    assert len(nodes) == 1


def test_an_actor_refuses_another_model_or_program_and_names_its_machine(home, predictor):
    folder, digest = str(predictor.bundle.folder), predictor.bundle.digest

    def load(folder, digest, version=__version__):
        how = partial(load_predictor, folder, digest, home, "cpu", "float32")
        Actor().load(version, pickle.dumps(how))

    load(folder, digest)
    with pytest.raises(UserError, match="On .*, esm2amp is .*; the command that asks is 0.0.1"):
        load(folder, digest, "0.0.1")
    with pytest.raises(BundleError, match="On .*holds another model"):
        load(folder, "0" * 64)
    with pytest.raises(BundleError, match=f"On {socket.gethostname()}: "):
        load("/nowhere", digest)


def test_a_cluster_that_does_not_answer_is_told(home, predictor, everything, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-ray.txt")
    nowhere = Settings(workspace=home.workspace, models=home.models, ray_address="127.0.0.1:1")
    with pytest.raises(UserError, match="The Ray cluster at 127.0.0.1:1 cannot be reached"):
        run_screen(predictor, everything, tmp_path / "s", engine=partial(RayEngine, settings=nowhere))


def test_without_ray_the_remedy_is_told(home, predictor, everything, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="Ray is not installed. .*requirements-ray.txt"):
        run_screen(predictor, everything, tmp_path / "s", engine=partial(RayEngine, settings=home))
