"""The command line as scripts rely on it: files, columns, exit codes, one line per error."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from openpyxl import load_workbook
from tiny import INSULIN_A, UBIQUITIN, make_encoder
from tiny_bundle import SIZES, WIDTH, make_bundle, make_classifier

from esm2amp_core.cli.main import main
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.features import pool_protein
from esm2amp_core.pairs import read_pairs
from esm2amp_core.predictions import RESULT_COLUMNS, TRUST_COLUMNS
from esm2amp_core.reference import TrainingReference
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace

FASTA = f">UBQ ubiquitin\n{UBIQUITIN}\n>sp|P01308|INS_HUMAN Insulin A chain\n{INSULIN_A.lower()}\n"
PAIRS = "protein_a,protein_b,note\nUBQ,P01308,first\nP01308,UBQ,=1+1\nUBQ,UBQ,\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with an encoder and the models that the commands find."""
    folder = tmp_path_factory.mktemp("installed")
    make_encoder(folder / "encoder", width=WIDTH)
    make_bundle(folder / "models" / "starter", folder / "encoder")
    return folder


@pytest.fixture
def esm2amp(installed, tmp_path, monkeypatch, capsys):
    """Run a command in a fresh workspace: exit code, standard output, standard error."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("ESM2AMP_MODELS", str(installed / "models"))
    monkeypatch.chdir(tmp_path)
    Path("proteins.fasta").write_text(FASTA, encoding="utf-8")
    Path("pairs.csv").write_text(PAIRS, encoding="utf-8")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["esm2amp", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out, said.err

    return run


def test_trust_columns_come_last_and_only_when_asked_for(esm2amp, installed):
    make_bundle(installed / "models" / "telling", installed / "encoder", extras={
        "training_proteins.npz": TrainingReference.of([Protein("UBQ of the lab", UBIQUITIN)]).to_bytes()
    })  # fmt: skip
    command = "predict pairs.csv --sequences proteins.fasta -o out.csv --bundle telling".split()
    assert esm2amp(*command, "--trust")[0] == 0
    told = pd.read_csv("out.csv", keep_default_na=False)
    assert tuple(told.columns) == (*RESULT_COLUMNS, "note", *TRUST_COLUMNS)
    assert told["nearest_a"][0] == "UBQ of the lab" and told["trust_class"][0] == "C2"
    assert esm2amp(*command)[0] == 0
    plain = pd.read_csv("out.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(plain, told[[*RESULT_COLUMNS, "note"]])


def test_a_model_that_tells_no_training_proteins_leaves_the_trust_columns_empty(esm2amp):
    command = "predict pairs.csv --sequences proteins.fasta -o out.csv --trust".split()
    code, _, err = esm2amp(*command)
    assert code == 0 and "does not tell its training proteins" in err
    table = pd.read_csv("out.csv")
    assert tuple(table.columns) == (*RESULT_COLUMNS, "note", *TRUST_COLUMNS)
    assert table[list(TRUST_COLUMNS)].isna().all(axis=None)


def test_predict_writes_the_promised_columns_in_input_order(esm2amp):
    code, out, err = esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")
    assert (code, out) == (0, "")
    assert "3 rows written to out.csv" in err
    table = pd.read_csv("out.csv", keep_default_na=False)
    assert tuple(table.columns) == (*RESULT_COLUMNS, "note")
    assert list(table["row"]) == [1, 2, 3]
    assert list(table["protein_a"]) == ["UBQ", "P01308", "UBQ"]
    assert table["probability"][0] == table["probability"][1]
    assert list(table["note"]) == ["first", "'=1+1", ""]


@pytest.mark.parametrize("suffix", ["xlsx", "parquet"])
def test_predict_writes_the_same_numbers_in_every_format(esm2amp, suffix):
    assert esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")[0] == 0
    assert esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", f"out.{suffix}")[0] == 0
    read = {"xlsx": pd.read_excel, "parquet": pd.read_parquet}[suffix]
    assert_allclose(read(f"out.{suffix}")["logit"], pd.read_csv("out.csv")["logit"], rtol=1e-15)
    if suffix == "xlsx":
        sheet = load_workbook("out.xlsx").active
        assert {cell.data_type for cell in sheet["I"]} <= {"s", "inlineStr", "n"}  # no formula


def test_rows_with_errors_give_exit_code_3_and_the_file(esm2amp):
    Path("pairs.csv").write_text("id1,id2\nUBQ,P01308\nUBQ,ghost\n", encoding="utf-8")
    code, _, err = esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")
    assert code == 3
    assert "1 scored, 1 with errors" in err
    table = pd.read_csv("out.csv", keep_default_na=False)
    assert list(table["status"]) == ["ok", "error"]
    assert "ghost" in table["message"][1]
    assert table["probability"][1] == ""


def test_missing_sequences_are_asked_for_only_where_there_are_none(esm2amp):
    asked = "with --sequences FILE.fasta"
    assert asked in esm2amp("predict", "pairs.csv", "-o", "out.csv")[2]
    for rows in ("protein_a,protein_b,sequence_a,sequence_b\nx,y,MKT,MKV\n",
                 f"bait,prey,baitseq,preyseq\nx,y,{UBIQUITIN},{INSULIN_A}\n"):
        Path("given.csv").write_text(rows, encoding="utf-8")
        code, _, err = esm2amp("predict", "given.csv", "-o", "out.csv")
        assert code == 3 and asked not in err and "No row has" not in err
    assert "'baitseq' or 'preyseq'" in err and "--columns" in err
    arguments = ("predict", "given.csv", "-o", "out.csv", "--columns", "bait,prey,baitseq,preyseq")
    assert esm2amp(*arguments)[0] == 0


def test_an_empty_file_of_sequences_and_repeated_pairs_are_told(esm2amp):
    rows = f"x,y,{UBIQUITIN},{INSULIN_A}\ny,x,{INSULIN_A},{UBIQUITIN}\n"
    Path("given.csv").write_text(f"id1,id2,seq1,seq2\n{rows}", encoding="utf-8")
    Path("empty.fasta").write_bytes(b"")
    code, _, err = esm2amp("predict", "given.csv", "--sequences", "empty.fasta", "-o", "out.csv")
    assert code == 0 and "2 scored" in err
    assert "empty.fasta is empty: it holds no sequence." in err and "Row 2 repeats an earlier pair" in err
    err = esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")[2]
    assert "empty" not in err and "Row 2 repeats an earlier pair" in err


def test_columns_with_other_names_can_be_mapped(esm2amp):
    text = PAIRS.replace("protein_a,protein_b", "bait molecule,prey")
    Path("pairs.csv").write_text(text, encoding="utf-8")
    arguments = ("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")
    assert esm2amp(*arguments)[0] == 2
    assert esm2amp(*arguments, "--columns", "bait molecule,prey")[0] == 0
    assert list(pd.read_csv("out.csv")["protein_a"]) == ["UBQ", "P01308", "UBQ"]
    assert esm2amp(*arguments, "--columns", "bait molecule")[0] == 2


def test_the_longest_chain_accepted_is_a_setting(esm2amp, monkeypatch):
    monkeypatch.setenv("ESM2AMP_MAX_RESIDUES", "50")
    arguments = ("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")
    assert esm2amp(*arguments)[0] == 3
    assert "76 residues; at most 50" in pd.read_csv("out.csv")["message"][0]


@pytest.mark.parametrize("output", ["pairs.csv", "./pairs.csv", "proteins.csv"])
def test_the_input_is_never_overwritten(esm2amp, output):
    Path("proteins.fasta").rename("proteins.csv")
    before = {name: Path(name).read_bytes() for name in ("pairs.csv", "proteins.csv")}
    code, _, err = esm2amp("predict", "pairs.csv", "--sequences", "proteins.csv", "-o", output)
    assert code == 2
    assert "is also the input" in err
    assert {name: Path(name).read_bytes() for name in before} == before


def test_a_place_that_cannot_be_written_is_refused_before_the_work(esm2amp, monkeypatch):
    monkeypatch.setattr("esm2amp_core.pairs.read_pairs", lambda *_, **__: pytest.fail("the work has begun"))
    code, _, err = esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "/proc/out.csv")
    assert code == 2
    assert "/proc/out.csv cannot be written" in err


def test_an_incident_is_one_line_and_a_report(esm2amp, monkeypatch):
    def broken(*_, **__):
        raise LookupError("the cause")

    monkeypatch.setattr("esm2amp_core.pairs.read_pairs", broken)
    code, _, err = esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")
    assert code == 1
    assert len(err.strip().splitlines()) == 1
    report = Path(err.split("not have. ")[1].split(" describes")[0])
    assert "the cause" in report.read_text(encoding="utf-8")
    report.unlink()


@pytest.mark.parametrize(
    ("name", "value"), [("MAX_PAIRS", "-1"), ("MAX_RESIDUES", "0"), ("MAX_FILE_MB", "many")]
)
def test_settings_that_make_no_sense_are_named(esm2amp, monkeypatch, name, value):
    monkeypatch.setenv(f"ESM2AMP_{name}", value)
    code, _, err = esm2amp("models", "list")
    assert code == 2
    assert f"ESM2AMP_{name} is '{value}'" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "absent.csv", "-o", "out.csv"], "absent.csv"),
        (["predict", "pairs.csv", "-o", "out.doc"], ".doc"),
        (["predict", "pairs.csv", "-o", "nowhere/out.csv"], "nowhere"),
        (["predict", "pairs.csv"], "--output"),
        (["predict", "proteins.fasta", "-o", "out.csv"], "FASTA"),
        (["predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv", "--bundle", "x"], "'x'"),
        (["predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "o.csv", "--device", "tpu"], "tpu"),
        (["embed", "pairs.csv", "-o", "features.npz"], "FASTA"),
        (["embed", "proteins.fasta", "-o", "features.txt"], ".npz"),
        (["embed", "proteins.fasta", "-o", "features.npz", "--encoder", "nobody/nothing"], "nobody/nothing"),
        (["models", "show", "absent"], "absent"),
        (["jobs", "show", "absent"], "absent"),
        (["jobs", "cancel", "absent"], "absent"),
        (["nonsense"], "nonsense"),
        (["jobs", "list", "--limit", "99999999999999999999"], "--limit"),
        (["app", "--port", "99999999"], "--port"),
    ],
)
def test_bad_usage_and_unreadable_input_give_exit_code_2_and_one_line(esm2amp, arguments, said):
    code, out, err = esm2amp(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert not Path("out.csv").exists()


def test_embed_writes_features_in_input_order(esm2amp, installed):
    assert esm2amp("embed", "proteins.fasta", "-o", "features.npz")[0] == 0
    features = np.load("features.npz")
    assert features["ids"][0] == "UBQ"
    assert {name: features[name].dtype for name in ("cls", "eos", "mean", "segments")} == dict.fromkeys(
        ("cls", "eos", "mean", "segments"), np.dtype("float32")
    )
    embedder = Esm2Embedder.load(installed / "encoder", device="cpu")
    for row, sequence in enumerate((UBIQUITIN, INSULIN_A)):
        ((_, states),) = embedder.embed([Protein("x", sequence)])
        pooled = pool_protein(states)
        assert_allclose(features["cls"][row], pooled[0], rtol=1e-5, atol=1e-6)
        assert_allclose(features["eos"][row], pooled[1], rtol=1e-5, atol=1e-6)
        assert_allclose(features["mean"][row], pooled[2], rtol=1e-5, atol=1e-6)
        assert_allclose(features["segments"][row], pooled[3:], rtol=1e-5, atol=1e-6)


def test_embed_takes_the_encoder_of_a_model(esm2amp, installed):
    for encoder in ("", "starter", installed / "models" / "starter", installed / "encoder"):
        code, _, err = esm2amp("embed", "proteins.fasta", "-o", "out.npz", "--encoder", encoder)
        assert (code, err.splitlines()[-1]) == (0, "2 proteins written to out.npz.")


def test_a_model_that_is_there_is_not_downloaded(esm2amp):
    code, _, err = esm2amp("models", "download", "starter")
    assert code == 0 and "starter is installed already" in err


def test_embed_writes_the_table_of_the_authors_scripts(esm2amp):
    assert esm2amp("embed", "proteins.fasta", "-o", "features.npz")[0] == 0
    assert esm2amp("embed", "proteins.fasta", "-o", "features.h5")[0] == 0
    table, features = pd.read_hdf("features.h5", key="df"), np.load("features.npz")
    assert list(table["Entry"]) == list(features["ids"])
    for token in ("cls", "eos", "mean"):
        columns = [f"ESM2_{token}{i}" for i in range(WIDTH)]
        assert_allclose(table[columns], features[token])
    for segment in range(10):
        columns = [f"ESM2_segment{segment}_mean{i}" for i in range(WIDTH)]
        assert_allclose(table[columns], features["segments"][:, segment])


def test_embed_names_what_it_leaves_out(esm2amp):
    Path("proteins.fasta").write_text(f">good\n{UBIQUITIN}\n>short\nMKV\n", encoding="utf-8")
    code, _, err = esm2amp("embed", "proteins.fasta", "-o", "features.npz")
    assert code == 3
    assert "short" in err
    assert list(np.load("features.npz")["ids"]) == ["good"]


@pytest.mark.parametrize("architecture", SIZES)
def test_a_published_checkpoint_becomes_a_model_with_the_same_scores(esm2amp, installed, architecture):
    classifier = make_classifier(architecture)
    # As the authors save it: parallel training's prefix, metrics and optimiser beside the weights.
    state = {f"module.{name}": tensor for name, tensor in classifier.state_dict().items()}
    torch.save({"model_state_dict": state, "loss": np.float64(0.5), "epoch": 3}, "published.pth")
    code, _, err = esm2amp(
        "models", "import", "--architecture", architecture, "--checkpoint", "published.pth",
        "--encoder", installed / "encoder", "-o", "mine",
    )  # fmt: skip
    assert code == 0, err
    make_bundle(Path("reference").absolute(), installed / "encoder", architecture)
    for name in ("mine", "reference"):
        arguments = ("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", f"{name}.csv")
        assert esm2amp(*arguments, "--bundle", f"./{name}")[0] == 0
    mine, reference = pd.read_csv("mine.csv"), pd.read_csv("reference.csv")
    assert_allclose(mine["logit"], reference["logit"], rtol=1e-6)


def test_an_encoder_of_another_width_is_refused_at_import(esm2amp, tmp_path):
    torch.save({"model_state_dict": make_classifier("mean").state_dict()}, "published.pth")
    make_encoder(tmp_path / "wide", width=32)
    code, _, err = esm2amp("models", "import", "--architecture", "mean", "--checkpoint", "published.pth",
                           "--encoder", tmp_path / "wide", "-o", "mine")  # fmt: skip
    assert code == 2
    assert "width 16" in err and "makes 32" in err
    assert not Path("mine").exists()


def test_models_are_listed_shown_and_checked(esm2amp):
    assert "starter" in esm2amp("models", "list")[1]
    assert "Tiny amps" in esm2amp("models", "show", "starter")[1]
    code, out, _ = esm2amp("models", "check", "starter")
    assert code == 0
    assert out.count(", as shipped") == 3
    assert "OK" in out


def test_a_changed_file_of_a_model_is_noticed(esm2amp, installed, tmp_path):
    folder = make_bundle(tmp_path / "copy", installed / "encoder")
    weights = bytearray((folder / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(weights)
    code, _, err = esm2amp("models", "check", folder)
    assert code == 2
    assert "weights.safetensors" in err


def test_jobs_are_listed_shown_and_cancelled(esm2amp):
    workspace = Workspace.open(Settings.from_environment())
    job = workspace.submit_prediction(read_pairs("pairs.csv", sequences="proteins.fasta"), title="My pairs")
    assert "My pairs" in esm2amp("jobs", "list")[1]
    assert "queued" in esm2amp("jobs", "show", job.id)[1]
    assert esm2amp("jobs", "cancel", job.id)[0] == 0
    assert workspace.jobs.get(job.id).state == "cancelled"


def test_a_title_does_not_steer_the_terminal(esm2amp):
    workspace = Workspace.open(Settings.from_environment())
    pairs = read_pairs("pairs.csv", sequences="proteins.fasta")
    job = workspace.submit_prediction(pairs, title="mine\x1b[2J\u202e")
    for command in (("list",), ("show", job.id)):
        said = "".join(map(str, esm2amp("jobs", *command)))
        assert "mine\\x1b[2J\\u202e" in said and not set("\x1b\u202e") & set(said)


def test_the_module_is_the_command():
    run = subprocess.run(
        [sys.executable, "-m", "esm2amp_core", "version"], capture_output=True, text=True, timeout=120
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("esm2amp ")


def test_ctrl_c_while_the_program_is_loaded_ends_in_one_line():
    code = (
        "import runpy, sys\n"
        "class Interrupted:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'typer':\n"
        "            raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupted())\n"
        "runpy.run_module('esm2amp_core', run_name='__main__')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout, run.stderr) == (130, "", "esm2amp: stopped.\n")


def test_a_card_is_short_unless_everything_is_asked_for(esm2amp):
    short, full = (esm2amp("models", "show", "starter", *more)[1] for more in ((), ("--all",)))
    assert "title: Tiny amps" in short and "--all" in short
    assert "checksums" not in short and "checksums" in full
    assert len(short.splitlines()) < 25 < len(full.splitlines())


def test_help_names_every_published_architecture(esm2amp):
    for command in ("import", "download"):
        out = esm2amp("models", command, "--help")[1]
        assert all(name in out for name in ("amps", "amp_cse", "gru", "mean", "dpm"))


def test_guarded_text_reads_back_as_it_was(esm2amp):
    assert esm2amp("predict", "pairs.csv", "--sequences", "proteins.fasta", "-o", "out.csv")[0] == 0
    again = read_pairs("out.csv", sequences="proteins.fasta")
    assert list(again.frame["note"]) == ["first", "=1+1", ""]
