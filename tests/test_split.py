"""Splits: no part knows a protein of another, no row is lost, same seed same split."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_samples import families, mutated, protein, write_fasta, write_pairs

from esm2amp_core.cli.main import main
from esm2amp_core.errors import PairError, UserError
from esm2amp_core.files.run_lock import sole_writer
from esm2amp_core.splitting import mmseqs
from esm2amp_core.splitting.clusters import cluster
from esm2amp_core.splitting.folder import describe, write_split
from esm2amp_core.splitting.kmers import KmerSearch
from esm2amp_core.splitting.pair_files import read_pair_files
from esm2amp_core.splitting.parts import assign_clusters
from esm2amp_core.splitting.search import Hits, choose_search
from esm2amp_core.splitting.split import PARTS, split_pairs

MMSEQS = mmseqs.is_installed()
needs_mmseqs = pytest.mark.skipif(not MMSEQS, reason="NOT CHECKED: MMseqs2 is not installed")
BOTH = ["kmers", pytest.param("mmseqs", marks=needs_mmseqs)]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Forty families of three proteins, 400 random pairs with labels and a note, some rows unusable."""
    folder = tmp_path_factory.mktemp("split")
    proteins = families(40, 3)
    choose = random.Random(1)
    names = list(proteins)
    rows = [(choose.choice(names), choose.choice(names), choose.randint(0, 1), f"note {at}, =1+1")
            for at in range(400)]
    rows[7] = ("F0M0", "unknown", 1, "no sequence")
    rows[8] = ("", "F0M0", 0, "no name")
    write_pairs(folder / "pairs.tsv", rows, ("protein_a", "protein_b", "label", "Note"))
    write_fasta(folder / "proteins.fasta", proteins)
    return folder


def read(folder: Path):
    return read_pair_files([folder / "pairs.tsv"], folder / "proteins.fasta")[0]


@pytest.mark.parametrize("method", BOTH)
def test_no_family_is_in_two_parts_and_no_row_is_lost(table, tmp_path, method):
    pairs = read(table)
    found = split_pairs(pairs, choose_search(method, identity=0.3, coverage=0.5))
    write_split(found, tmp_path / "out")
    tables = {name: pd.read_csv(tmp_path / "out" / f"{name}.tsv", sep="\t", dtype=str, keep_default_na=False)
              for name in (*PARTS, "cross")}
    seen = {part: {name.split("M")[0] for name in tables[part][["protein_a", "protein_b"]].values.ravel()}
            for part in PARTS}
    assert all(seen.values())
    assert not seen["train"] & seen["validation"] and not seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]
    written = pd.concat(tables.values())
    assert list(tables["train"].columns) == ["protein_a", "protein_b", "label", "Note"]
    assert Counter(map(tuple, written[pairs.rows.columns].values)) == Counter(map(tuple, pairs.rows.values))
    assert (tables["cross"]["reason"] != "").all()
    aside = tables["cross"].set_index("Note")["reason"]
    assert "no sequence for 'unknown'" in aside["no sequence"]
    assert "Protein A is missing" in aside["no name"]


def test_the_same_seed_gives_the_same_files_and_another_seed_others(table, tmp_path):
    search = KmerSearch(0.3, 0.5)
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        write_split(split_pairs(read(table), search, seed=seed), tmp_path / name)
    contents = {name: {path.name: path.read_bytes() for path in sorted((tmp_path / name).iterdir())}
                for name in ("one", "again", "other")}
    assert contents["one"] == contents["again"]
    assert contents["one"]["train.tsv"] != contents["other"]["train.tsv"]
    assert set(contents["one"]) == {"train.tsv", "validation.tsv", "test.tsv", "cross.tsv", "proteins.tsv",
                                    "split.json", "left_out.csv"}  # fmt: skip


def test_split_json_tells_counts_method_and_checks(table):
    facts = describe(split_pairs(read(table), KmerSearch(0.3, 0.5), seed=3))
    assert facts["seed"] == 3
    assert facts["method"]["name"] == "kmers" and facts["method"]["identity"] == 0.3
    assert facts["checks"]["rows_in"] == facts["checks"]["rows_out"] == 400
    for kind in ("shared_ids", "shared_sequences", "shared_clusters"):
        assert set(facts["checks"][kind].values()) == {0}
    assert facts["cross"]["reasons"]["no usable sequence"] == 2
    assert facts["proteins"]["clusters"] == 40
    total = sum(part["positive"] + part["negative"] for part in (*facts["parts"].values(), facts["cross"]))
    assert total == 400


def test_shares_come_near_to_the_wish(table):
    facts = describe(split_pairs(read(table), KmerSearch(0.3, 0.5), fractions=(0.5, 0.2, 0.3)))
    shares = [facts["parts"][name]["share"] for name in PARTS]
    assert shares == pytest.approx([0.5, 0.2, 0.3], abs=0.06)


def test_a_part_without_a_share_gets_nothing(table):
    facts = describe(split_pairs(read(table), KmerSearch(0.3, 0.5), fractions=(0.8, 0, 0.2)))
    assert facts["parts"]["validation"]["pairs"] == 0
    assert facts["parts"]["test"]["pairs"] > 0


def test_ids_of_one_sequence_share_a_fate(tmp_path):
    proteins = {f"P{at}": protein(at) for at in range(12)}
    proteins |= {f"copy of P{at}".replace(" ", "_"): proteins[f"P{at}"] for at in range(12)}
    names = list(proteins)
    rows = [(names[i], names[j], 1) for i in range(24) for j in range(i)]
    write_pairs(tmp_path / "pairs.tsv", rows)
    write_fasta(tmp_path / "proteins.fasta", proteins)
    found = split_pairs(read(tmp_path), KmerSearch(0.3, 0.5))
    for at in range(12):
        assert found.part_of(found.names[f"P{at}"]) == found.part_of(found.names[f"copy_of_P{at}"])
    assert describe(found)["checks"]["shared_sequences"]["train and test"] == 0


def test_proteins_left_similar_to_another_part_are_excluded_with_their_pairs(table):
    """A search that overlooks half of the links at first, as any search may."""

    class Forgetful(KmerSearch):
        def find(self, queries, targets, *, thorough=False):
            hits = super().find(queries, targets, thorough=thorough)
            return hits if thorough else hits.where((hits.query % 2 == 0) & (hits.target % 2 == 0))

    found = split_pairs(read(table), Forgetful(0.3, 0.5))
    assert found.too_near
    family = {place: name[: name.index("M")] for name, place in found.names.items()}
    for place, (other, similarity) in found.too_near.items():
        assert found.parts[place] != 0 and found.parts[place] != found.parts[other]
        assert family[place] == family[other] and 0 < similarity <= 1
    seen = {part: {family[place] for row, name in enumerate(found.row_parts) if name == part
                   for place in found.sequences_of_rows[row].tolist()} for part in PARTS}
    assert not seen["train"] & (seen["validation"] | seen["test"]) and not seen["validation"] & seen["test"]
    assert any("is excluded: similar to" in reason for reason in found.reasons)


@settings(max_examples=40, deadline=None)
@given(
    edges=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=120),
    families=st.lists(st.integers(0, 12), min_size=31, max_size=31),
    seed=st.integers(0, 5),
    shares=st.sampled_from([(0.65, 0.1, 0.25), (0.8, 0.0, 0.2), (0.34, 0.33, 0.33)]),
)
def test_any_clusters_are_divided_whole(edges, families, seed, shares):
    clusters = np.array(families)
    first, second = clusters[np.array(edges)].T
    parts = assign_clusters(first, second, shares, n=13, seed=seed)
    assert parts.shape == (13,) and set(parts.tolist()) <= {place for place in range(3) if shares[place]}
    assert (parts == assign_clusters(first, second, shares, n=13, seed=seed)).all()


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_any_table_is_divided_without_shared_proteins_or_lost_rows(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=6))
    proteins = {f"F{family}M{member}": mutated(protein(family, 60), 0.8, member)
                for family, size in enumerate(sizes) for member in range(size)}
    names = st.sampled_from([*proteins, "nobody", "007"])
    rows = data.draw(st.lists(st.tuples(names, names, st.sampled_from(["0", "1", "", "NA"])), max_size=40))
    rows.append(("F0M0", "F0M0", "1"))
    write_pairs(folder / "pairs.tsv", rows)
    write_fasta(folder / "proteins.fasta", proteins)
    found = split_pairs(read(folder), KmerSearch(0.3, 0.5), seed=data.draw(st.integers(0, 3)))
    write_split(found, folder / "out")
    tables = {name: pd.read_csv(folder / "out" / f"{name}.tsv", sep="\t", dtype=str, keep_default_na=False)
              for name in (*PARTS, "cross")}
    columns = ["protein_a", "protein_b", "label"]
    assert Counter(tuple(row) for each in tables.values() for row in each[columns].values) == Counter(rows)
    seen = [{name.split("M")[0] for name in tables[part][columns[:2]].values.ravel()} for part in PARTS]
    assert sum(map(len, seen)) == len(set.union(*seen))


def test_clusters_are_numbered_by_their_first_protein():
    hits = Hits(np.array([4, 2]), np.array([2, 1]), np.ones(2))
    assert cluster(6, hits).tolist() == [0, 1, 1, 2, 1, 3]


@pytest.mark.parametrize("method", BOTH)
def test_relatives_are_found_and_strangers_are_not(method):
    sequences = [protein(0), mutated(protein(0), 0.7), protein(1), protein(2, 150)]
    hits = choose_search(method, identity=0.5, coverage=0.5).find(sequences, sequences)
    links = set(zip(hits.query.tolist(), hits.target.tolist(), strict=True))
    assert {(0, 1), (1, 0)} <= links and links <= {(0, 0), (1, 1), (2, 2), (3, 3), (0, 1), (1, 0)}


@pytest.mark.parametrize("method", BOTH)
def test_a_domain_in_a_long_protein_covers_too_little(method):
    domain = protein(0, 100)
    hits = choose_search(method, identity=0.3, coverage=0.5).find([domain], [domain + protein(1, 300)])
    assert len(hits) == 0


def test_kmers_need_no_word_to_link_equal_sequences_and_survive_tiny_inputs():
    assert KmerSearch(0.3, 0.5).find(["A" * 12], ["C" * 12]).query.tolist() == []
    assert KmerSearch(0.3, 0.5).find(["A" * 12], []).query.tolist() == []


def test_a_family_too_large_for_all_comparisons_is_still_one_cluster(monkeypatch):
    monkeypatch.setattr("esm2amp_core.splitting.kmers.MAX_COMPARISONS", 1_000)
    first = protein(0, 80)
    family = [mutated(first, 0.95, seed) for seed in range(300)]
    hits = KmerSearch(0.5, 0.5).find(family, family)
    assert len(hits) < 300 * 300 / 4
    assert cluster(300, hits).max() == 0


def test_kmer_similarity_is_one_for_equal_proteins_and_the_same_both_ways():
    one, other = protein(0), mutated(protein(0), 0.8)
    search = KmerSearch(0.3, 0.5)
    assert search.find([one], [one]).similarity.tolist() == pytest.approx([1.0])
    assert search.find([one], [other]).similarity == pytest.approx(search.find([other], [one]).similarity)


def test_identities_that_kmers_cannot_tell_are_refused():
    with pytest.raises(UserError, match="25% identity"):
        KmerSearch(0.25, 0.5)


@pytest.mark.parametrize(
    "fractions", [(0.5, 0.5), (1, 0, 0), (0.5, 0.2, 0.2), (0, 0.5, 0.5), (1.2, -0.1, -0.1)]
)
def test_shares_that_make_no_split_are_refused(table, fractions):
    with pytest.raises(UserError, match="--fractions"):
        split_pairs(read(table), KmerSearch(0.3, 0.5), fractions=fractions)


def test_a_table_without_sequences_is_refused(table):
    pairs, = read_pair_files([table / "pairs.tsv"], None)
    with pytest.raises(PairError, match="No pair of pairs.tsv"):
        split_pairs(pairs, KmerSearch(0.3, 0.5))


def test_without_mmseqs_auto_takes_kmers_and_asking_for_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    assert choose_search("auto", identity=0.3, coverage=0.5).name == "kmers"
    with pytest.raises(UserError, match="not installed.*--method kmers"):
        choose_search("mmseqs", identity=0.3, coverage=0.5)


@needs_mmseqs
def test_mmseqs_leaves_no_files_whatever_happens(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    search = choose_search("mmseqs", identity=0.3, coverage=0.5)
    search.find([protein(0)], [protein(1)])
    monkeypatch.setattr(mmseqs, "SENSITIVITY", "nonsense")
    with pytest.raises(UserError, match=r"MMseqs2 stopped with code \d+: .+--method kmers"):
        search.find([protein(0)], [protein(1)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_terminated_search_takes_its_program_and_files_along(tmp_path):
    """With a program in MMseqs2's place that starts another and never ends."""
    program = tmp_path / "mmseqs"
    program.write_text('#!/bin/sh\n[ "$1" = version ] && exit\nsleep 60 &\necho $! > started\nwait\n')
    program.chmod(0o755)
    (tmp_path / "tmp").mkdir()
    code = ("from esm2amp_core.splitting.mmseqs import MmseqsSearch\n"
            "MmseqsSearch.installed(identity=0.3, coverage=0.5).find(['A' * 20], ['A' * 20])")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path / "tmp")}
    run = subprocess.Popen([sys.executable, "-c", code], env=os.environ | environment,
                           cwd=Path(__file__).parent.parent)
    deadline = time.monotonic() + 60
    while not (started := list((tmp_path / "tmp").glob("*/started"))) or not started[0].read_text().strip():
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.02)
    sleeper = int(started[0].read_text())
    run.send_signal(signal.SIGTERM)
    assert run.wait(timeout=30) == 128 + signal.SIGTERM
    assert list((tmp_path / "tmp").iterdir()) == []
    state = Path(f"/proc/{sleeper}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_table_without_header_is_named_so_that_its_parts_can_be_read(tmp_path):
    proteins = {f"P{at}": protein(at) for at in range(10)}
    rows = [(f"P{i}", f"P{j}", (i + j) % 2) for i in range(10) for j in range(i)]
    write_pairs(tmp_path / "pairs.tsv", rows[1:], header=rows[0])
    write_fasta(tmp_path / "proteins.fasta", proteins)
    pairs = read(tmp_path)
    assert len(pairs) == 45 and list(pairs.rows.columns) == ["protein_a", "protein_b", "label"]
    write_split(split_pairs(pairs, KmerSearch(0.3, 0.5)), tmp_path / "out")
    again, = read_pair_files([tmp_path / "out" / "train.tsv"], tmp_path / "proteins.fasta")
    assert (again.labels >= 0).all()


def run(monkeypatch, capsys, *arguments) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["esm2amp", *map(str, arguments)])
    with pytest.raises(SystemExit) as exit_:
        main()
    said = capsys.readouterr()
    return exit_.value.code or 0, said.out, said.err


def test_the_command_writes_a_folder_once(table, tmp_path, monkeypatch, capsys):
    arguments = ("split", table / "pairs.tsv", "--sequences", table / "proteins.fasta",
                 "-o", tmp_path / "out", "--method", "kmers", "--seed", 5)  # fmt: skip
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert "2 of 400 rows have no usable sequences" in err and "Row 8: There is no sequence for" in err
    left_out = pd.read_csv(tmp_path / "out" / "left_out.csv", keep_default_na=False)
    assert left_out["row"].tolist() == [8, 9] and left_out["protein_b"].tolist() == ["unknown", "F0M0"]
    assert (left_out["reason"] != "").all()
    assert code == 3
    assert "train: " in out and ", interacting " in out and "set aside" in out
    assert json.loads((tmp_path / "out" / "split.json").read_text())["seed"] == 5
    code, _, err = run(monkeypatch, capsys, *arguments)
    assert code == 2 and "exists already" in err


@pytest.mark.parametrize("arguments, words", [
    (["pairs.tsv"], "-o"),
    (["pairs.tsv", "-o", "new", "--fractions", "a,b"], "--fractions"),
    (["pairs.tsv", "-o", "new", "--method", "blast"], "--method"),
    (["pairs.tsv", "-o", "new", "--identity", "30"], "--identity"),
    (["gone.tsv", "-o", "new"], "does not exist"),
    (["a.tsv", "b.tsv", "-o", "new"], "--check"),
])  # fmt: skip
def test_bad_calls_are_told_in_one_line(table, tmp_path, monkeypatch, capsys, arguments, words):
    shutil.copy(table / "pairs.tsv", tmp_path)
    monkeypatch.chdir(tmp_path)
    code, out, err = run(monkeypatch, capsys, "split", *arguments)
    assert (code, out) == (2, "") and words in err and "Traceback" not in err
    assert not Path("new").exists()


def test_where_every_row_has_its_sequences_nothing_is_listed(tmp_path, monkeypatch, capsys):
    proteins = families(12, 1)
    names = list(proteins)
    write_pairs(tmp_path / "pairs.tsv", [(a, b, 1) for a in names for b in names])
    write_fasta(tmp_path / "proteins.fasta", proteins)
    code, _, err = run(monkeypatch, capsys, "split", tmp_path / "pairs.tsv", "--sequences",
                       tmp_path / "proteins.fasta", "-o", tmp_path / "out", "--method", "kmers")
    assert code == 0 and "Mind" not in err
    assert not (tmp_path / "out" / "left_out.csv").exists()


def test_empty_parts_are_told_with_their_cause(tmp_path, monkeypatch, capsys):
    proteins = families(1, 4)
    names = list(proteins)
    write_pairs(tmp_path / "pairs.tsv", [(a, b, 1) for a in names for b in names])
    write_fasta(tmp_path / "proteins.fasta", proteins)
    code, _, err = run(monkeypatch, capsys, "split", tmp_path / "pairs.tsv", "--sequences",
                       tmp_path / "proteins.fasta", "-o", tmp_path / "out", "--method", "kmers")
    assert code == 0
    assert "Mind: validation.tsv and test.tsv are empty: no pair could be kept there. " in err
    assert "The 4 proteins form one cluster" in err
    assert json.loads((tmp_path / "out" / "split.json").read_text())["warnings"][0] in err


def test_a_second_run_into_the_same_folder_is_refused(tmp_path, monkeypatch, capsys):
    proteins = families(12, 1)
    write_pairs(tmp_path / "pairs.tsv", [(a, b, 1) for a in proteins for b in proteins])
    write_fasta(tmp_path / "proteins.fasta", proteins)
    with sole_writer(tmp_path / "out"):
        code, out, err = run(monkeypatch, capsys, "split", tmp_path / "pairs.tsv", "--sequences",
                             tmp_path / "proteins.fasta", "-o", tmp_path / "out", "--method", "kmers")
    assert (code, out) == (2, "") and "out is being written by another process" in err
    assert not (tmp_path / "out").exists()


def test_pairs_with_both_labels_are_told(tmp_path, monkeypatch, capsys):
    proteins = families(12, 1)
    names = list(proteins)
    rows = [(a, b, 1) for a, b in zip(names, names[1:], strict=False)]
    write_pairs(tmp_path / "pairs.tsv", [*rows, (names[4], names[3], 0)])
    write_fasta(tmp_path / "proteins.fasta", proteins)
    code, _, err = run(monkeypatch, capsys, "split", tmp_path / "pairs.tsv", "--sequences",
                       tmp_path / "proteins.fasta", "-o", tmp_path / "out", "--method", "kmers")
    told = "1 pair is labelled both positive and negative: rows 4 and 12, for example."
    assert code == 0 and f"Mind: {told}" in err
    assert told in json.loads((tmp_path / "out" / "split.json").read_text())["warnings"]


def test_names_that_look_like_formulas_are_guarded_and_read_back_as_they_were(tmp_path):
    risky = ["=1+1", "+x", "-y", "@z", "\uff1dw", "plain", "'quoted"]
    proteins = {name: protein(at) for at, name in enumerate(risky)}
    rows = [(a, b, at % 2, "-1.5", "=cmd()") for at, (a, b) in enumerate(product(risky, risky))]
    write_pairs(tmp_path / "pairs.tsv", rows, ("protein_a", "protein_b", "label", "-score", "note"))
    write_fasta(tmp_path / "proteins.fasta", proteins)
    pairs = read(tmp_path)
    found = split_pairs(pairs, KmerSearch(0.3, 0.5), fractions=(0.5, 0, 0.5))
    write_split(found, tmp_path / "out")
    cells = [cell for file in (tmp_path / "out").glob("*.tsv")
             for line in file.read_text("utf-8-sig").splitlines() for cell in line.split("\t")]
    assert {cell for cell in cells if cell[:1] in tuple("=+-@\uff1d")} == {"-1.5"}
    again = read_pair_files([tmp_path / "out" / f"{part}.tsv" for part in ("train", "test", "cross")],
                            tmp_path / "proteins.fasta")
    columns = list(pairs.rows.columns)
    assert list(again[0].rows.columns) == columns
    written = [tuple(row) for file in again for row in file.rows[columns].to_numpy().tolist()]
    assert Counter(written) == Counter(map(tuple, pairs.rows.to_numpy().tolist()))
    assert not any(file.problems for file in again)


@pytest.mark.parametrize("arguments", [["-o", "pairs.tsv/out"], ["-o", "x" * 300],
                                       ["pairs.tsv", "--check", "-o", "gone/leaks.json"]])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(table, tmp_path, monkeypatch, capsys,
                                                                   arguments):
    from esm2amp_core.splitting import pair_files

    shutil.copy(table / "pairs.tsv", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pair_files, "read_table", lambda *_, **__: pytest.fail("the work has begun"))
    code, _, err = run(monkeypatch, capsys, "split", "pairs.tsv", *arguments)
    assert code == 2 and ("cannot be written" in err or "does not exist" in err)
