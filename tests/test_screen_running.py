"""A whole screen on a tiny model: the scores, the files, and what happens when it is stopped."""

import errno
import json
import os
import subprocess
import sys
import weakref
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from screen_samples import contents, sequences, write_fasta
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.errors import JobError, UserError
from esm2amp_core.features import FEATURE_SETS, POOLED_TOKENS, ProteinFeatures
from esm2amp_core.pairs import read_pairs
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Cancelled, silent
from esm2amp_core.screen_files import HIT_COLUMNS, HITS, MANIFEST, PARTS, ScreenFolder
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.screening.engines import LocalEngine
from esm2amp_core.screening.features import feature_file
from esm2amp_core.screening.network import NAMESPACE
from esm2amp_core.screening.parts import OtherScreenError, PartStore
from esm2amp_core.screening.running import run_screen
from esm2amp_core.settings import Settings

OPTIONS = ScreenOptions(block_pairs=60, top=25, top_partners=3)
SAMPLES = Path(__file__).with_name("screen_samples.py")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Models with and without symmetry, a cache, and settings that find them."""
    from tiny import make_encoder

    folder = tmp_path_factory.mktemp("screens")
    encoder = make_encoder(folder / "encoder", width=WIDTH)
    for name, architecture in (("starter", "amps"), ("ordered", "gru")):
        make_bundle(folder / "models" / name, encoder, architecture)
    settings = Settings(workspace=folder / "workspace", models=folder / "models", device="cpu",
                        precision="float32")
    return settings


@pytest.fixture(scope="module")
def predictor(home):
    return Predictor.load("starter", settings=home, cache=FeatureCache(home.workspace / "cache.sqlite", 100))


@pytest.fixture(scope="module")
def proteins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("proteins")
    of = sequences(30)
    bait = write_fasta(folder / "bait.fasta", {name: of[name] for name in list(of)[:8]})
    return read_screen(write_fasta(folder / "library.fasta", {name: of[name] for name in list(of)[5:]}), bait)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """25 proteins against each other."""
    return read_screen(write_fasta(tmp_path_factory.mktemp("all") / "all.fasta", sequences(25, seed=4)))


@pytest.fixture(scope="module")
def screen(predictor, everything, tmp_path_factory):
    return run_screen(predictor, everything, tmp_path_factory.mktemp("screen") / "s", options=OPTIONS)


def whole_table(screen):
    table = pd.concat([table.to_pandas() for table in screen.parts()], ignore_index=True)
    return table.astype({"protein_a": "str", "protein_b": "str"})


@pytest.mark.parametrize("name", ["starter", "ordered"])
def test_scores_are_those_of_predict_pair_by_pair(home, proteins, tmp_path, name):
    predictor = Predictor.load(name, settings=home, cache=FeatureCache(tmp_path / "c.sqlite", 0))
    table = whole_table(run_screen(predictor, proteins, tmp_path / "s", options=OPTIONS))
    assert len(table) == proteins.plan(1).n_pairs == len(table[["protein_a", "protein_b"]].drop_duplicates())
    table[["protein_a", "protein_b"]].to_csv(tmp_path / "pairs.csv", index=False)
    write_fasta(tmp_path / "all.fasta", {protein.id: protein.sequence for protein in proteins.proteins})
    pairs = read_pairs(tmp_path / "pairs.csv", sequences=tmp_path / "all.fasta")
    wanted = predictor.predict(pairs).frame
    assert_array_equal(table["protein_b"], wanted["protein_b"])
    assert_allclose(table["logit"], wanted["logit"], atol=1e-5)
    assert_allclose(table["probability"], wanted["probability"], atol=1e-6)


def test_the_tables_follow_from_the_scores(screen, everything):
    whole = whole_table(screen)
    best = whole.sort_values("logit", ascending=False, kind="stable")
    hits = screen.hits
    assert tuple(hits.columns) == HIT_COLUMNS
    assert_array_equal(screen.edges()["logit"].astype("f4"), best["logit"].head(25))
    sides = pd.concat([whole, whole.rename(columns={"protein_a": "protein_b", "protein_b": "protein_a"})])
    background = sides.groupby("protein_a")["logit"].apply(lambda s: s.astype("f8")).groupby(level=0)
    facts = screen.proteins.set_index("protein")
    assert_allclose(facts["mean_logit"], background.mean()[facts.index], atol=1e-6)
    assert_allclose(facts["sd_logit"], background.std()[facts.index], atol=1e-6)
    assert (facts["n_partners"] == 24).all()
    first = hits.iloc[0]
    mean, sd = facts.loc[first["protein_a"], ["mean_logit", "sd_logit"]]
    assert_allclose(first["z_a"], (first["logit"] - mean) / sd, atol=1e-3)
    assert_allclose(hits["z"], hits[["z_a", "z_b"]].min(axis=1))
    assert screen.histogram["pairs"].sum() == screen.summary["n_pairs"] == 300
    assert screen.summary["n_called"] == (whole["probability"] >= np.float32(0.5)).sum()
    by_z = screen.edges(by="rank_by_z")["z"]
    assert len(by_z) == 25 and by_z.is_monotonic_decreasing
    partners = screen.partners
    assert partners.groupby("protein").size().eq(3).all() and set(partners["rank"]) == {1, 2, 3}
    top = sides.sort_values("logit").groupby("protein_a")["logit"].last()
    assert_allclose(partners[partners["rank"] == 1].set_index("protein")["logit"].astype("f4"),
                    top[partners["protein"].unique()])


def test_baits_that_hold_the_library_are_not_all_against_all(predictor, tmp_path, screen):
    of = sequences(4)
    bait = write_fasta(tmp_path / "bait.fasta", of)
    library = write_fasta(tmp_path / "library.fasta", {name: of[name] for name in ("P0", "P1")})
    made = run_screen(predictor, read_screen(library, bait), tmp_path / "s")
    assert made.summary["n_baits"] == made.summary["n_proteins"] == 4 and made.summary["n_pairs"] == 5
    assert screen.is_all_vs_all and not made.is_all_vs_all


def test_the_shift_of_a_rounded_precision_is_told(home, proteins, screen, tmp_path):
    rounded = Predictor.load("starter", settings=replace(home, precision="bfloat16"), cache=None)
    told = run_screen(rounded, proteins, tmp_path / "screen", options=OPTIONS).summary["model"]
    assert told["precision"] == "bfloat16" and told["precision_shift"] == rounded.precision_shift > 0
    assert "precision_shift" not in screen.summary["model"]


def test_the_network_is_graphml_with_every_hit(screen):
    root = ElementTree.parse(screen.folder / "network.graphml").getroot()
    graph = root.find(f"{{{NAMESPACE}}}graph")
    nodes, edges = (graph.findall(f"{{{NAMESPACE}}}{what}") for what in ("node", "edge"))
    keys = {key.get("id"): key.get("attr.name") for key in root.findall(f"{{{NAMESPACE}}}key")}
    ids = {node.get("id"): {keys[d.get("key")]: d.text for d in node}["name"] for node in nodes}
    assert len(edges) == len(screen.hits)
    found = {(ids[edge.get("source")], ids[edge.get("target")]) for edge in edges}
    assert found == set(zip(screen.hits["protein_a"], screen.hits["protein_b"], strict=True))
    table = pd.read_csv(screen.folder / "network.tsv", sep="\t")
    assert set(zip(table["source"], table["target"], strict=True)) == found


def test_the_network_has_no_value_where_a_hit_is_in_one_ranking_only(predictor, everything, tmp_path):
    made = run_screen(predictor, everything, tmp_path / "s", options=replace(OPTIONS, top=3))
    assert made.hits[["rank_by_score", "rank_by_z"]].isna().any().all()
    root = ElementTree.parse(made.folder / "network.graphml").getroot()
    as_declared = {"long": int, "double": float, "string": str}
    keys = {key.get("id"): (key.get("attr.name"), as_declared[key.get("attr.type")])
            for key in root.findall(f"{{{NAMESPACE}}}key")}  # fmt: skip
    read = []
    for edge in root.iter(f"{{{NAMESPACE}}}edge"):
        values = {}
        for data in edge:
            name, kind = keys[data.get("key")]
            values[name] = kind(data.text)
        read.append(values)
    for values, hit in zip(read, made.hits.to_dict("records"), strict=True):
        assert values == {name: hit[name] for name in values}
        assert {name for name in ("rank_by_score", "rank_by_z") if name in values} == {
            name for name in ("rank_by_score", "rank_by_z") if hit[name] == hit[name]}


def test_all_scores_can_be_had_as_one_file(screen, tmp_path):
    whole = whole_table(screen)
    screen.write_parquet(tmp_path / "all.parquet")
    assert pq.ParquetFile(tmp_path / "all.parquet").num_row_groups == len(screen.manifest["parts"]) > 3
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "all.parquet"), whole, check_dtype=False)
    (tmp_path / "all.csv").write_bytes(b"".join(screen.csv_chunks()))
    table = pd.read_csv(tmp_path / "all.csv")
    assert table.columns.tolist() == whole.columns.tolist()
    assert_array_equal(table["logit"].astype("f4"), whole["logit"])


def test_the_size_of_blocks_and_the_order_of_work_change_nothing_but_the_parts(predictor, everything, screen,
                                                                               tmp_path):
    options = ScreenOptions(block_pairs=7, top=25, top_partners=3)
    other = run_screen(predictor, everything, tmp_path / "s", options=options)
    tables = {name: data for name, data in contents(screen.folder).items() if "/" not in name}
    others = contents(other.folder)
    assert [name for name in tables if tables[name] != others[name]] == [MANIFEST]


def test_a_finished_screen_is_not_scored_again_and_other_tables_can_be_asked_of_it(predictor, everything,
                                                                                   screen, monkeypatch):
    before = contents(screen.folder)
    monkeypatch.setattr("esm2amp_core.screening.engines.score_block", lambda *_, **__: pytest.fail("scored"))
    run_screen(predictor, everything, screen.folder, options=OPTIONS)
    assert contents(screen.folder) == before
    more = ScreenOptions(block_pairs=60, top=40, top_partners=3)
    assert len(run_screen(predictor, everything, screen.folder, options=more).edges()) == 40
    run_screen(predictor, everything, screen.folder, options=OPTIONS)
    assert contents(screen.folder) == before


def test_what_is_cancelled_goes_on_later(predictor, everything, screen, tmp_path):
    def cancel(stage, done, total):
        if stage == "Scoring pairs" and done >= 150:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_screen(predictor, everything, tmp_path / "s", options=OPTIONS, report=cancel)
    assert not ScreenFolder(tmp_path / "s").is_finished
    scored = []
    run_screen(predictor, everything, tmp_path / "s", options=OPTIONS,
               report=lambda stage, done, total: scored.append(done) if stage == "Scoring pairs" else None)
    assert scored[0] >= 100  # what was there already
    assert contents(tmp_path / "s") == contents(screen.folder)


def test_what_stops_while_tables_are_written_needs_no_score_again(predictor, everything, screen, tmp_path,
                                                                  monkeypatch):
    from esm2amp_core.screening import outputs

    write, written = outputs._write, []

    def write_or_stop(path, data):
        if len(written) == 2:
            (path.parent / ".hits.12345678.part.csv").write_bytes(b"half")  # as a killed process leaves it
            raise Cancelled
        written.append(path.name)
        write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(outputs, "_write", write_or_stop)
        with pytest.raises(Cancelled):
            run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    assert not ScreenFolder(tmp_path / "s").is_finished
    monkeypatch.setattr("esm2amp_core.screening.engines.score_block", lambda *_, **__: pytest.fail("scored"))
    run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    assert contents(tmp_path / "s") == contents(screen.folder)


@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_part_is_noticed_and_made_again(predictor, everything, screen, tmp_path, damage):
    made = run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    part = made.part_path(made.manifest["parts"][2])
    data = part.read_bytes()
    if damage == "gone":
        part.unlink()
    else:
        middle = len(data) // 2
        part.write_bytes(data[:middle] + (b"" if damage == "cut" else b"x" + data[middle + 1 :]))
    with pytest.raises(JobError, match="missing or damaged.*Run the screen again"):
        list(ScreenFolder(tmp_path / "s").parts())
    run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    assert contents(tmp_path / "s") == contents(screen.folder)


def test_parts_that_changed_places_in_the_list_are_made_again(predictor, everything, screen, tmp_path):
    made = run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    values = json.loads((made.folder / "manifest.json").read_text(encoding="utf-8"))
    first, second = values["parts"][:2]
    for name in ("file", "sha256", "rows"):
        first[name], second[name] = second[name], first[name]
    (made.folder / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    run_screen(predictor, everything, made.folder, options=OPTIONS)
    assert contents(made.folder) == contents(screen.folder)


def test_a_screen_of_something_else_is_refused_in_words(home, predictor, everything, proteins, screen):
    before = contents(screen.folder)
    other_model = Predictor.load("ordered", settings=home, cache=predictor.cache)
    for change, words in [
        ((other_model, everything, OPTIONS), "model name was starter, is now ordered"),
        ((predictor, proteins, OPTIONS), "kind was all against all, is now baits against library"),
        ((predictor, everything, ScreenOptions(block_pairs=60, with_self=True)), "with self was False"),
        ((predictor, everything, ScreenOptions(block_pairs=61)), "options block pairs was 60, is now 61"),
    ]:  # fmt: skip
        with pytest.raises(OtherScreenError, match=words) as refused:
            run_screen(change[0], change[1], screen.folder, options=change[2])
        assert "another folder" in refused.value.hint
    assert contents(screen.folder) == before


def test_a_folder_with_something_else_is_left_alone(predictor, everything, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="something else: thesis.txt"):
        run_screen(predictor, everything, tmp_path, options=OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_two_runs_do_not_fill_one_folder(predictor, everything, tmp_path):
    def meanwhile(stage, done, total):
        with pytest.raises(UserError, match="is being filled by another process"):
            run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
        raise Cancelled

    with pytest.raises(Cancelled):
        run_screen(predictor, everything, tmp_path / "s", options=OPTIONS, report=meanwhile)


def test_a_protein_that_cannot_be_read_is_left_out_with_its_reason(predictor, everything, tmp_path):
    class Forgetful(LocalEngine):
        def embed(self, proteins, report):
            kept = [protein for protein in proteins if protein.id != "P3"]
            features, failures = super().embed(kept, report)
            return features, failures | {p.digest: "Memory is short." for p in proteins if p.id == "P3"}

    made = run_screen(predictor, everything, tmp_path / "s", options=OPTIONS, engine=Forgetful)
    assert made.summary["n_pairs"] == 24 * 23 // 2 and made.summary["n_failed"] == 1
    assert made.left_out.set_index("protein").loc["P3", "problem"] == "Memory is short."
    table = whole_table(made)
    assert "P3" not in {*table["protein_a"], *table["protein_b"]}


def test_names_that_look_like_formulas_or_markup_come_back_as_they_were(predictor, tmp_path):
    of = sequences(3)
    names = ["=1+1", "<a&b>", "-x;=y"]
    named = dict(zip(names, of.values(), strict=True))
    made = run_screen(predictor, read_screen(write_fasta(tmp_path / "odd.fasta", named)), tmp_path / "s")
    assert set(made.hits["protein_a"]) | set(made.hits["protein_b"]) == set(names)
    assert b"\n'=1+1" in (tmp_path / "s" / "proteins.csv").read_bytes()
    assert ElementTree.parse(tmp_path / "s" / "network.graphml")
    assert any("No protein has 20 partners" in note for note in made.summary["notes"])
    assert made.hits["z"].isna().all() and made.edges(by="rank_by_z").empty


@pytest.mark.parametrize(("change", "words"), [
    (lambda values: values | {"format": 1}, "has format 1; this program reads 2.*into a new folder"),
    (lambda values: values | {"parts": [{"block": 0}]}, "damaged. Run the screen into a new folder"),
    (lambda values: values | {"parts": None}, "manifest.json of the screen is missing or damaged"),
    (lambda values: values | {"parts": values["parts"][1:]}, "is not finished. Run it again"),
    (lambda values: [], "manifest.json of the screen is missing or damaged"),
])  # fmt: skip
def test_a_manifest_that_tells_something_else_is_not_believed(screen, tmp_path, change, words):
    values = change(json.loads((screen.folder / MANIFEST).read_text()))
    (tmp_path / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(JobError, match=words):
        list(ScreenFolder(tmp_path).parts())


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="The system has no full disk to try.")
def test_a_full_disk_is_told(everything, tmp_path):
    def embed(proteins, report):
        digests = tuple(protein.digest for protein in proteins)
        return ProteinFeatures(digests, np.zeros((len(digests), len(POOLED_TOKENS), 400), np.float32)), {}

    (tmp_path / ".features.f32").symlink_to("/dev/full")
    with pytest.raises(UserError, match="No space left.*goes on"):
        with feature_file(tmp_path, everything.proteins, FEATURE_SETS["segments"], embed, 10, silent):
            pass


def test_a_disk_that_fills_up_is_told_and_nothing_kept_is_lost(predictor, everything, screen, tmp_path,
                                                               monkeypatch):
    write, written = Path.write_bytes, []

    def until_full(path, data):
        if path.suffix == ".parquet":
            if len(written) == 3:
                path.touch()
                raise OSError(errno.ENOSPC, "No space left on device")
            written.append(path.name)
        return write(path, data)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", until_full)
        with pytest.raises(UserError, match="part-000003.parquet cannot be written: No space left on device"):
            run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    left = ScreenFolder(tmp_path / "s")
    assert left.n_scored == sum(part["rows"] for part in screen.manifest["parts"][:3])
    assert len(list((tmp_path / "s" / PARTS).iterdir())) == 3  # no half part
    run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    assert contents(tmp_path / "s") == contents(screen.folder)


def test_tables_are_made_with_two_blocks_of_pairs_in_memory_at_most(predictor, everything, screen, tmp_path,
                                                                    monkeypatch):
    read, alive, most = PartStore.pairs, [], []

    def watched(store, block):
        pairs = read(store, block)
        alive.append(weakref.ref(pairs))
        most.append((len(pairs), sum(known() is not None for known in alive)))
        return pairs

    monkeypatch.setattr(PartStore, "pairs", watched)
    run_screen(predictor, everything, tmp_path / "s", options=OPTIONS)
    assert len(most) == 3 * len(screen.manifest["parts"])
    assert max(size for size, _ in most) <= 60
    assert max(n_alive for _, n_alive in most) <= 2  # the next one is read while the last one has its name


def test_a_killed_screen_goes_on_and_ends_as_if_nothing_had_happened(home, tmp_path):
    environment = os.environ | {
        "ESM2AMP_WORKSPACE": str(home.workspace), "ESM2AMP_MODELS": str(home.models),
        "ESM2AMP_DEVICE": "cpu", "ESM2AMP_PRECISION": "float32", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    write_fasta(tmp_path / "all.fasta", sequences(25, seed=4))
    command = ["screen", "--all-vs-all", "all.fasta", "--block", "60", "--top", "25"]

    def run(die_after, folder):
        return subprocess.run([sys.executable, SAMPLES, str(die_after), *command, "-o", folder], cwd=tmp_path,
                              env=environment, capture_output=True, text=True, timeout=300)

    whole = run(-1, "whole")
    assert (whole.returncode, "300 pairs of 25 proteins" in whole.stderr) == (0, True)
    assert run(2, "killed").returncode == -9
    left = {path.name: path.read_bytes() for path in (tmp_path / "killed" / PARTS).glob("part-*.parquet")}
    assert len(left) == 2 and not (tmp_path / "killed" / HITS).exists()
    again = run(-1, "killed")
    assert again.returncode == 0 and "Scoring pairs: 0 of" not in again.stderr
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
