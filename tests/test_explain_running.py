"""From pairs to the folder of their explanations: by the command, by a job, and read again."""

import html
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from report_samples import make_proteins
from tiny import make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.background import Background
from esm2amp_core.bundles import bundle_digest
from esm2amp_core.cli.main import main
from esm2amp_core.errors import JobError, PairError, UserError
from esm2amp_core.explain import running
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.running import explain_table, suitable_methods
from esm2amp_core.explanation_files import TOKEN_COLUMNS, ExplanationFolder, token_frame
from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.features import SEGMENTS, segment_bounds
from esm2amp_core.files.run_lock import sole_writer
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import EXPLAIN
from esm2amp_core.pairs import PairTable, build_pairs
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Cancelled
from esm2amp_core.settings import Settings
from esm2amp_core.tables import read_table
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace

PROTEINS = make_proteins(8)
NAMES = list(PROTEINS)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    make_encoder(folder / "encoder", width=WIDTH)
    values = np.random.default_rng(1).normal(size=(20, len(SEGMENTS), WIDTH))
    extras = {"background.npz": Background.of(SEGMENTS, values).to_bytes()}
    make_bundle(folder / "models" / "starter", folder / "encoder", extras=extras)
    make_bundle(folder / "models" / "mean", folder / "encoder", architecture="mean")
    return folder / "models"


@pytest.fixture
def workspace(models, tmp_path, monkeypatch):
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("ESM2AMP_MODELS", str(models))
    monkeypatch.chdir(tmp_path)
    return Workspace.open(Settings.from_environment())


@pytest.fixture
def explain(workspace, tmp_path, monkeypatch, capsys):
    """Run `esm2amp explain` on three pairs, one of them without a sequence: exit code, standard error."""
    names = [(NAMES[0], NAMES[1]), (NAMES[2], "=unknown"), (NAMES[3], NAMES[3])]
    pd.DataFrame(names, columns=["protein_a", "protein_b"]).to_csv("pairs.csv", index=False)
    (tmp_path / "proteins.fasta").write_text("".join(f">{n}\n{p.sequence}\n" for n, p in PROTEINS.items()))

    def run(*arguments):
        command = ["esm2amp", "explain", "pairs.csv", "--sequences", "proteins.fasta", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code, capsys.readouterr().err

    return run


def test_a_second_run_into_the_same_folder_is_refused_before_the_work(explain, monkeypatch):
    monkeypatch.setattr("esm2amp_core.predictor.Predictor.load", lambda *_, **__: pytest.fail("worked"))
    with sole_writer(Path("why")):
        code, notes = explain("-o", "why")
    assert code == 2 and "why is being written by another process" in notes and not Path("why").exists()


def table(n_rows=3) -> PairTable:
    frame = pd.DataFrame({"row": range(1, n_rows + 1),
                          "protein_a": [NAMES[i % 8] for i in range(n_rows)],
                          "protein_b": [NAMES[(3 * i + 1) % 8] for i in range(n_rows)]})  # fmt: skip
    return PairTable(frame, PROTEINS)


# ---------------------------------------------------------------- the command


def test_the_command_writes_arrays_tables_and_a_summary(explain, models):
    code, notes = explain("-o", "out", "--method", "attention")
    assert code == 3 and "row 2" in notes
    assert "2 pairs explained" in notes and "1 row could not be explained" in notes
    found = ExplanationFolder(Path("out"))
    assert found.methods == ["attention"]
    assert found.pairs["row"].tolist() == [1, 3]
    assert [row["row"] for row in found.summary["left_out"]] == [2]
    with np.load("out/attention.npz") as file:
        assert file["values"].shape == (2, 2, 8, 20, 20)
        assert [len(file[name]) for name in ("pairs", "layers", "heads", "tokens")] == [2, 2, 8, 20]
        assert file["tokens"][13] == "B.segment3"
    written = pd.read_csv("out/attention.csv")
    assert tuple(written.columns) == TOKEN_COLUMNS and len(written) == 40


def test_the_summary_tells_what_the_numbers_depend_on(explain, models):
    explain("-o", "out", "--method", "attention", "--seed", "5")
    summary = json.loads(open("out/summary.json").read())
    assert summary["model"]["digest"] == bundle_digest(models / "starter")
    assert {"encoder", "encoder_revision", "precision", "device", "architecture"} <= set(summary["model"])
    assert summary["settings"]["seed"] == 5 and summary["baseline"] == "mean of training proteins"
    assert {"torch", "captum", "shap"} <= set(summary["versions"])


def test_what_bfloat16_moves_is_told_with_the_precision(explain):
    explain("-o", "out", "--method", "attention", "--precision", "bfloat16")
    model = ExplanationFolder(Path("out")).summary["model"]
    assert model["precision"] == "bfloat16" and 0 < model["precision_shift"] < 0.02
    words = f"bfloat16, which moves the model's self-check by at most {model['precision_shift']:.2g}"
    assert words in html.unescape(Path("out/report.html").read_text(encoding="utf-8"))
    explain("-o", "exact", "--method", "attention", "--precision", "float32")
    assert "precision_shift" not in ExplanationFolder(Path("exact")).summary["model"]


def test_a_baseline_of_zeros_can_be_asked_for(explain):
    explain("-o", "out", "--method", "attention", "--baseline", "zero")
    assert json.loads(open("out/summary.json").read())["baseline"] == "zero vectors"
    code, notes = explain("-o", "other", "--baseline", "median")
    assert code == 2 and "'median'" in notes


def test_an_unknown_method_is_refused_before_any_work(explain):
    code, notes = explain("-o", "out", "--method", "attention,tea_leaves")
    assert code == 2 and "'tea_leaves'" in notes and "token_shapley" in notes


def test_a_method_that_cannot_explain_the_model_is_named(explain):
    code, notes = explain("-o", "out", "--bundle", "mean", "--method", "attention,integrated_gradients")
    assert "Without attention" in notes and code == 3
    code, notes = explain("-o", "out2", "--bundle", "mean", "--method", "attention")
    assert code == 2 and "no attention" in notes


def test_a_folder_with_something_in_it_is_left_alone(explain, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    code, notes = explain("-o", "out", "--method", "attention")
    assert code == 2 and "exists already" in notes
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


# ---------------------------------------------------------------- the folder


def test_an_explanation_is_read_as_it_was_written(workspace, tmp_path):
    predictor = Predictor.load("starter")
    explain_table(predictor, table(), tmp_path / "out", methods=["attention"])
    first = ExplanationFolder(tmp_path / "out").explanation("attention")
    again = Explanation.from_arrays("attention", first.to_arrays())
    assert again.axes == first.axes and again.settings == first.settings
    assert_array_equal(again.values, first.values)
    assert again.checks.keys() == first.checks.keys() and again.arrays.keys() == first.arrays.keys()


def test_scores_in_the_folder_are_those_of_a_prediction(workspace, tmp_path):
    predictor = Predictor.load("starter")
    explain_table(predictor, table(5), tmp_path / "out", methods=["attention"])
    expected = predictor.predict(table(5)).frame
    assert_allclose(ExplanationFolder(tmp_path / "out").pairs["logit"], expected["logit"])


def test_positions_in_tables_are_inclusive_from_one_and_cover_each_chain(workspace, tmp_path):
    explain_table(Predictor.load("starter"), table(2), tmp_path / "out", methods=["attention"])
    found = ExplanationFolder(tmp_path / "out")
    frame = token_frame(found.explanation("attention"), found.pairs, found.tokens)
    for (_, side), part in frame.groupby(["row", frame["token"].str[0]]):
        assert part["protein"].nunique() == 1
        assert_array_equal(part["start"], [1, *(part["end"].iloc[:-1] + 1)])
        length = len(PROTEINS[part["protein"].iloc[0]].sequence)
        assert part["end"].iloc[-1] == length
        assert_array_equal(part["end"], segment_bounds(length)[1:])
        assert set(part["token"]) == {f"{side}.{segment}" for segment in SEGMENTS}


@pytest.mark.parametrize("damage", ["gone", "cut", "nonsense"])
def test_a_damaged_folder_says_so_in_words(workspace, tmp_path, damage):
    explain_table(Predictor.load("starter"), table(2), tmp_path / "out", methods=["attention"])
    for name, read in (("summary.json", lambda f: f.summary), ("pairs.parquet", lambda f: f.pairs),
                       ("attention.npz", lambda f: f.explanation("attention"))):  # fmt: skip
        path = tmp_path / "out" / name
        whole = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(whole[:40] if damage == "cut" else b"[1, 2")
        with pytest.raises(JobError, match="missing or damaged"):
            read(ExplanationFolder(tmp_path / "out"))
        path.write_bytes(whole)


@pytest.mark.parametrize("summary", [
    '{"format": 1}', '{"format": 1, "methods": 3, "tokens": null}', "[1]", "[" * 100_000,
    '{"format": 1, "tokens": [1], "methods": {}, "unavailable": {}, "model": {}, "settings": {}, '
    '"versions": {}, "left_out": []}',
], ids=["empty", "kinds", "list", "deep", "tokens"])  # fmt: skip
def test_a_summary_that_lacks_what_is_read_of_it_is_told_in_words(tmp_path, summary):
    (tmp_path / "summary.json").write_text(summary)
    with pytest.raises(JobError, match="summary.json of the explanation is missing or damaged"):
        _ = ExplanationFolder(tmp_path).summary


@pytest.mark.parametrize("at", range(500, 3000, 500))
def test_arrays_with_damaged_bytes_are_told_in_words(tmp_path, at):
    path = tmp_path / "attention.npz"
    np.savez_compressed(path, values=np.random.default_rng(0).normal(size=3000).round(1))
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + b"\xff" * 50 + whole[at + 50 :])
    with pytest.raises(JobError, match="missing or damaged"):
        ExplanationFolder(tmp_path).explanation("attention")


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
def test_a_seed_that_no_generator_takes_is_refused_before_any_work(seed):
    with pytest.raises(UserError, match="seed"):
        ExplainSettings(seed=seed)


@pytest.mark.parametrize("where", ["Reading attention", "Comparing methods", "Writing files"])
def test_nothing_is_left_behind_when_the_work_is_stopped(workspace, tmp_path, where):
    def stop(stage, done, total):
        if stage == where and done == total:
            raise Cancelled

    with pytest.raises(Cancelled):
        explain_table(Predictor.load("starter"), table(2), tmp_path / "out" / "x", methods=["attention"],
                      report=stop)
    assert not [path for path in (tmp_path / "out").rglob("*")]


def test_the_report_of_residues_alone_is_of_the_pair_that_was_asked_for(workspace, tmp_path):
    explain_table(Predictor.load("starter"), table(1), tmp_path / "out", methods=["residue_gradients"],
                  settings=ExplainSettings(random_orders=20), controls=False, with_page=True)
    assert (tmp_path / "out" / "report.html").stat().st_size
    assert ExplanationFolder(tmp_path / "out").arrays("agreement")["rows"].tolist() == [1]


def test_every_test_of_the_explanations_is_a_table_too(workspace, tmp_path):
    settings = ExplainSettings(random_orders=20)
    for n, name in ((1, "one"), (2, "two")):
        explain_table(Predictor.load("starter"), table(n), tmp_path / name, methods=["attention"],
                      settings=settings)
    one, two = ({path.stem for path in (tmp_path / name).glob("*.csv")} for name in ("one", "two"))
    assert two == {"pairs", "attention", "faithfulness", "faithfulness_scores", "faithfulness_means",
                   "agreement", "randomisation"}  # fmt: skip
    assert one - two == {"controls", "controls_tokens"}  # decoys are those of a single pair
    scores = pd.read_csv(tmp_path / "two" / "faithfulness_scores.csv")
    found = ExplanationFolder(tmp_path / "two").arrays("faithfulness")
    assert_allclose(scores["p_value"], found["p_values"].ravel())
    tokens = pd.read_csv(tmp_path / "one" / "controls_tokens.csv")
    assert len(tokens) == 4 * 20 and tokens["p_value"].between(1 / 26, 1).all()


def test_methods_that_take_long_per_pair_are_not_used_unless_asked_for():
    assert [method for method in METHODS if method not in suitable_methods(1)] == ["residue_gradients"]
    assert suitable_methods(10) == suitable_methods(1)
    assert set(suitable_methods(10)) - set(suitable_methods(11)) == {"token_shapley"}


def test_a_method_that_is_left_out_of_many_pairs_says_why_and_how_to_get_it(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(running, "MOST_PAIRS", {method: 2 for method in METHODS if method != "attention"})
    predictor = Predictor.load("starter")
    summary = explain_table(predictor, table(3), tmp_path / "out")
    assert list(summary["methods"]) == ["attention"]
    reason = summary["unavailable"]["token_shapley"]
    assert "for up to 2 pairs at once and these are 3" in reason and "--method token_shapley" in reason
    asked = explain_table(predictor, table(3), tmp_path / "asked", methods=["attention"])
    assert asked["unavailable"] == {}


def test_pairs_without_any_score_are_refused_with_their_reasons(workspace, tmp_path):
    text = b"protein_a,protein_b\nX1,X2\n"
    pairs = build_pairs(read_table(text, "pairs.csv"))
    with pytest.raises(PairError, match="None of the pairs") as error:
        explain_table(Predictor.load("starter"), pairs, tmp_path / "out")
    assert "X1" in error.value.details[0]


def test_explanations_of_other_shapes_do_not_construct():
    with pytest.raises(ValueError, match="do not fit axes"):
        Explanation("gini", np.zeros(3), (), np.zeros((1, 4)), np.zeros((1, 4)))
    with pytest.raises(UserError):
        ExplainSettings(baseline="nothing")


# ---------------------------------------------------------------- the job


def scored_job(workspace, n_rows=3):
    job = workspace.submit_prediction(table(n_rows), bundle="starter", title="Kinases")
    run_pending(workspace)
    return job


def test_a_row_of_a_job_is_explained_and_found_again(workspace):
    job = scored_job(workspace)
    asked = workspace.explain(job.id, [2], methods=["attention"])
    assert [done.state for done in run_pending(workspace)] == [JobState.DONE]
    found = ExplanationFolder(workspace.folders.explanation(asked.id))
    assert found.pairs["row"].tolist() == [2]
    names = table().frame.loc[1, ["protein_a", "protein_b"]].tolist()
    assert asked.title == f"Why: {names[0]} and {names[1]}"
    result = workspace.results(job.id).frame.set_index("row")
    assert_allclose(found.pairs["logit"], result.loc[[2], "logit"])


def test_the_same_question_is_answered_once(workspace):
    job = scored_job(workspace)
    first = workspace.explain(job.id, [2], methods=["attention"])
    assert workspace.explain(job.id, [2], methods=["attention"]).id == first.id  # still waiting
    run_pending(workspace)
    assert workspace.explain(job.id, [2], methods=["attention"]).id == first.id
    assert workspace.explain(job.id, [1], methods=["attention"]).id != first.id
    workspace.jobs.delete(first.id)
    assert workspace.explain(job.id, [2], methods=["attention"]).id != first.id


def test_running_an_explanation_again_gives_the_same_numbers(workspace):
    job = scored_job(workspace)
    first = workspace.explain(job.id, methods=["attention"])
    run_pending(workspace)
    second = workspace.rerun(first.id)
    assert second.kind == EXPLAIN and second.id != first.id and second.title.endswith("(run 2)")
    run_pending(workspace)
    one, other = (ExplanationFolder(workspace.folders.explanation(j.id)).explanation("attention")
                  for j in (first, second))
    assert_array_equal(one.values, other.values)


def test_what_a_killed_worker_left_half_written_is_gone_after_the_next_attempt(workspace):
    job = workspace.explain(scored_job(workspace).id, [2], methods=["attention"])
    folder = workspace.folders.explanation(job.id)
    remains = folder.with_name(f".{folder.name}.0a1b2c3d.part")
    for part in (folder, remains):
        part.mkdir()
        (part / "summary.json").write_text("{")
    assert [done.state for done in run_pending(workspace)] == [JobState.DONE]
    assert ExplanationFolder(folder).methods == ["attention"] and not remains.exists()


def test_rows_that_do_not_exist_and_jobs_without_pairs_are_refused(workspace):
    job = scored_job(workspace)
    with pytest.raises(PairError, match="no row 9"):
        workspace.explain(job.id, [9])
    download = workspace.submit_download("amps")
    with pytest.raises(JobError, match="no pairs to explain"):
        workspace.explain(download.id)


def test_an_explanation_takes_part_in_the_disk_limit(workspace):
    job = scored_job(workspace)
    before = workspace.disk_use().jobs
    workspace.explain(job.id, methods=["attention"])
    run_pending(workspace)
    folder = workspace.folders.explanation(workspace.jobs.list(kind=EXPLAIN)[0].id)
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert workspace.disk_use().jobs >= before + size > before


def test_the_search_for_a_protein_finds_scores_once_not_their_explanations(workspace):
    job = scored_job(workspace, 1)
    workspace.explain(job.id, methods=["attention"])
    run_pending(workspace)
    name = table().frame["protein_a"].iloc[0]
    assert workspace.jobs.find_protein(name)["job_id"].tolist() == [job.id]
