"""The Jobs page, run by Streamlit without a browser."""

from job_samples import pairs_of, scored
from page_samples import finished_job
from page_visits import button, sound, visit, words
from streamlit.testing.v1 import AppTest

from esm2amp_core.jobs import JobState


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


def test_who_finds_nothing_is_told_how_screens_are_found(workspace):
    finished_job(workspace)
    app = visit("jobs")
    next(box for box in app.text_input if box.label == "Find a job").set_value("nobody")
    assert "Screens are found by title or id" in sound(app.run()).info[0].value


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


def test_a_job_cancelled_after_its_rows_names_the_step_and_not_that_all_was_done(workspace):
    pairs = pairs_of(2)
    job = workspace.submit_prediction(pairs, bundle="starter", title="x")
    workspace.jobs.claim("w")
    workspace.jobs.save_predictions(job.id, scored(pairs.frame), worker="w")
    workspace.jobs.report(job.id, "Leaving tokens out", 3, 8, worker="w")
    workspace.jobs.cancel(job.id)
    said = words(visit("results", job=job.id))
    assert "This job was cancelled in the step “Leaving tokens out”." in said and "were done" not in said


def test_the_disk_limit_is_stated(workspace):
    assert "of at most 4.0 GB" in words(visit("jobs"))
