"""``esm2amp evaluate`` as scripts rely on it."""

import gzip
import html
import os
import sys

import pandas as pd
import pytest
from numpy.testing import assert_allclose
from report_samples import make_pairs, make_proteins
from sklearn import metrics
from tiny import make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.bundles import bundle_digest, file_digest
from esm2amp_core.cli.main import main
from esm2amp_core.files.run_lock import sole_writer
from esm2amp_core.reference import TrainingReference
from esm2amp_core.report_words import facts
from esm2amp_core.reports import REPORT, REPORT_PAGE, TABLES, read_report

PROTEINS = make_proteins(20)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    make_encoder(folder / "encoder", width=WIDTH)
    make_bundle(folder / "models" / "starter", folder / "encoder")
    seen = TrainingReference.of(list(PROTEINS.values())[:12])
    make_bundle(folder / "models" / "telling", folder / "encoder",
                extras={"training_proteins.npz": seen.to_bytes()})
    return folder


@pytest.fixture
def evaluate(installed, tmp_path, monkeypatch, capsys):
    """Run `esm2amp evaluate` on 80 labelled pairs: exit code, standard output, standard error."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("ESM2AMP_MODELS", str(installed / "models"))
    monkeypatch.chdir(tmp_path)
    make_pairs(PROTEINS, 80).frame.drop(columns="row").to_csv("pairs.tsv", sep="\t", index=False)
    make_pairs(PROTEINS, 90, seed=7).frame.drop(columns="row").to_csv("train.tsv", sep="\t", index=False)
    rows = [f"{name}\t{protein.sequence}" for name, protein in PROTEINS.items()]
    with gzip.open("proteins.tsv.gz", "wt") as file:
        file.write("\n".join(["protein\tsequence", *rows]) + "\n")

    def run(*arguments, pairs="pairs.tsv", sequences="proteins.tsv.gz", output="report"):
        command = ["esm2amp", "evaluate", "--pairs", pairs, "--sequences", sequences, "-o", output,
                   "--resamples", "100", *arguments]  # fmt: skip
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as exit_:
            main()
        said = capsys.readouterr()
        return exit_.value.code or 0, said.out, said.err

    return run


def test_a_second_run_into_the_same_folder_is_refused_before_the_work(evaluate, tmp_path, monkeypatch):
    monkeypatch.setattr("esm2amp_core.predictor.Predictor.load", lambda *_, **__: pytest.fail("worked"))
    with sole_writer(tmp_path / "report"):
        code, _, notes = evaluate()
    assert code == 2 and f"report is being written by another process (pid {os.getpid()})." in notes
    assert not list(tmp_path.glob("*report*")) and not list(tmp_path.glob(".*"))


def test_a_report_is_written_with_its_provenance(evaluate, tmp_path, installed):
    code, said, _ = evaluate("--title", "Mine")
    assert code == 0 and "AUROC" in said and "baselines could not be run" in said
    folder = tmp_path / "report"
    assert {path.name for path in folder.iterdir()} == {REPORT, REPORT_PAGE, *TABLES}
    report = read_report(folder)
    assert report.title == "Mine"
    assert report.model["digest"] == bundle_digest(installed / "models" / "starter")
    assert report.data["pairs_sha256"] == file_digest(tmp_path / "pairs.tsv")
    assert report.data["sequences_sha256"] == file_digest(tmp_path / "proteins.tsv.gz")
    scores = pd.read_csv(folder / "scores.csv")
    assert_allclose(report.measures["auroc"].value,
                    metrics.roc_auc_score(scores["label"], scores["probability"]), atol=1e-9)


def test_what_bfloat16_moves_is_told_with_the_precision(evaluate, tmp_path):
    assert evaluate("--precision", "bfloat16")[0] == 0
    report = read_report(tmp_path / "report")
    shift = report.model["precision_shift"]
    assert report.model["precision"] == "bfloat16" and 0 < shift < 0.02
    words = f"bfloat16, which moves the model's self-check by at most {shift:.2g} in probability"
    assert facts(report)["precision"] == words and "precision_shift" not in str(facts(report))
    assert words in html.unescape((tmp_path / "report" / REPORT_PAGE).read_text(encoding="utf-8"))


def test_training_pairs_bring_baselines_and_classes(evaluate, tmp_path):
    assert evaluate("--train-pairs", "train.tsv")[0] == 0
    report = read_report(tmp_path / "report")
    assert [baseline.name for baseline in report.baselines] == [
        "identity", "single_protein", "amino_acids", "dipeptides",
    ]  # fmt: skip
    assert report.data["n_train"] == 90
    assert sum(part.n_pairs for part in report.classes) == 80


def test_the_models_own_list_of_training_proteins_decides_what_was_seen(evaluate, tmp_path):
    assert evaluate("--bundle", "telling", "--train-pairs", "train.tsv")[0] == 0
    report = read_report(tmp_path / "report")
    assert "stored with the model" in report.data["classes_from"]
    seen = set(list(PROTEINS)[:12])
    frame = make_pairs(PROTEINS, 80).frame
    expected = (frame["protein_a"].isin(seen) & frame["protein_b"].isin(seen)).sum()
    assert report.classes[0].n_pairs == expected


def test_rows_without_a_sequence_are_left_out_told_and_change_the_exit_code(evaluate, tmp_path):
    frame = pd.read_csv("pairs.tsv", sep="\t")
    frame.loc[3, "protein_a"] = "UNKNOWN"
    frame.to_csv("pairs.tsv", sep="\t", index=False)
    code, said, notes = evaluate()
    assert code == 3 and "1 of 80 rows" in said and "row 4" in notes
    report = read_report(tmp_path / "report")
    assert [row["row"] for row in report.left_out] == [4] and report.data["n_scored"] == 79


def test_repeated_pairs_and_contradictory_labels_are_told_with_their_rows(evaluate, tmp_path):
    frame = pd.read_csv("pairs.tsv", sep="\t")
    frame = frame[~frame[["protein_a", "protein_b"]].apply(frozenset, axis=1).duplicated()][:60]
    a, b, label = frame.iloc[4][["protein_a", "protein_b", "label"]]
    more = pd.DataFrame({"protein_a": [a, b], "protein_b": [b, a], "label": [label, 1 - label]})
    pd.concat([frame, more]).to_csv("pairs.tsv", sep="\t", index=False)
    code, said, _ = evaluate()
    assert code == 0
    repeats = "2 rows repeat an earlier pair, by sequence and in either order (row 61; row 62)."
    contradiction = f"Contradictory labels: 1 pair is labelled both 1 and 0 (rows 5 and 62: {a} and {b})."
    assert repeats in said and contradiction in said
    report = read_report(tmp_path / "report")
    assert (report.data["n_repeated"], report.data["n_contradicting"]) == (2, 1)
    assert contradiction in (tmp_path / "report" / REPORT_PAGE).read_text()


def test_what_stands_there_is_never_replaced(evaluate, tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "thesis.txt").write_text("mine")
    code, _, notes = evaluate()
    assert code == 2 and "exists already" in notes
    assert (tmp_path / "report" / "thesis.txt").read_text() == "mine"


@pytest.mark.parametrize("output", ["pairs.tsv/report", "x" * 300, "new/" + "x" * 300])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(evaluate, tmp_path, monkeypatch, output):
    from esm2amp_core.predictor import Predictor

    monkeypatch.setattr(Predictor, "load", lambda *_, **__: pytest.fail("the work has begun"))
    code, _, notes = evaluate(output=output)
    assert code == 2 and "cannot be written" in notes and "Traceback" not in notes
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("change, told", [
    (lambda frame: frame.drop(columns="label"), "no column of labels"),
    (lambda frame: frame.assign(label="maybe"), "no usable label"),
    (lambda frame: frame.assign(label=1), "All 80 pairs"),
])  # fmt: skip
def test_tables_that_allow_no_figures_are_refused_in_words(evaluate, tmp_path, change, told):
    change(pd.read_csv("pairs.tsv", sep="\t")).to_csv("pairs.tsv", sep="\t", index=False)
    code, _, notes = evaluate()
    assert code == 2 and told in notes and "Traceback" not in notes
    assert not (tmp_path / "report").exists()


def test_files_that_are_not_there_are_told(evaluate):
    code, _, notes = evaluate(pairs="absent.tsv")
    assert code == 2 and "absent.tsv" in notes
    code, _, notes = evaluate("--train-pairs", "absent.tsv")
    assert code == 2 and "absent.tsv" in notes
