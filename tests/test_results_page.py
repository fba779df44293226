"""The Results page, run by Streamlit without a browser; the worker is not started, or runs inline."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from job_samples import pairs_of, scored
from page_samples import finished_job
from page_visits import HOSTILE, MDM2, P53, button, metrics, sound, visit, words

from esm2amp_core.bundles import file_digest
from esm2amp_core.jobs import JobState
from esm2amp_core.operating import OperatingCurve
from esm2amp_core.pairs import PairTable
from esm2amp_core.reference import TrainingReference
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace


def test_without_jobs_results_leads_to_predict(workspace):
    app = visit("results")
    assert "no results yet" in words(app)
    assert [link.label for link in app.main.page_link] == ["Go to Predict"]


def test_results_without_an_address_are_those_of_the_newest_job(workspace):
    finished_job(workspace, title="old")
    newest = finished_job(workspace, title="new")
    app = visit("results")
    assert app.title[0].value == "new"
    assert app.query_params["job"] == newest


def test_an_unknown_job_is_said_in_words(workspace):
    app = visit("results", job="<b>nothing</b>")
    assert "There is no job" in app.error[0].value
    assert [link.label for link in app.main.page_link] == ["Go to Jobs"]


def test_the_title_of_a_job_is_shown_as_it_was_typed(workspace):
    app = visit("results", job=finished_job(workspace, title=HOSTILE))
    assert not re.search(r"(?<!\\)<", app.title[0].value)
    assert r"\<img src\=x" in app.title[0].value


def test_numbers_of_the_summary_are_those_of_the_table(workspace):
    job_id = finished_job(workspace, n_rows=9, status=["error", "warning", *["ok"] * 7])
    frame = workspace.results(job_id).frame
    called = int(frame["interacts"].sum())
    assert metrics(visit("results", job=job_id)) == {
        "Pairs scored": "8", "Called interacting": str(called), "With a warning": "1", "Not scored": "1",
    }  # fmt: skip


def test_filters_narrow_the_table_and_say_so(workspace):
    job_id = finished_job(workspace, n_rows=40)
    app = visit("results", job=job_id)
    app.segmented_control(key=f"outcome-{job_id}").set_value("Interacting")
    sound(app.run())
    expected = workspace.results(job_id).frame.loc[lambda rows: rows["interacts"]]
    shown = app.dataframe[0].value
    assert sorted(shown["row"]) == sorted(expected["row"])
    assert f"{len(expected)} of 40 rows match" in words(app)
    app.text_input(key=f"protein-{job_id}").set_value("no such protein")
    assert "No row matches" in words(sound(app.run()))


def test_a_large_result_sends_a_part_and_says_so(workspace):
    app = visit("results", job=finished_job(workspace, n_rows=3000))
    assert len(app.dataframe[0].value) == 1000
    assert "first 1,000 of 3,000" in words(app)


def test_a_failed_job_tells_why(workspace):
    job = workspace.submit_prediction(pairs_of(4), bundle="starter", title="x")
    workspace.jobs.claim("test")
    workspace.jobs.fail(job.id, "The disk is full. Free some space.", worker="test")
    app = visit("results", job=job.id)
    assert "The disk is full" in app.error[0].value


def test_a_waiting_job_can_be_cancelled(workspace):
    job = workspace.submit_prediction(pairs_of(4), bundle="starter", title="x")
    app = visit("results", job=job.id)
    button(app, "Cancel this job").click()
    sound(app.run())
    assert workspace.jobs.get(job.id).state == JobState.CANCELLED
    assert "cancelled" in words(app)


def test_rows_done_so_far_are_shown_while_the_job_runs(workspace):
    job = workspace.submit_prediction(pairs_of(10), bundle="starter", title="x")
    workspace.jobs.claim("test")
    workspace.jobs.report(job.id, "Scoring pairs", 4, 10, worker="test")
    outcome = scored(workspace.inputs(job.id).frame.head(4))
    workspace.jobs.save_predictions(job.id, outcome, worker="test")
    app = visit("results", job=job.id)
    assert len(app.dataframe[0].value) == 4
    assert "4 of 10" in words(app)
    assert not app.download_button


def test_a_job_whose_model_is_gone_still_shows_its_scores(workspace, monkeypatch, tmp_path):
    job_id = finished_job(workspace)
    monkeypatch.setenv("ESM2AMP_MODELS", str(tmp_path / "none"))
    app = visit("results", job=job_id)
    assert metrics(app)["Pairs scored"] == "6"
    assert "no longer installed" in words(app)


def test_the_page_says_how_far_the_model_can_be_trusted(workspace):
    app = visit("results", job=finished_job(workspace))
    assert "in 61 of 100 cases; 50 is chance" in words(app)
    assert "changed since" not in words(app)


@pytest.fixture
def own_models(models, tmp_path, monkeypatch) -> Path:
    """A copy of the models, which a test may change."""
    folder = shutil.copytree(models, tmp_path / "models")
    monkeypatch.setenv("ESM2AMP_MODELS", str(folder))
    return folder


def change_card(models: Path) -> None:
    """Another threshold and other figures under the same name."""
    path = models / "starter" / "manifest.json"
    card = json.loads(path.read_text()) | {"threshold": 0.125, "title": "Another", "metrics": {}}
    path.write_text(json.dumps(card))


@pytest.fixture
def settled(workspace, own_models) -> Workspace:
    """The workspace of the page, with models of its own."""
    return Workspace.open(Settings.from_environment())


def test_scores_keep_the_threshold_and_title_they_were_made_with(settled, own_models):
    job = settled.submit_prediction(pairs_of(3), bundle="starter")
    run_pending(settled)
    assert "from a probability of 0.50" in words(visit("results", job=job.id))
    change_card(own_models)
    said = words(visit("results", job=job.id))
    assert "from a probability of 0.50" in said
    assert "Model: Starter (changed since)" in said.replace("\\", "")
    assert "has changed since these scores were made" in said
    assert "of 100 cases" not in said


def test_the_threshold_of_another_model_is_never_shown(settled, own_models):
    job_id = finished_job(settled)  # its worker noted nothing
    change_card(own_models)
    app = visit("results", job=job_id)
    assert "from a probability of the model's threshold" in words(app)
    assert "0.12" not in words(app)
    assert metrics(app)["Pairs scored"] == "6"


@pytest.mark.parametrize("name", ["call", "interacts (input)", "note", "Probability"])
def test_a_column_of_the_person_never_takes_the_place_of_the_models_call(workspace, name):
    job_id = finished_job(workspace, columns={name: "mine"})
    table = visit("results", job=job_id).dataframe[0].value
    assert set(table["interacts"]) <= {"interacting", "not interacting"}
    assert set(table[name]) == {"mine"}


@pytest.fixture
def knowing(workspace, own_models, request):
    """A finished job of two rows whose model brings an operating curve and its training proteins."""
    folder = own_models / "starter"
    manifest = json.loads((folder / "manifest.json").read_text())
    reference = folder / "training_proteins.npz"
    TrainingReference.of([Protein("T1", P53)]).save(reference)
    manifest["checksums"]["training_proteins.npz"] = file_digest(reference)
    manifest["operating_curve"] = OperatingCurve(
        thresholds=(0.0, 0.5), recall=(1.0, 0.8), false_positive_rate=(1.0, 0.1),
        n_positive=getattr(request, "param", 1000), n_negative=1000, measured_on="a thousand pairs each",
    ).to_dict()  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    proteins = {"A": Protein("A", P53), "B": Protein("B", MDM2)}
    frame = pd.DataFrame({"row": [1, 2], "protein_a": ["A", "B"], "protein_b": ["B", "B"]})
    opened = Workspace.open(Settings.from_environment())
    job = opened.submit_prediction(PairTable(frame, proteins), title="known")
    run_pending(opened)
    return job.id


def test_the_expected_share_of_true_pairs_becomes_expected_hits(workspace, knowing):
    app = visit("results", job=knowing)
    slider = app.select_slider(key=f"prevalence-{knowing}")
    slider.set_value(1).run()
    n_called = int(metrics(sound(app))["Called interacting"])
    curve = Workspace.open(Settings.from_environment()).bundles()["starter"].operating
    expected = f"expect **about {2 * curve.precision_between(0, 2, 1 / 2):.0f}** to interact (50 in 100)"
    assert expected in words(app)
    assert n_called == 0 or "(89 in 100)" in words(app)  # 0.8 / (0.8 + 0.1)
    app.select_slider(key=f"prevalence-{knowing}").set_value(1000)
    sound(app.run())
    assert "fewer than 1" in words(app) and "a thousand pairs each" in words(app)
    assert "take the expected numbers as a guess" not in words(app)


@pytest.mark.parametrize("knowing", [60], indirect=True)
def test_rates_from_few_pairs_are_called_a_guess(workspace, knowing):
    assert "take the expected numbers as a guess" in words(visit("results", job=knowing))


def test_without_a_curve_the_page_says_so(workspace):
    app = visit("results", job=finished_job(workspace))
    assert "no measured rates of true and false calls" in words(app)
    assert not app.select_slider


def test_results_say_which_proteins_the_model_knows(workspace, knowing):
    app = visit("results", job=knowing)
    table = next(frame.value for frame in app.dataframe if "protein_a" in frame.value)
    assert table.set_index("row")["trust_class"].to_dict() == {1: "one", 2: "none"}
    old = visit("results", job=finished_job(workspace, title="before"))
    assert "probability" in next(f.value for f in old.dataframe if "protein_a" in f.value)


def test_run_again_makes_a_new_job_of_the_same_input(workspace):
    job_id = finished_job(workspace, title="first")
    app = visit("results", job=job_id)
    button(app, "Run again").click()
    sound(app.run())
    newest, oldest = workspace.jobs.list()
    assert (oldest.id, newest.title, newest.state) == (job_id, "first (run 2)", JobState.QUEUED)
    pd.testing.assert_frame_equal(workspace.inputs(newest.id).frame, workspace.inputs(job_id).frame)
