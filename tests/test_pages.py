"""Every page, run by Streamlit without a browser; the worker is not started, or runs inline."""

import json
import logging
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from job_samples import pairs_of, scored
from page_samples import make_starter
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from esm2amp_core.bundles import file_digest
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import DOWNLOAD
from esm2amp_core.operating import OperatingCurve
from esm2amp_core.pairs import PairTable
from esm2amp_core.reference import TrainingReference
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace
from pages.components.inputs import EXAMPLES
from pages.components.text import literal

BEGIN = PagesManager.__init__
ROOT = Path(__file__).resolve().parent.parent
HOSTILE = "<img src=x onerror=alert(1)> **b** `c` $d$ :material/home:"
P53 = "MEEPQSDPSVEPPLSQETFSDLWKLLPENNVLSPLPSQAMDDLMLSPDDIEQWFTEDPGPDEAPRMPEAAPPVAPAPAAPTPAAPAPAPSWPL"
MDM2 = "MCNTNMSVPTDGAVTTSQIPASEQETLVRPKPLLLKLLKSVGAQKDTYTMKEVLFYLGQYIMTKRLYDEKQQHIVYCSNDLLGDLFGVPSFS"
FASTA = f">P04637\n{P53}\n>Q00987\n{MDM2}\n"


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return make_starter(folder, tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def workspace(models, tmp_path, monkeypatch) -> Workspace:
    """The workspace that the pages open too. No worker process: tests do the work themselves."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("ESM2AMP_MODELS", str(models))
    monkeypatch.setattr(Workspace, "ensure_worker", lambda self: None)
    monkeypatch.setattr(PagesManager, "__init__", as_after_the_first_visitor)
    return Workspace.open(Settings.from_environment())


def as_after_the_first_visitor(manager: PagesManager, *args, **kwargs) -> None:
    """How a server looks once `st.navigation` has run; each `AppTest` would begin as a fresh one."""
    BEGIN(manager, *args, **kwargs)
    PagesManager.uses_pages_directory = False


def visit(page: str = "predict", **address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.run()
    app.switch_page(f"pages/{page}.py")
    for name, value in address.items():
        app.query_params[name] = value
    return sound(app.run())


def sound(app: AppTest) -> AppTest:
    """The page itself, after making sure that nothing went wrong that nobody expected."""
    assert not app.exception
    assert not [error.value for error in app.error if "Incident" in error.value]
    return app


def words(app: AppTest) -> str:
    """All text of a page."""
    kinds = ("title", "subheader", "markdown", "caption", "error", "warning", "info", "success")
    return "\n".join(element.value for kind in kinds for element in getattr(app, kind))


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def button(app: AppTest, label: str):
    return next(found for found in app.button if found.label.startswith(label))


def paste(pairs: str, fasta: str = FASTA) -> AppTest:
    app = visit("predict")
    app.text_area(key="pairs").set_value(pairs)
    app.text_area(key="fasta").set_value(fasta)
    return sound(app.run())


def finished_job(
    workspace: Workspace, n_rows: int = 6, title: str = "A job", columns: dict | None = None, **changes
) -> str:
    """A job whose rows were scored, without a model; `changes` of the outcome, `columns` beside it."""
    pairs = pairs_of(n_rows, **(columns or {"label": "1"}))
    job = workspace.submit_prediction(pairs, bundle="starter", title=title)
    workspace.jobs.claim("test")
    outcome = scored(workspace.inputs(job.id).frame).assign(**changes)
    workspace.jobs.save_predictions(job.id, outcome, worker="test")
    workspace.jobs.finish(job.id, worker="test")
    return job.id


# ---------------------------------------------------------------- all pages


@pytest.mark.parametrize("page", ["predict", "results", "jobs", "models"])
def test_every_page_opens_on_an_empty_workspace(workspace, page):
    visit(page)


def test_the_bare_address_leads_to_predict(workspace):
    app = sound(AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run())
    assert app.title[0].value == "Do these proteins interact?"


def test_the_pages_never_load_torch():
    modules = [f"pages.components.{path.stem}" for path in (ROOT / "pages" / "components").glob("*.py")]
    code = (
        "import sys, importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'tables', 'safetensors'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert run.stdout.strip() == "[]", run.stderr


def test_the_unexpected_becomes_an_incident_number_and_a_line_in_the_log(workspace, monkeypatch, caplog):
    def fail(self, *args, **kwargs):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(JobStore, "count", fail)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.run()
    with caplog.at_level(logging.ERROR):
        app.switch_page("pages/jobs.py").run()
    assert not app.exception
    (error,) = app.error
    number = error.value.split("**")[1]
    assert "secret" not in words(app)
    assert f"Incident {number}" in caplog.text
    assert "the secret inside" in caplog.text


def test_a_setting_that_makes_no_sense_is_said_in_words(workspace, monkeypatch):
    monkeypatch.setenv("ESM2AMP_MAX_PAIRS", "many")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert "ESM2AMP\\_MAX\\_PAIRS" in app.error[0].value


# ---------------------------------------------------------------- Predict


def test_pasted_pairs_become_a_job_and_its_results(workspace):
    app = paste("P04637\tQ00987\nQ00987\tQ00987")
    assert metrics(app) == {
        "Pairs": "2", "Different proteins": "2", "Residues": f"{len(P53) + len(MDM2):,}",
        "Pairs that can be scored": "2",
    }  # fmt: skip
    next(box for box in app.text_input if box.label == "Title of the job").set_value("My two")
    button(app, "Predict 2 pairs").click()
    sound(app.run())
    (job,) = workspace.jobs.list()
    assert (job.title, job.n_rows, job.state) == ("My two", 2, JobState.QUEUED)
    assert app.query_params["job"] == job.id
    assert "Waiting" in words(app)

    run_pending(workspace)
    app = visit("results", job=job.id)
    assert metrics(app) | {"Called interacting": ""} == {
        "Pairs scored": "2", "Called interacting": "", "With a warning": "1", "Not scored": "0",
    }  # fmt: skip
    assert {button.label for button in app.download_button} == {
        "Download CSV", "Download Excel (XLSX)", "Download Parquet",
    }  # fmt: skip


def test_every_problem_is_listed_with_its_row_and_good_rows_can_run(workspace):
    app = paste("protein_a,protein_b\nP04637,Q00987\nP04637,NOBODY\n1-Mar,Q00987")
    table = next(frame.value for frame in app.dataframe if "Problem" in frame.value)
    assert list(table[table["Kind"] == "error"]["Row"]) == [2, 3]
    assert "NOBODY" in table["Value"].tolist()
    assert metrics(app)["Pairs that can be scored"] == "1"
    button(app, "Predict 1 pair").click()
    sound(app.run())
    (job,) = workspace.jobs.list()
    run_pending(workspace)
    result = workspace.results(job.id).frame
    assert list(result["status"]) == ["ok", "error", "error"]
    assert "NOBODY" in result["message"][1]


def test_a_missing_sequence_can_be_added_in_the_page(workspace):
    app = paste("P04637,Q00987", fasta=f">P04637\n{P53}\n")
    assert metrics(app)["Pairs that can be scored"] == "0"
    assert button(app, "Predict").disabled
    next(box for box in app.text_area if box.label.startswith("More sequences")).set_value(f">Q00987\n{MDM2}")
    button(app, "Check again").click()
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    assert "cannot be scored" not in words(app)


def test_columns_with_other_names_can_be_chosen_by_hand(workspace):
    app = paste("left over,right over,score\nP04637,Q00987,0.3")
    assert "not recognised" in words(app)
    assert not [found for found in app.button if found.label.startswith("Predict")]
    boxes = {box.label: box for box in app.selectbox}
    boxes["Protein A"].set_value("left over")
    boxes["Protein B"].set_value("right over")
    button(app, "Use these columns").click()
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    button(app, "Predict").click()
    sound(app.run())
    (job,) = workspace.jobs.list()
    assert workspace.inputs(job.id).carried == ["score"]


def test_two_bare_sequences_are_enough(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Two sequences").run()
    app.text_area(key="sequence-A").set_value(f">sp|P04637|P53_HUMAN\n{P53}")
    app.text_area(key="sequence-B").set_value(MDM2)
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    button(app, "Predict 1 pair").click()
    sound(app.run())
    job = workspace.jobs.list()[0]
    assert job.n_rows == 1
    assert job.title == "sp|P04637|P53_HUMAN and protein B"
    assert workspace.inputs(job.id).frame["protein_a"].tolist() == ["sp|P04637|P53_HUMAN"]


def test_two_sequences_without_names_are_titled_by_their_lengths(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Two sequences").run()
    for side, sequence in (("A", P53), ("B", MDM2)):
        app.text_area(key=f"sequence-{side}").set_value(sequence)
    sound(app.run())
    title = next(box.value for box in app.text_input if box.label == "Title of the job")
    assert title == f"Two sequences of {len(P53)} and {len(MDM2)} residues"


def test_columns_that_are_likely_meant_are_chosen_already(workspace):
    app = paste("Ensembl A,Ensembl B,score\nP04637,Q00987,0.3")
    assert "not recognised" in words(app)
    boxes = {box.label: box.value for box in app.selectbox}
    assert (boxes["Protein A"], boxes["Protein B"]) == ("Ensembl A", "Ensembl B")


def test_the_reason_stands_beside_each_row_that_is_to_be_mended(workspace):
    app = paste("protein_a,protein_b,Reason\nP04637,Q00987,mine\nP04637,GHOST,mine")
    grid = next(frame.value for frame in app.dataframe if "Reason (2)" in frame.value)
    assert list(grid.columns) == ["Reason (2)", "protein_a", "protein_b", "Reason"]
    assert list(grid.index) == [2] and "GHOST" in grid["Reason (2)"].iloc[0]


def test_an_uploaded_table_is_read_and_named_after_its_file(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Upload a file").run()
    table = f"id1;id2;sequence_1;sequence_2\nP04637;Q00987;{P53};{MDM2}\n".encode()
    app.file_uploader(key="table-file").set_value(("my screen.csv", table, "text/csv"))
    sound(app.run())
    assert metrics(app)["Pairs that can be scored"] == "1"
    assert next(box.value for box in app.text_input if box.label == "Title of the job") == "my screen"


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02" * 900, b"PK\x03\x04 not a workbook", b"%PDF-1.7"])
def test_a_file_that_is_no_table_is_refused_in_words(workspace, data):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Upload a file").run()
    app.file_uploader(key="table-file").set_value(("x.csv", data, "text/csv"))
    sound(app.run())
    assert len(app.error) == 1
    assert not [found for found in app.button if found.label.startswith("Predict")]


def test_the_example_needs_one_click(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Try an example")
    sound(app.run())
    n_pairs = int(metrics(app)["Pairs"])
    assert n_pairs >= 12
    assert metrics(app)["Pairs that can be scored"] == str(n_pairs)
    assert not button(app, f"Predict {n_pairs} pairs").disabled


def test_the_messy_example_shows_many_kinds_of_problems(workspace):
    app = visit("predict")
    app.segmented_control(key="way").set_value("Try an example").run()
    app.radio(key="example").set_value(next(example for example in EXAMPLES if "messy" in example.title))
    sound(app.run())
    table = next(frame.value for frame in app.dataframe if "Problem" in frame.value)
    assert table["Problem"].nunique() >= 5
    assert int(metrics(app)["Pairs that can be scored"]) > 0


def test_empty_input_asks_for_pairs(workspace):
    app = visit("predict")
    button(app, "Check these pairs").click()
    assert "Paste at least one pair" in words(sound(app.run()))


def test_without_a_model_the_page_says_how_to_get_one(workspace, monkeypatch, tmp_path):
    monkeypatch.setenv("ESM2AMP_MODELS", str(tmp_path / "none"))
    app = paste("P04637\tQ00987")
    assert "No model is installed" in words(app)


def test_the_time_is_estimated_from_earlier_jobs(workspace):
    assert "time is not known" in words(paste("P04637\tQ00987"))
    finished_job(workspace)
    assert "judging from 1 earlier job" in words(paste("P04637\tQ00987"))


def test_a_small_job_says_nothing_about_the_time_of_a_large_one(workspace):
    finished_job(workspace, n_rows=6)
    assert "judging from" in words(paste("P04637\tQ00987\n" * 60))
    assert "time is not known" in words(paste("P04637\tQ00987\n" * 61))


def test_a_note_about_the_table_stands_there_once(workspace):
    app = paste("My screen of last year\n\nprotein_a,protein_b,score\nP04637,Q00987,1")
    table = next(frame.value for frame in app.dataframe if "Problem" in frame.value)
    notes = [problem for problem in table["Problem"] if "Above the header" in problem]
    assert len(notes) == 1
    assert "Above the header" not in words(app)


# ---------------------------------------------------------------- Results


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


# ---------------------------------------------------------------- Jobs and Models


def choose(app: AppTest, job_id: str, action: str) -> AppTest:
    app.menu_button(key=f"actions-{job_id}").click(action)
    return sound(app.run())


def test_the_history_can_be_searched_and_filtered(workspace):
    finished_job(workspace, title="kinases")
    waiting = workspace.submit_prediction(pairs_of(3, prefix="X"), bundle="starter", title="receptors")
    app = visit("jobs")
    assert [link.label for link in app.main.page_link] == ["receptors", "kinases"]
    for search, found in (("KINAS", ["kinases"]), ("X0001", ["receptors"]), ("", ["receptors", "kinases"])):
        next(box for box in app.text_input if box.label == "Find a job").set_value(search)
        assert [link.label for link in sound(app.run()).main.page_link] == found
    next(box for box in app.segmented_control if box.label == "State").set_value("Waiting")
    assert [link.label for link in sound(app.run()).main.page_link] == [waiting.title]


def test_a_job_is_not_deleted_at_the_first_click(workspace):
    job_id = finished_job(workspace)
    app = choose(visit("jobs"), job_id, "Delete")
    assert "gone for good" in words(app)
    assert button(app, "Delete for good")
    assert workspace.jobs.count() == 1


def test_a_waiting_job_can_be_cancelled_from_the_list(workspace):
    job = workspace.submit_prediction(pairs_of(4), bundle="starter", title="x")
    choose(visit("jobs"), job.id, "Cancel")
    assert workspace.jobs.get(job.id).state == JobState.CANCELLED


def test_many_jobs_come_in_pages(workspace):
    for number in range(17):
        workspace.submit_prediction(pairs_of(2), bundle="starter", title=f"job {number}")
    app = visit("jobs")
    assert len(app.main.page_link) == 15
    app.pagination(key="jobs-page").set_value(2)
    assert [link.label for link in sound(app.run()).main.page_link] == ["job 1", "job 0"]


def test_a_protein_is_found_in_all_jobs_with_its_scores(workspace):
    finished_job(workspace, title="one")
    finished_job(workspace, title="two")
    app = visit("jobs")
    box = next(box for box in app.text_input if box.label.startswith("Find a protein"))
    box.set_value("p0001")
    sound(app.run())
    found = next(frame.value for frame in app.dataframe if "title" in frame.value)
    assert set(found["title"]) == {"one", "two"}
    assert ((found["protein_a"] == "P0001") | (found["protein_b"] == "P0001")).all()
    assert found["probability"].between(0, 1).all()


def test_proteins_of_other_owners_are_not_found(workspace, monkeypatch):
    finished_job(workspace, title="mine")
    monkeypatch.setenv("ESM2AMP_OWNER", "somebody else")
    app = visit("jobs")
    next(box for box in app.text_input if box.label.startswith("Find a protein")).set_value("p0001")
    assert "No scored pair" in words(sound(app.run()))


def test_a_job_of_an_unknown_kind_is_listed_and_leads_to_the_history(workspace):
    job = workspace.jobs.submit("from the future", {}, title="Later")
    assert [link.label for link in visit("jobs").main.page_link] == ["Later"]
    assert visit("results", job=job.id).title[0].value == "Jobs"


def test_a_cancelled_download_counts_no_rows(workspace):
    workspace.jobs.cancel(workspace.submit_download("amps").id)
    said = words(visit("models"))
    assert "This job was cancelled." in said
    assert "of 0 row" not in said


def test_the_disk_limit_is_stated(workspace):
    assert "of at most 4.0 GB" in words(visit("jobs"))


def test_a_models_card_shows_its_figures_limits_and_licence(workspace):
    app = visit("models")
    table = app.dataframe[0].value
    assert table.to_dict("records") == [{"Pairs": "Test", "AUROC": "0.613", "Number": "52,048"}]
    assert app.dataframe[1].value.to_dict("records") == [{"Method": "a coin", "AUROC": "0.500"}]
    assert "in 61 of 100 cases; 50 is chance" in words(app)
    assert "CC0" in words(app)
    assert r"\<b\>random\<\/b\>" in words(app)
    assert "small offline model" in words(app)
    assert "esm2amp models download amps" in [code.value for code in app.code]


def test_a_published_model_is_installed_by_a_job_once_its_licence_is_accepted(workspace, monkeypatch):
    monkeypatch.setattr(Workspace, "published_terms", lambda self, architecture: f"{architecture}: CC BY 9")
    app = visit("models")
    button(app, "Install this model").click()
    assert "amps: CC BY 9" in [text.value for text in sound(app.run()).text]
    assert not workspace.jobs.list()
    button(app, "Accept").click()
    sound(app.run())
    (job,) = workspace.jobs.list(kind=DOWNLOAD)
    assert job.params == {"architecture": "amps"}
    assert "Waiting" in words(app)
    assert "no results yet" in words(visit("results"))  # it is no prediction
    jobs = visit("jobs")
    assert [link.label for link in jobs.main.page_link] == [literal(job.title)]
    assert "Run again" not in jobs.menu_button(key=f"actions-{job.id}").options


def test_without_internet_the_page_says_so(workspace, monkeypatch):
    monkeypatch.setenv("ESM2AMP_FIGSHARE_URL", "http://127.0.0.1:1")
    app = visit("models")
    button(app, "Install this model").click()
    sound(app.run())
    assert len(app.error) == 1
    assert not [found for found in app.button if found.label.startswith("Accept")]


def test_a_damaged_model_is_named_with_the_reason(workspace):
    folder = workspace.settings.workspace / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    assert "broken" in visit("models").error[0].value
