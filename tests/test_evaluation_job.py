"""From labelled pairs in the app to a report: the job, and the pages that start and show it."""

import shutil

import pytest
from numpy.testing import assert_allclose
from page_samples import make_starter
from page_visits import button, open_workspace, sound, visit, words
from report_samples import make_evaluation, make_pairs, make_proteins
from sklearn import metrics

from esm2amp_core.errors import PairError
from esm2amp_core.evaluation.files import write_report
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import EVALUATE
from esm2amp_core.pairs import PairTable
from esm2amp_core.reports import REPORT, read_report
from esm2amp_core.store.disk import make_room
from esm2amp_core.tasks import evaluate as task
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return make_starter(tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def workspace(models, tmp_path, monkeypatch) -> Workspace:
    """A workspace with a tiny model of its own, which tests may add reports to."""
    return open_workspace(shutil.copytree(models, tmp_path / "models"), tmp_path, monkeypatch)


def labelled(n_rows=60, *, name="label", value=str):
    """Pairs as a person brings them: the label is a column of text."""
    pairs = make_pairs(make_proteins(20), n_rows)
    frame = pairs.frame.assign(label=[value(label) for label in pairs.frame["label"]])
    return PairTable(frame.rename(columns={"label": name}), pairs.proteins)


def test_the_job_measures_its_own_scores(workspace):
    job = workspace.submit_evaluation(labelled(), label="label", title="My pairs")
    assert [done.state for done in run_pending(workspace)] == [JobState.DONE]
    report = read_report(workspace.folders.report(job.id))
    frame = workspace.results(job.id).frame
    auroc = metrics.roc_auc_score(frame["label"].astype(int), frame["probability"])
    assert_allclose(report.measures["auroc"].value, auroc)
    assert report.title == "My pairs"
    assert report.model["title"] == "Starter" and len(report.model["digest"]) == 64
    assert report.data["job"] == job.id and report.data["n_scored"] == 60


def test_what_a_killed_worker_left_half_written_is_gone_after_the_next_attempt(workspace):
    folder = workspace.folders.report(workspace.submit_evaluation(labelled(), label="label").id)
    remains = folder.with_name(f".{folder.name}.0a1b2c3d.part")
    for part in (folder, remains):
        part.mkdir()
        (part / REPORT).write_text("{")
    assert [done.state for done in run_pending(workspace)] == [JobState.DONE]
    assert read_report(folder).data["n_scored"] == 60 and not remains.exists()


def test_labels_may_be_words_in_any_column(workspace):
    pairs = labelled(name="known", value=lambda label: "Yes" if label else "no")
    job = workspace.submit_evaluation(pairs, label="known")
    run_pending(workspace)
    report = read_report(workspace.folders.report(job.id))
    assert report.data["n_positive"] == int((pairs.frame["known"] == "Yes").sum())


def test_labels_that_are_none_are_refused_before_the_work(workspace):
    with pytest.raises(PairError, match="usable label"):
        workspace.submit_evaluation(labelled(value=lambda label: "maybe"), label="label")
    with pytest.raises(PairError, match="no column 'x'"):
        workspace.submit_evaluation(labelled(), label="x")
    assert workspace.jobs.list() == []


def test_one_label_only_fails_in_words_and_keeps_the_scores(workspace):
    job = workspace.submit_evaluation(labelled(value=lambda label: "1"), label="label")
    [done] = run_pending(workspace)
    assert done.state == JobState.FAILED and "All 60 pairs" in done.error
    assert len(workspace.results(job.id)) == 60


def test_a_worker_that_dies_while_measuring_leaves_the_job_to_the_next(workspace, monkeypatch):
    job = workspace.submit_evaluation(labelled(), label="label")
    write = task.write_report

    def die(evaluation, folder):
        write(evaluation, folder)
        raise KeyboardInterrupt

    monkeypatch.setattr(task, "write_report", die)
    with pytest.raises(KeyboardInterrupt):
        run_pending(workspace)
    assert workspace.jobs.get(job.id).state == JobState.QUEUED
    monkeypatch.setattr(task, "write_report", write)
    assert [done.state for done in run_pending(workspace)] == [JobState.DONE]
    assert read_report(workspace.folders.report(job.id)).data["n_scored"] == 60


def test_a_report_goes_with_its_job(workspace):
    job = workspace.submit_evaluation(labelled(), label="label")
    run_pending(workspace)
    workspace.jobs.delete(job.id)
    assert not workspace.folders.report(job.id).exists()


def test_a_report_counts_towards_the_disk_limit_and_is_removed_with_the_results(workspace):
    first, second = (workspace.submit_evaluation(labelled(), label="label") for _ in range(2))
    run_pending(workspace)
    reports = [path for job in (first, second) for path in workspace.folders.report(job.id).iterdir()]
    in_reports = sum(path.stat().st_size for path in reports)
    predicted = workspace.submit_prediction(labelled(), bundle="starter")
    run_pending(workspace)
    before = workspace.disk_use().jobs
    workspace.jobs.delete(predicted.id)
    # Both evaluations take what a prediction of the same pairs takes, and their reports.
    assert workspace.disk_use().jobs == 2 * (before - workspace.disk_use().jobs) + in_reports
    make_room(workspace.jobs, max_mb=0)
    assert not workspace.folders.report(first.id).exists()
    assert workspace.folders.report(second.id).exists()  # somebody waited for it


def test_an_evaluation_can_be_run_again(workspace):
    first = workspace.submit_evaluation(labelled(), label="label", title="Mine", precision="float32")
    run_pending(workspace)
    app = visit("results", job=first.id)
    button(app, "Run again").click()
    sound(app.run())
    [done] = run_pending(workspace)
    assert (done.kind, done.state, done.title) == (EVALUATE, JobState.DONE, "Mine (run 2)")
    assert (done.params["label"], done.params["precision"]) == ("label", "float32")
    again, report = (read_report(workspace.folders.report(job.id)) for job in (done, first))
    assert again.measures == report.measures


# ---------------------------------------------------------------- pages


def test_results_of_an_evaluation_show_the_report(workspace):
    job = workspace.submit_evaluation(labelled(), label="label")
    run_pending(workspace)
    app = visit("results", job=job.id)
    report = read_report(workspace.folders.report(job.id))
    assert "Measured against the labels" in words(app)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["AUROC"] == f"{report.measures['auroc'].value:.3f}"


def test_a_prediction_with_labels_offers_to_evaluate_and_does(workspace):
    job = workspace.submit_prediction(labelled(), bundle="starter", title="Mine")
    run_pending(workspace)
    app = visit("results", job=job.id)
    sound(button(app, "Evaluate against labels").click().run())
    started = workspace.jobs.list(kind=EVALUATE)
    assert [found.title for found in started] == ["Evaluation: Mine"]
    assert started[0].params["label"] == "label"
    assert started[0].id in app.query_params["job"]


def test_a_prediction_without_labels_offers_nothing(workspace):
    job = workspace.submit_prediction(labelled(name="remark"), bundle="starter")
    run_pending(workspace)
    assert "can be measured" not in words(visit("results", job=job.id))


def test_labels_that_are_not_understood_are_told_on_the_page(workspace):
    job = workspace.submit_prediction(labelled(value=lambda label: "maybe"), bundle="starter")
    run_pending(workspace)
    app = visit("results", job=job.id)
    button(app, "Evaluate against labels").click().run()
    assert "usable label" in words(sound(app)).replace("\\", "")


@pytest.mark.parametrize("sequence", ["", "MKTAYIAKQRQISFVKSHFSRQ"], ids=["without", "with"])
def test_an_uploaded_table_is_evaluated_unless_no_pair_has_sequences(workspace, sequence):
    table = f"protein_a,protein_b,sequence_a,sequence_b,label\nA,B,{sequence},{sequence},1\n".encode()
    app = visit("models")
    app.file_uploader(key="labelled-table").set_value(("mine.csv", table, "text/csv"))
    sound(button(sound(app.run()), "Evaluate").click().run())
    if sequence:
        assert [job.title for job in workspace.jobs.list(kind=EVALUATE)] == ["Evaluation: mine"]
    else:
        assert not workspace.jobs.list(kind=EVALUATE)
        assert "No pair of this table can be scored. Row 1:" in app.error[0].value


def test_models_list_their_reports_and_open_them(workspace):
    assert "Evaluation" not in [expander.label for expander in visit("models").expander]
    folder = workspace.bundle_folder("starter") / "reports" / "on_my_data"
    folder.parent.mkdir()
    write_report(make_evaluation(title="On <b>my</b> data", n_resamples=40), folder)
    own = workspace.settings.workspace / "reports" / "starter" / "another"
    own.parent.mkdir(parents=True)
    write_report(make_evaluation(title="Another", n_resamples=40), own)
    assert workspace.reports("starter") == {"on_my_data": folder, "another": own}
    assert "Evaluation: 2 reports" in [expander.label for expander in visit("models").expander]
    app = visit("models", model="starter", report="on_my_data")
    assert "my" in app.title[0].value and "<b>" not in app.title[0].value.replace("\\<b\\>", "")
    assert "AUROC" in [metric.label for metric in app.metric]


def test_a_report_that_is_not_there_or_damaged_is_told_in_words(workspace):
    assert "has no report" in words(visit("models", model="starter", report="x"))
    elsewhere = str(workspace.bundle_folder("starter"))
    assert "has no report" in words(visit("models", model=elsewhere, report="bad"))
    folder = workspace.bundle_folder("starter") / "reports" / "bad"
    folder.mkdir(parents=True)
    (folder / REPORT).write_text("{}")
    assert "format" in words(visit("models"))
    assert "format" in words(visit("models", model="starter", report="bad"))
