"""esm2amp train and compare, from files to a model that predicts."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from labelled_samples import WIDTH, write_tables
from numpy.testing import assert_allclose
from safetensors.torch import load_file
from tiny import make_encoder

from esm2amp_core.bundles import read_manifest
from esm2amp_core.cli.main import main
from esm2amp_core.evaluation.measures import measure
from esm2amp_core.labelled import read_labelled
from esm2amp_core.predictor import Predictor
from esm2amp_core.reference import TrainingReference
from esm2amp_core.selfcheck import run_self_check

TINY = ("--size", "layers=1", "--size", "heads=2", "--size", "feedforward=16", "--size", "hidden1=8",
        "--size", "hidden2=4")  # fmt: skip
TABLES = ("--pairs", "train.csv", "--validation", "validation.csv", "--sequences", "proteins.fasta")
FAST = ("--encoder", "encoder", "--rate", "3e-3", "--batch", "32", "--epochs", "3", *TINY)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    write_tables(folder)
    make_encoder(folder / "encoder", width=WIDTH)
    return folder


@pytest.fixture
def esm2amp(inputs, tmp_path, monkeypatch, capsys):
    """Run a command beside fresh copies of the inputs: exit code, standard output, standard error."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(inputs / "workspace"))  # features are computed once
    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "validation.csv", "proteins.fasta"):
        Path(name).write_bytes((inputs / name).read_bytes())
    Path("encoder").symlink_to(inputs / "encoder")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["esm2amp", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out, said.err

    return run


def append(name, *rows):
    with open(name, "a", encoding="utf-8") as file:
        file.writelines(f"{row}\n" for row in rows)


def test_a_trained_model_tells_all_about_itself(esm2amp):
    code, out, err = esm2amp("train", *TABLES, *FAST, "-o", "mine")
    assert code == 0, err
    assert "epoch   3" in err and "AUROC" in out
    manifest = read_manifest(Path("mine"))
    data = manifest.training["data"]
    assert (data["train"]["n_pairs"], data["train"]["n_proteins"]) == (300, 40)
    assert data["validation"]["n_pairs"] == 120
    assert len(data["sequences"]["sha256"]) == 64
    assert manifest.training["command"].startswith("esm2amp train --pairs train.csv")
    assert manifest.training["classifier"]["rate"] == 3e-3
    assert manifest.threshold == 0.5
    curves = pd.read_csv("mine/training_curves.csv")
    assert list(curves["epoch"]) == [1, 2, 3]
    assert manifest.training["best_epoch"] == curves["valid_auroc"].idxmax() + 1
    reference = TrainingReference.load(Path("mine/training_proteins.npz"))
    assert len(reference) == 40
    assert not Path("mine.training").exists()
    assert not Path("mine.left_out.csv").exists() and not Path(".mine.lock").exists()
    assert all(case.passed for case in run_self_check(Predictor.load(Path("mine"), precision="float32")))


@pytest.mark.parametrize("architecture", ["amps", "gru"])
def test_its_figures_are_those_of_its_own_predictions(esm2amp, architecture):
    sizes = ("--size", "hidden1=8", "--size", "layers=1") if architecture == "gru" else TINY
    options = ("--encoder", "encoder", "--rate", "1e-2", "--epochs", "2", *sizes)
    code, _, err = esm2amp("train", *TABLES, *options, "--architecture", architecture, "-o", "mine")
    assert code == 0, err
    predicted = Predictor.load(Path("mine")).predict(read_labelled("validation.csv", "proteins.fasta")).frame
    shipped = read_manifest(Path("mine")).metrics["validation"]
    found = measure(predicted["label"].to_numpy(), predicted["probability"].to_numpy(float))
    assert_allclose([found[name] for name in found], [shipped[name] for name in found], atol=1e-6)
    curve = read_manifest(Path("mine")).operating
    assert (curve.n_positive, curve.n_negative) == (found["n_positive"], 120 - found["n_positive"])


def test_the_signal_of_sequences_is_learned(esm2amp):
    options = ("--encoder", "encoder", "--architecture", "mean", "--rate", "1e-2", "--batch", "32")
    assert esm2amp("train", *TABLES, *options, "--epochs", "10", "-o", "mine")[0] == 0
    assert read_manifest(Path("mine")).metrics["validation"]["auroc"] > 0.9


def test_rows_that_cannot_be_used_are_counted_listed_and_left_out(esm2amp):
    append("train.csv", "P0,long,1", "nobody,P1,0", "P2,odd,1")
    append("proteins.fasta", ">long", "A" * 3000, ">odd", "MKV1" * 20)
    code, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine")
    assert code == 3
    assert "3 of the 303 rows of the train table cannot be used" in err
    assert "3,000 residues" in err
    assert not Path("mine/left_out.csv").exists() and "mine.left_out.csv" in err
    left_out = pd.read_csv("mine.left_out.csv")
    assert list(left_out["row"]) == [301, 302, 303]
    assert list(left_out["table"]) == ["train"] * 3
    assert all(left_out["reason"].str.contains("residues|no sequence|position 4"))
    told = read_manifest(Path("mine")).training["data"]["train"]
    assert told["n_left_out"] == 3 == sum(told["left_out"].values())


def test_a_validation_protein_known_from_training_is_told(esm2amp):
    append("validation.csv", "P0,P41,0")
    code, out, err = esm2amp("train", *TABLES, *FAST, "-o", "mine")
    assert code == 0
    assert "LEAK: 1 of the 21 validation proteins also occur in training" in err
    assert "say little about new proteins" in read_manifest(Path("mine")).limitations[0]


def test_a_validation_pair_known_from_training_is_refused_unless_allowed(esm2amp):
    a, b, _ = Path("train.csv").read_text().splitlines()[5].split(",")
    sequence = Path("proteins.fasta").read_text().split(f">{a}\n")[1].split("\n")[0]
    append("proteins.fasta", ">alias", sequence)  # the same protein under another name
    append("validation.csv", f"{b},alias,1")
    code, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine")
    assert code == 2
    assert f"1 validation row repeats a pair of the training table ({b}-alias)" in err
    assert not Path("mine").exists()
    code, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine", "--allow-leaks")
    assert code == 0
    assert "1 of its rows repeat a training pair" in read_manifest(Path("mine")).limitations[0]


def test_repeats_and_contradictions_are_told(esm2amp):
    a, b, label = Path("train.csv").read_text().splitlines()[5].split(",")
    append("train.csv", f"{b},{a},{1 - int(label)}", f"{a},{b},{label}")
    _, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine")
    assert "2 rows of the train table repeat an earlier pair; 1 pair carries both labels" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--architecture", "magic"), "no architecture 'magic'"),
        (("--size", "depth=2"), "amps has no size depth=2"),
        (("--size", "layers"), "--size layers=2"),
        (("--size", "heads=3"), "cannot be shared by 3 heads"),
        (("--architecture", "mean", "--dropout", "0.1"), "mean has no dropout|mean has no size"),
        (("--rate", "0"), "The learning rate (--rate) is 0.0. It lies above 0 and below 10."),
        (("--rate", "1e30"), "The learning rate (--rate) is 1e+30. It lies above 0 and below 10."),
        (("--weight-decay", "-5"), "The weight decay (--weight-decay) is -5.0. It lies from 0 to below 10."),
        (("--averaging", "1"), "(--averaging) is 1.0. It lies from 0 to below 1."),
        (("--precision", "double"), "no precision 'double'"),
        (("--device", "quantum"), "no device 'quantum'"),
        (("--label", "truth"), "no column 'truth'"),
        (("--encoder", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_words(esm2amp, options, message):
    code, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine", *options)
    assert code == 2
    assert any(part in err for part in message.split("|")), err
    assert "Traceback" not in err and not Path("mine").exists()


def test_one_label_alone_is_refused(esm2amp):
    table = pd.read_csv("validation.csv")
    table[table["label"] == 1].to_csv("validation.csv", index=False)
    code, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine")
    assert code == 2
    assert "label 0" in err


def test_an_existing_model_is_never_overwritten(esm2amp):
    Path("mine").mkdir()
    code, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine")
    assert code == 2
    assert "exists already" in err


def test_compressed_tables_give_the_same_model(esm2amp):
    sequences = Path("proteins.fasta").read_text().split(">")[1:]
    rows = [entry.strip().split("\n") for entry in sequences]
    text = "id\tsequence\n" + "".join(f"{name}\t{sequence}\n" for name, sequence in rows)
    Path("proteins.tsv.gz").write_bytes(gzip.compress(text.encode()))
    Path("train.tsv.gz").write_bytes(gzip.compress(Path("train.csv").read_bytes().replace(b",", b"\t")))
    packed = ("--pairs", "train.tsv.gz", "--validation", "validation.csv", "--sequences", "proteins.tsv.gz")
    assert esm2amp("train", *TABLES, *FAST, "-o", "plain")[0] == 0
    assert esm2amp("train", *packed, *FAST, "-o", "packed")[0] == 0
    assert Path("plain/weights.safetensors").read_bytes() == Path("packed/weights.safetensors").read_bytes()


def test_the_encoder_of_a_model_comes_along_and_a_folder_is_referred_to(esm2amp):
    assert esm2amp("train", *TABLES, *FAST, "-o", "first", "--copy-encoder")[0] == 0
    assert read_manifest(Path("first")).encoder.folder == "encoder"
    options = [option if option != "encoder" else "first" for option in FAST]
    assert esm2amp("train", *TABLES, *options, "-o", "second")[0] == 0
    assert Path("second/encoder/config.json").exists()
    assert esm2amp("train", *TABLES, *FAST, "-o", "third")[0] == 0
    assert Path(read_manifest(Path("third")).encoder.folder) == Path("encoder").resolve()
    weights = [Path(name, "weights.safetensors").read_bytes() for name in ("first", "second", "third")]
    assert weights[0] == weights[1] == weights[2]


KILLED = """
import os, signal, sys, torch
torch.set_num_threads(1)
from esm2amp_core.training import fit
real = fit.save_checkpoint
def kill_after(path, facts, state):
    real(path, facts, state)
    if state["epoch"] == 2:
        os.kill(os.getpid(), signal.SIGKILL)
fit.save_checkpoint = kill_after
from esm2amp_core.cli.main import main
sys.argv = {arguments!r}
main()
"""


def test_a_killed_run_is_resumed_to_the_same_model(esm2amp):
    arguments = ["train", *TABLES, *FAST, "-o", "killed"]
    code = KILLED.format(arguments=["esm2amp", *arguments])
    run = subprocess.run([sys.executable, "-c", code], timeout=120, capture_output=True)
    assert run.returncode == -signal.SIGKILL
    code, _, err = esm2amp(*arguments)
    assert code == 2
    assert "--resume" in err
    code, _, err = esm2amp(*arguments, "--resume", "--seed", "5")
    assert code == 2
    assert "seed (0 then, 5 now)" in err
    assert esm2amp(*arguments, "--resume")[0] == 0
    assert esm2amp("train", *TABLES, *FAST, "-o", "whole")[0] == 0
    killed, whole = (load_file(f"{name}/weights.safetensors") for name in ("killed", "whole"))
    assert all(torch.equal(killed[name], whole[name]) for name in whole)
    assert Path("killed/training_curves.csv").read_text() == Path("whole/training_curves.csv").read_text()


def test_resuming_with_other_data_says_in_words_what_is_other(esm2amp):
    arguments = ["train", *TABLES, *FAST, "-o", "killed"]
    subprocess.run([sys.executable, "-c", KILLED.format(arguments=["esm2amp", *arguments])], timeout=120)
    lines = Path("train.csv").read_text().splitlines(keepends=True)
    Path("train.csv").write_text("".join(lines[:-1]))
    code, _, err = esm2amp(*arguments, "--resume", "--rate", "0.1")
    assert code == 2
    assert "rate (0.003 then, 0.1 now); other training pairs (digest " in err
    assert "validation pairs" not in err and not re.search("[0-9a-f]{9}", err)


def test_with_nothing_to_resume_training_begins_and_says_so(esm2amp):
    code, _, err = esm2amp("train", *TABLES, *FAST, "-o", "mine", "--resume")
    assert code == 0
    assert "There was nothing to resume: mine.training does not exist. Training begins." in err


WAITING = """
import sys, time, torch
torch.set_num_threads(1)
from pathlib import Path
from esm2amp_core.training import fit
real = fit.save_checkpoint
def wait(path, facts, state):
    real(path, facts, state)
    Path("waiting").touch()
    while not Path("go").exists():
        time.sleep(0.02)
fit.save_checkpoint = wait
from esm2amp_core.cli.main import main
sys.argv = {arguments!r}
main()
"""
TUNE = ("--architecture", "mean", "--epochs", "2", "--trials", "2", "--encoder", "encoder",
        "--search", "hidden1=4:8:4", "--size", "hidden2=4")  # fmt: skip


@contextmanager
def waiting(arguments):
    """A process that runs a command and waits after its first epoch, until the file `go` is there."""
    code = WAITING.format(arguments=["esm2amp", *arguments])
    run = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not Path("waiting").exists():
        assert run.poll() is None and time.monotonic() < deadline, run.stderr.read()
        time.sleep(0.02)
    try:
        yield run
    finally:
        run.kill()
        run.communicate()


@pytest.mark.parametrize("command", ["train", "tune"])
def test_of_two_runs_into_one_folder_the_second_is_refused_and_the_first_not_disturbed(esm2amp, command):
    arguments = (command, *TABLES, *(FAST if command == "train" else TUNE), "-o", f"mine_{command}")
    with waiting(arguments) as first:
        comparison = ("compare", *TABLES, *FAST, "-o", f"mine_{command}")
        for second in (arguments, (*arguments, "--resume"), comparison):
            code, _, err = esm2amp(*second)
            assert code == 2
            assert err == (f"esm2amp: mine_{command} is being trained by another process (pid {first.pid}). "
                           "Wait for its end, or choose another folder with -o.\n")  # fmt: skip
        Path("go").touch()
        _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    assert esm2amp(*arguments[:-1], f"alone_{command}")[0] == 0
    alone = Path(f"alone_{command}/weights.safetensors").read_bytes()
    assert Path(f"mine_{command}/weights.safetensors").read_bytes() == alone
    assert not [path.name for path in Path().iterdir() if path.name.endswith(".lock")]


@pytest.mark.parametrize("command", ["train", "tune"])
def test_the_lock_of_a_killed_run_is_gone_and_the_run_can_be_resumed(esm2amp, command):
    arguments = (command, *TABLES, *(FAST if command == "train" else TUNE), "-o", f"killed_{command}")
    with waiting(arguments) as first:
        first.kill()
        assert first.wait() == -signal.SIGKILL
    assert Path(f".killed_{command}.lock").read_text() == str(first.pid)
    code, _, err = esm2amp(*arguments, "--resume")
    assert code == 0, err
    assert esm2amp(*arguments[:-1], f"whole_{command}")[0] == 0
    killed, whole = (Path(f"{name}_{command}/weights.safetensors") for name in ("killed", "whole"))
    assert killed.read_bytes() == whole.read_bytes()


def test_two_searches_of_one_study_are_refused_also_in_different_folders(esm2amp):
    arguments = ("tune", *TABLES, *TUNE, "--study", "shared/name")
    with waiting((*arguments, "-o", "first")) as first:
        code, _, err = esm2amp(*arguments, "-o", "second", "--resume")
        assert code == 2
        assert f"The study 'shared/name' is being searched by another process (pid {first.pid})." in err
        assert esm2amp("train", *TABLES, *FAST, "-o", "second")[0] == 0  # something else is no matter
        Path("go").touch()
        _, err = first.communicate(timeout=120)
    assert first.returncode == 0, err
    # Both trials, and the best one named: none has failed.
    assert err.count("trial ") == 3 and "trial 1:" in err and "trial 2:" in err


def test_a_comparison_is_one_table_and_goes_on_where_it_stopped(esm2amp):
    arguments = ("compare", *TABLES, *FAST, "--architecture", "mean", "--architecture", "dpm", "-o", "all")
    code, out, err = esm2amp(*arguments)
    assert code == 0, err
    table = pd.read_csv("all/comparison.csv")
    assert list(table["architecture"]) == ["mean", "dpm"]
    shipped = read_manifest(Path("all/dpm")).metrics["validation"]
    assert_allclose(table["auroc"][1], shipped["auroc"])
    assert "dpm" in out
    stamp = os.stat("all/mean/manifest.json").st_mtime_ns
    code, out, err = esm2amp(*arguments, "--architecture", "amps")
    assert code == 0, err
    assert list(pd.read_csv("all/comparison.csv")["architecture"]) == ["mean", "dpm", "amps"]
    assert os.stat("all/mean/manifest.json").st_mtime_ns == stamp
    code, _, err = esm2amp(*arguments, "--seed", "3")
    assert code == 2
    assert "all/mean was trained otherwise: seed (0 then, 3 now)" in err


def test_a_search_ends_in_a_model(esm2amp):
    files = ("--pairs", "train.csv", "--sequences", "proteins.fasta", "--encoder", "encoder", "-o", "mine")
    options = ("--architecture", "mean", "--epochs", "2", "--trials", "2", "--folds", "2",
               "--search", "hidden1=4:8:4", "--size", "hidden2=4")  # fmt: skip
    code, out, err = esm2amp("tune", *files, *options)
    assert code == 0, err
    assert "trial 1" in err
    manifest = read_manifest(Path("mine"))
    assert manifest.training["search"]["n_trials"] == 2
    data = manifest.training["data"]
    assert (data["train"]["n_pairs"], data["validation"]["n_pairs"]) == (150, 150)
    assert manifest.sizes["hidden2"] == 4
    assert "drawn at random" in manifest.limitations[0]
    json.dumps(manifest.training)
    assert not Path("mine.tuning").exists()
    assert np.isfinite(manifest.metrics["validation"]["auroc"])
