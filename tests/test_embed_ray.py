"""Embedding over a Ray cluster of several nodes: the same bits as on one machine, whatever happens there."""

import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from ray_samples import NODE, kill_node, small_cluster
from screen_samples import sequences, write_fasta

from esm2amp_core.cli.main import main
from esm2amp_core.cluster import connection, embedding
from esm2amp_core.cluster.dispatch import Dispatch
from esm2amp_core.cluster.embedding import ClusterEncoder, embed_batch, embed_on_cluster, spread_proteins
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.pooled import STAGE, embed_pooled
from esm2amp_core.errors import EncoderError, UserError
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings

BUDGET = 40
PROTEINS = [Protein(name, sequence) for name, sequence in sequences(40).items()]
TOO_LONG = Protein("giant", "MKV" * 30)


@pytest.fixture(scope="module")
def cluster():
    with small_cluster() as made_and_nodes:
        yield made_and_nodes


@pytest.fixture
def settings(cluster):
    return Settings(ray_address=cluster[0].address, device="cpu", max_residues=50)


@pytest.fixture
def esm2amp(tiny_encoder, tmp_path, monkeypatch, capsys):
    """Run ``esm2amp embed`` where no bundle is, only an encoder: exit code and what it said."""
    monkeypatch.setenv("ESM2AMP_MODELS", str(tmp_path / "none"))
    monkeypatch.setenv("ESM2AMP_MAX_RESIDUES", "50")
    monkeypatch.chdir(tmp_path)
    write_fasta("all.fasta", {protein.id: protein.sequence for protein in [*PROTEINS, TOO_LONG]})
    shutil.copytree(tiny_encoder, "encoder")

    def run(*arguments):
        monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "of" / arguments[0]))  # a cache of its own
        command = "esm2amp embed all.fasta --encoder encoder -o".split()
        monkeypatch.setattr(sys, "argv", [*command, *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code or 0, capsys.readouterr().err

    return run


@pytest.fixture
def small_batches(monkeypatch):
    """Batches of one or two proteins, so that many tasks are under way."""
    monkeypatch.setattr(embedding, "TOKEN_BUDGETS", {"cpu": BUDGET})


@pytest.fixture
def local(tiny_encoder):
    """Embed here, in the same batches."""
    embedder = Esm2Embedder.load(tiny_encoder, device="cpu", precision="float32", max_residues=50)
    embedder.token_budget = BUDGET
    return partial(embed_pooled, embedder=embedder)


def test_the_command_gives_the_file_of_the_local_engine(cluster, esm2amp):
    on_cluster = ["--engine", "ray", "--ray-address", cluster[0].address]
    for output, engine in (("local.npz", []), ("ray.npz", on_cluster)):
        code, said = esm2amp(output, *engine)
        assert code == 3 and "giant: It has 90 residues; at most 50" in said
    assert Path("local.npz").read_bytes() == Path("ray.npz").read_bytes()
    assert len(np.load("ray.npz")["ids"]) == 40


@pytest.mark.parametrize(("arguments", "words"), [
    (["--engine", "spark"], "no engine 'spark'. Choose local or ray"),
    (["--ray-address", "head:6379"], "Add --engine ray"),
    (["--engine", "ray"], "Ray is not installed. Install it with `pip install -r requirements-ray.txt`"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_with_a_remedy(esm2amp, arguments, words, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, said = esm2amp("out.npz", *arguments)
    assert code == 2 and words in said and len(said.splitlines()) == 1
    assert not Path("out.npz").exists()


def test_tasks_are_the_batches_of_one_machine(local, embedder, small_batches, monkeypatch):
    class Here:
        device = "cpu"

        def spread(self, function, items, arguments, tick):
            return ((item, function(embedder, *arguments(item))) for item in reversed(list(items)))

    computed, compute = [], Esm2Embedder._compute
    monkeypatch.setattr(Esm2Embedder, "_compute", lambda *of: computed.append(of[1]) or compute(*of))
    expected, _ = local(PROTEINS)
    batches = computed[::-1]
    computed.clear()
    pool = partial(spread_proteins, Here(), embed_batch, 50)
    features, _ = embed_pooled(PROTEINS[::-1], embedder, pool=pool)
    assert computed == batches and 10 < len(batches) < 40
    assert_array_equal(features.values, expected.values[::-1])


def test_a_killed_node_loses_no_protein_and_what_the_cache_has_is_not_asked_for(
    cluster, settings, small_batches, local, tiny_encoder, tmp_path, monkeypatch
):
    made, nodes = cluster
    cache = FeatureCache(tmp_path / "cache.sqlite", 10)
    local(PROTEINS[10:20], cache=cache)
    # In the same batches as there: those of what the cache does not have.
    expected, _ = local(PROTEINS, cache=FeatureCache(shutil.copy(cache.path, tmp_path / "copy.sqlite"), 10))
    kept, replaced, told = [], [], []
    put, welcome, replace_ = FeatureCache.put, Dispatch._welcome, Dispatch._replace

    def wait_for_all(dispatch, *actor):
        if not dispatch._idle:  # the first is there: so that both have work, the other is waited for
            dispatch._ray.wait(list(dispatch._starting), num_returns=len(dispatch._starting))
        welcome(dispatch, *actor)

    def kill(stage, done, total):
        if told and done > told[0][1] and len(nodes) == 2:
            kill_node(made, nodes)
        told.append((stage, done, total))

    monkeypatch.setattr(FeatureCache, "put", lambda to, some: kept.extend(some) or put(to, some))
    monkeypatch.setattr(Dispatch, "_welcome", wait_for_all)
    monkeypatch.setattr(Dispatch, "_replace", lambda *actor: replaced.append(1) or replace_(*actor))
    features, failures = embed_on_cluster([*PROTEINS, TOO_LONG], tiny_encoder, settings=settings, cache=cache,
                                          report=kill)  # fmt: skip
    nodes.append(made.add_node(**NODE))
    assert replaced and len(kept) == len(set(kept)) == 30  # those that it did not have, each once
    assert list(failures) == [TOO_LONG.digest] and "90 residues; at most 50" in failures[TOO_LONG.digest]
    assert features.digests == expected.digests
    assert_array_equal(features.values, expected.values)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[0][1] == sum(len(protein.sequence) for protein in PROTEINS[10:20])
    assert told[-1] == (STAGE, told[-1][2], told[-1][2])


def test_stopping_while_actors_start_leaves_the_cluster(settings, tiny_encoder):
    told = []

    def stop(*at):
        told.append(at)
        if len(told) == 2:  # the first is before anything is asked for
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_on_cluster(PROTEINS, tiny_encoder, settings=settings, report=stop)
    assert told[1][1] == 0 and not sys.modules["ray"].is_initialized()


def test_what_the_cache_has_asks_no_actor(settings, tiny_encoder, tmp_path, monkeypatch):
    cache = FeatureCache(tmp_path / "cache.sqlite", 10)
    here = Esm2Embedder.load(tiny_encoder, device="cpu", precision="float32")
    expected, _ = embed_pooled(PROTEINS, here, cache=cache)
    monkeypatch.setattr(connection.Cluster, "actor", lambda cluster: pytest.fail("an actor was asked for"))
    features, failures = embed_on_cluster(PROTEINS, tiny_encoder, settings=settings, cache=cache)
    assert features.digests == expected.digests and failures == {}
    assert_array_equal(features.values, expected.values)


def test_a_machine_with_another_encoder_is_named(settings, tiny_encoder, monkeypatch):
    find = ClusterEncoder.find
    monkeypatch.setattr(ClusterEncoder, "find", lambda *asked: replace(find(*asked), revision="0" * 64))
    with pytest.raises(EncoderError, match=f"On .*: {tiny_encoder} has revision .*, not 0000"):
        embed_on_cluster(PROTEINS, tiny_encoder, settings=settings)


def test_a_machine_without_this_program_is_told(settings, tiny_encoder, monkeypatch):
    here_only = ModuleType("here_only")
    exec("class Actor:\n    def load(self, version, how): ...", here_only.__dict__)
    monkeypatch.setitem(sys.modules, "here_only", here_only)
    monkeypatch.setattr(connection, "Actor", here_only.Actor)
    with pytest.raises(UserError, match="cannot run esm2amp .*: ModuleNotFoundError: .*here_only.*same"):
        embed_on_cluster(PROTEINS, tiny_encoder, settings=settings)


def test_a_cluster_without_graphics_cards_refuses_them(settings, tiny_encoder):
    with pytest.raises(UserError, match="The Ray cluster has no cuda device. Choose auto or cpu"):
        embed_on_cluster(PROTEINS, tiny_encoder, settings=replace(settings, device="cuda"))
    assert not sys.modules["ray"].is_initialized()


def test_a_cluster_that_does_not_answer_is_told(settings, tiny_encoder):
    nowhere = replace(settings, ray_address="127.0.0.1:1")
    with pytest.raises(UserError, match="The Ray cluster at 127.0.0.1:1 cannot be reached"):
        embed_on_cluster(PROTEINS, tiny_encoder, settings=nowhere)
    with pytest.raises(EncoderError, match="no folder '/nowhere'"):  # what can be known here comes first
        embed_on_cluster(PROTEINS, "/nowhere", settings=nowhere)
