"""``esm2amp screen``: what it prints and refuses; the exit codes."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from screen_samples import sequences, write_fasta
from tiny import make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.cli.main import main
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.screening import ray_engine
from esm2amp_core.screening.engines import LocalEngine
from esm2amp_core.settings import Settings
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_bundle(folder / "bundles" / "starter", make_encoder(folder / "encoder", width=WIDTH))
    return folder / "bundles"


@pytest.fixture
def esm2amp(models, tmp_path, monkeypatch, capsys):
    """Run the command in a folder with baits and a library: exit code and what it said."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("ESM2AMP_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    of = sequences(30)
    write_fasta("library.fasta", of)
    write_fasta("bait.fasta", {name: of[name] for name in ("P0", "P1")} | {"bad": "MKT"})

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["esm2amp", "screen", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code or 0, capsys.readouterr().err

    return run


def test_baits_meet_the_library_and_what_is_left_out_is_told(esm2amp):
    code, said = esm2amp("--bait", "bait.fasta", "--library", "library.fasta", "-o", "out")
    lines = [line for line in said.splitlines() if " of " in line and ": " in line]
    assert "Scoring pairs: 57 of 57" in lines and len(lines) == len(set(lines))  # each stand is told once
    assert code == 3 and "57 pairs of 30 proteins scored in out" in said  # P0 with P1 once
    assert "1 record is not screened" in said and "28 of 30 proteins have fewer than 20 partners" in said
    assert pd.read_csv("out/left_out.csv")["protein"].tolist() == ["bad"]
    screen = ScreenFolder(Path("out"))
    assert set(screen.partners["protein"]) == {"P0", "P1"}
    assert screen.proteins.set_index("protein")["role"].value_counts().to_dict() == {
        "bait and library": 2, "library": 28}  # fmt: skip


def test_the_list_of_jobs_tells_how_many_pairs_of_a_screen_are_scored(esm2amp, monkeypatch, capsys):
    workspace = Workspace.open(Settings.from_environment())
    job = workspace.submit_screen(Path("library.fasta").read_bytes())
    for n_done in (0, 435):
        for arguments, told in ((["list"], f"{n_done}/435"), (["show", job.id], f"{n_done} of 435 done")):
            monkeypatch.setattr(sys, "argv", ["esm2amp", "jobs", *arguments])
            with pytest.raises(SystemExit):
                main()
            assert told in capsys.readouterr().out
        run_pending(workspace)


def test_a_protein_is_scored_with_itself_only_if_asked_for(esm2amp):
    assert esm2amp("--all-vs-all", "library.fasta", "-o", "out")[0] == 0
    assert ScreenFolder(Path("out")).summary["n_pairs"] == 30 * 29 // 2
    assert esm2amp("--all-vs-all", "library.fasta", "-o", "with", "--self")[0] == 0
    screen = ScreenFolder(Path("with"))
    assert screen.summary["n_pairs"] == 30 * 31 // 2
    assert (screen.proteins["n_partners"] == 29).all()  # itself is no partner


@pytest.mark.parametrize(("arguments", "words"), [
    (["--bait", "bait.fasta"], "--bait FILE and --library FILE, or --all-vs-all FILE"),
    (["--bait", "bait.fasta", "--all-vs-all", "library.fasta"], "not clear what to compare"),
    ([], "not clear what to compare"),
    (["--all-vs-all", "ghost.fasta"], "ghost.fasta does not exist"),
    (["--all-vs-all", "library.fasta", "--top", "0"], "top is 0. Choose 1 to"),
    (["--all-vs-all", "library.fasta", "--block", "0"], "block pairs is 0"),
    (["--all-vs-all", "library.fasta", "--engine", "spark"], "no engine 'spark'. Choose local or ray"),
    (["--all-vs-all", "library.fasta", "--ray-address", "head:6379"], "Add --engine ray"),
    (["--all-vs-all", "one.fasta"], "There are no pairs to score. Two different proteins are needed"),
    (["--all-vs-all", "empty.fasta"], "holds no usable protein"),
])  # fmt: skip
def test_what_cannot_be_done_is_refused_with_a_remedy(esm2amp, arguments, words):
    write_fasta("one.fasta", sequences(1))
    Path("empty.fasta").write_text("")
    code, said = esm2amp(*arguments, "-o", "out")
    assert code == 2 and words in said and "Traceback" not in said


def test_records_that_leave_no_pair_are_named(esm2amp):
    one, two, other = sequences(3).values()
    Path("twice.fasta").write_text(f">P1\n{one}\n>P1\n{two}\n>P2\n{other}\n")
    code, said = esm2amp("--all-vs-all", "twice.fasta", "-o", "out")
    assert code == 2 and "Two different proteins are needed" in said
    assert "  P1: " in said


def test_the_cluster_that_is_named_does_the_work(esm2amp, monkeypatch):
    asked = []

    def engine(predictor, *, settings):
        asked.append(settings.ray_address)
        return LocalEngine(predictor)

    monkeypatch.setattr(ray_engine, "RayEngine", engine)
    monkeypatch.setenv("ESM2AMP_RAY_ADDRESS", "auto")
    for arguments in ([], ["--ray-address", "head:6379"]):
        assert esm2amp("--all-vs-all", "library.fasta", "-o", "out", "--engine", "ray", *arguments)[0] == 0
    assert esm2amp("--all-vs-all", "library.fasta", "-o", "out")[0] == 0
    assert asked == ["auto", "head:6379"]


def test_two_processes_do_not_fill_one_folder(esm2amp):
    hold = "import filelock; lock = filelock.FileLock('out/.lock').acquire(); print(1, flush=True); input()"
    Path("out").mkdir()
    other = subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"1\n"
    code, said = esm2amp("--all-vs-all", "library.fasta", "-o", "out")
    assert code == 2 and "out is being filled by another process" in said and "another folder" in said
    other.communicate(b"\n", timeout=60)
    assert esm2amp("--all-vs-all", "library.fasta", "-o", "out")[0] == 0


def test_a_name_does_not_steer_the_terminal(esm2amp):
    proteins = list(sequences(3, seed=5).values())
    hostile = ["A\u202etxt", "B\x1b[31m", "C\u2066"]
    write_fasta("hostile.fasta", dict(zip(hostile, proteins, strict=True)))
    code, said = esm2amp("--all-vs-all", "hostile.fasta", "-o", "out")
    assert code == 0 and not set("\u202e\u2066\x1b") & set(said)
    assert all(shown in said for shown in ("A\\u202etxt", "B\\x1b[31m", "C\\u2066"))
    assert set(ScreenFolder(Path("out")).proteins["protein"]) == set(hostile)  # files have them as they are


def test_the_extra_file_and_the_tests_pin_the_same_ray():
    root = Path(__file__).resolve().parent.parent
    pins = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]["test"]
    assert (root / "requirements-ray.txt").read_text().splitlines()[-1] in pins
