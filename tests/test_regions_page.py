"""The Regions page, run by Streamlit without a browser; the worker runs inline."""

import io
import re
import zipfile

import pandas as pd
import pytest
from page_samples import WIDTH
from page_visits import button, sound, visit, words
from region_jobs import REGIONS, compare, explain
from streamlit.dataframe_util import convert_arrow_bytes_to_pandas_df
from tiny import make_encoder
from tiny_bundle import make_bundle

from esm2amp_core.figures.region_numbers import MOST_TYPES
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import REGIONS as KIND
from esm2amp_core.number_text import number_text
from esm2amp_core.region_files import SUMMARY, TABLES
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace
from pages.components.explain_downloads import zipped

TABS = ["More than chance?", "Hit rates", "Pair by pair", "Coverage of each segment", "Annotations",
        "Files and settings"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    encoder = make_encoder(folder / "encoder", width=WIDTH)
    make_bundle(folder / "models" / "starter", encoder, architecture="siamese")
    make_bundle(folder / "models" / "starter_amps", encoder)
    make_bundle(folder / "models" / "whole", encoder, architecture="dpm")
    return folder / "models"


@pytest.fixture
def explained(workspace):
    return explain(workspace)


def at(job, tab="", **address):
    """The page of a job, with one of its tabs open."""
    app = visit("regions", job=job.id, **address)
    if tab:
        app.session_state["regions-section"] = tab
        sound(app.run())
    return app


def choice(app, label):
    return next(found for found in app.selectbox if found.label == label)


def badge(app):
    """The word of the job's state beside its title."""
    found = (re.search(r"-badge\[:\S+ (\w+)\]", text.value) for text in app.markdown)
    return next(match[1] for match in found if match)


# ---------------------------------------------------------------- the way there


def test_without_explanations_the_page_says_what_comes_first(workspace):
    app = visit("regions")
    assert "Nothing was explained yet" in words(app)
    assert "Go to Explain" in [link.label for link in app.main.page_link]


def test_a_comparison_is_started_from_an_explanation_and_a_file(workspace, explained):
    app = visit("regions", explanation=explained.id)
    assert button(app, "Compare with regions").disabled
    choice(app, "Column that says whether a pair really interacts").select("truth")
    app.number_input[0].set_value(2)
    app.file_uploader[0].upload("regions.csv", REGIONS, "text/csv")
    sound(app.run())
    button(app, "Compare with regions").click()
    sound(app.run())
    (job,) = workspace.jobs.list(kind=KIND)
    assert app.query_params["job"] == job.id and "Waiting" in words(app)
    wanted = {"source": explained.id, "method": "attention", "label": "truth", "k": 2, "lookup": False,
              "annotations": "regions.csv"}  # fmt: skip
    assert {name: job.params[name] for name in wanted} == wanted
    run_pending(workspace)
    assert [tab.label for tab in at(job).tabs] == TABS


def test_uniprot_is_offered_with_what_is_sent_and_asked_for_nothing_yet(workspace, explained):
    app = visit("regions")
    app.segmented_control[0].set_value("lookup")
    sound(app.run())
    assert "accessions" in words(app) and "no sequence, no score, no pair" in words(app)
    assert not workspace.jobs.list(kind=KIND)
    button(app, "Compare with regions").click()
    sound(app.run())
    (job,) = workspace.jobs.list(kind=KIND)
    assert job.params["lookup"] is True and job.state == JobState.QUEUED


def test_an_explanation_without_segments_cannot_be_compared(workspace):
    whole = explain(workspace, methods=["integrated_gradients"], bundle="whole")
    app = visit("regions", explanation=whole.id)
    assert "does not tell segments apart" in words(app) and not app.button


def test_an_unknown_explanation_in_the_address_is_told(workspace, explained):
    assert "not there, or not finished" in words(visit("regions", explanation="nonsense"))


def test_earlier_comparisons_are_listed_and_found_among_the_jobs(workspace, explained):
    job = compare(workspace, explained)
    labels = [link.label for link in visit("regions").main.page_link]
    assert "Regions: Kinases, Attention" in [label.replace("\\", "") for label in labels]
    app = visit("jobs")
    app.menu_button(key=f"actions-{job.id}").click("Open")
    assert app.run().title[0].value.replace("\\", "") == "Regions: Kinases, Attention"


def test_a_job_of_another_page_leads_there(workspace, explained):
    assert visit("regions", job=explained.id).title[0].value.startswith("Why")
    assert "There is no job" in visit("regions", job="nonsense").error[0].value


# ---------------------------------------------------------------- jobs that are not done, or not whole


def test_a_failed_comparison_says_why(workspace, explained):
    job = compare(workspace, explained, annotations=b"hello")
    assert "no table of regions" in at(job).error[0].value


def test_a_binary_file_is_answered_with_the_formats_of_annotations(workspace, explained):
    (error,) = at(compare(workspace, explained, annotations=bytes(range(256)) * 40)).error
    assert "not a text file" in error.value and "InterProScan" in error.value and "FASTA" not in error.value


@pytest.mark.parametrize("file", [SUMMARY, *TABLES.values()])
def test_a_damaged_comparison_is_told_in_words(workspace, explained, file):
    job = compare(workspace, explained)
    (workspace.folders.regions(job.id) / file).unlink()
    errors = "\n".join(error.value for tab in TABS for error in at(job, tab).error)
    assert "missing" in errors


def test_pairs_of_a_deleted_explanation_keep_their_tables(workspace, explained):
    job = compare(workspace, explained)
    workspace.jobs.delete(explained.id)
    app = at(job, "Pair by pair")
    assert "The explanation was deleted" in app.error[0].value and len(app.dataframe) == 2
    assert "was deleted" in words(at(job)) and "Back to the explanation" not in [
        link.label for link in app.main.page_link]
    assert at(job, "Hit rates").get("plotly_chart")


def test_before_an_explanation_is_deleted_the_comparisons_made_of_it_are_told(workspace, explained):
    def question(job):
        app = visit("explain" if job is explained else "regions", job=job.id)
        button(app, "Delete").click()
        return words(sound(app.run()))

    assert "with regions" not in question(explained)
    job = compare(workspace, explained)
    assert "1 comparison with regions was made of this explanation" in question(explained)
    assert "made of this explanation" not in question(job)


def test_a_comparison_of_a_deleted_explanation_says_so_when_it_is_run_again(workspace, explained):
    job = compare(workspace, explained)
    workspace.jobs.delete(explained.id)
    app = at(job)
    button(app, "Run again").click()
    assert "The explanation was deleted" in sound(app.run()).error[0].value


def test_the_badge_follows_the_job_from_waiting_to_running(workspace, explained, monkeypatch):
    waiting = workspace.compare_regions(explained.id, method="attention", annotations=REGIONS,
                                        filename="regions.csv")
    app = at(waiting)
    assert badge(app) == "waiting"
    calls = []

    def begins_once_the_head_is_drawn(own):
        calls.append(own)
        if len(calls) == 2:  # the first is the page's, the second that of the progress below the head
            own.jobs.claim("somebody")

    monkeypatch.setattr(Workspace, "ensure_worker", begins_once_the_head_is_drawn)
    assert badge(sound(app.run())) == "running"


# ---------------------------------------------------------------- what is shown


def test_the_finding_is_a_sentence_with_its_numbers(workspace, explained):
    job = compare(workspace, explained)
    found = pd.read_csv(workspace.folders.regions(job.id) / TABLES["enrichment"]).set_index(
        ["selection", "against", "type"])
    line = found.loc[("top", "chance", "ALL")]
    said = words(at(job))
    assert f"**{line['coverage']:.1f} %** of a top segment" in said
    assert f"by chance it would be **{line['reference']:.1f} %**" in said
    assert "4 pairs" in said and "3 proteins" in said and "my\\_regions" in said


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens(workspace, explained, tab):
    app = at(compare(workspace, explained, label="truth"), tab)
    assert not app.error and (app.get("plotly_chart") or app.dataframe)


def test_very_many_types_are_cut_to_the_commonest_with_words(workspace, explained):
    lines = [f"P04637,type {i},{i + 1},{i + 2}" for i in range(MOST_TYPES + 9)]
    job = compare(workspace, explained, annotations="\n".join(["protein,type,start,end", *lines]).encode())
    for tab in ("More than chance?", "Hit rates", "Coverage of each segment"):
        assert f"Shown are the {MOST_TYPES} of {MOST_TYPES + 9} types" in words(at(job, tab))
    app = at(job, "Pair by pair")
    assert f"at most {MOST_TYPES}" in words(app)
    assert all(table.value.shape[1] < MOST_TYPES + 9 for table in app.dataframe)


def test_the_threshold_changes_what_is_drawn(workspace, explained):
    job = compare(workspace, explained)
    app = at(job, "Hit rates")
    drawn = {}
    for threshold in (25, 75):
        app.segmented_control(key="regions-threshold").set_value(threshold)
        sound(app.run())
        drawn[threshold] = app.get("plotly_chart")[0].proto.spec
    assert drawn[25] != drawn[75]


def test_the_address_chooses_the_pair(workspace, explained):
    job = compare(workspace, explained)
    app = at(job, "Pair by pair", row="3")
    assert choice(app, "Pair").value == 3
    assert set(app.dataframe[0].value["token"].str[0]) <= {"A", "B"}
    choice(app, "Pair").select(2)
    sound(app.run())
    assert app.query_params["row"] == "2"
    assert "not among the analysed pairs" in words(at(job, "Pair by pair", row="99"))


def test_a_link_to_a_pair_opens_where_the_pair_is_shown(workspace, explained):
    job = compare(workspace, explained)
    assert "not among the analysed pairs" in words(at(job, row="99"))
    for address in ({"row": "3"}, {"row": "3", "token": "B.segment2"}):
        app = at(job, **address)
        assert choice(app, "Pair").value == 3 and app.session_state["regions-section"] == "Pair by pair"
    assert not [box for box in at(job).selectbox if box.label == "Pair"]
    app.session_state["regions-section"] = "Hit rates"  # what a person chooses then, stays
    assert not [box for box in sound(app.run()).selectbox if box.label == "Pair"]


def test_the_colours_of_a_pair_are_told_in_words(workspace, explained):
    said = words(at(compare(workspace, explained), row="1"))
    assert "the darker, the more it matters" in said and "the strongest colour is" in said


@pytest.mark.parametrize("tab", ["Pair by pair", "Files and settings"])
def test_differences_in_tables_have_the_minus_sign_of_the_pictures_and_sort_as_numbers(
    workspace, explained, tab
):
    app = at(compare(workspace, explained), tab)
    table = next(found for found in app.dataframe if "difference" in found.value)
    written = convert_arrow_bytes_to_pandas_df(table.proto.arrow_data.styler.display_values)["difference"]
    assert (table.value["difference"] < 0).any()
    assert written.tolist() == [number_text(points, "+.1f") for points in table.value["difference"]]


def test_a_single_pair_comes_first(workspace):
    job = compare(workspace, explain(workspace, [1]))
    assert at(job).tabs[0].label == "Pair by pair"


def test_problems_of_the_annotations_are_listed(workspace, explained):
    job = compare(workspace, explained)
    app = at(job, "Annotations")
    (issues,) = [table.value for table in app.dataframe if "problem" in table.value]
    assert not issues["row"].isna().any() and "–" in set(issues["row"])
    assert f"{len(issues)} notes on rows of the annotations that were left out or cut" in words(at(job))
    assert issues["problem"].str.contains("before its start").any()
    assert issues["problem"].str.contains("reaches beyond").any()


def test_other_types_make_another_comparison(workspace, explained):
    job = compare(workspace, explained)
    app = at(job, "Annotations")
    app.multiselect[0].set_value(["Motif"])
    sound(app.run())
    button(app, "Compare again").click()
    sound(app.run())
    other = workspace.jobs.get(app.query_params["job"])
    assert other.id != job.id and other.params["types"] == ["Motif"]
    run_pending(workspace)
    assert workspace.jobs.get(other.id).state == JobState.DONE


def test_all_tables_come_in_one_archive(workspace, explained):
    job = compare(workspace, explained)
    with zipfile.ZipFile(io.BytesIO(zipped(workspace.folders.regions(job.id)))) as archive:
        assert set(archive.namelist()) >= {SUMMARY, *TABLES.values()}


def test_single_residues_are_called_residues(workspace):
    job = compare(workspace, explain(workspace, [1], methods=["residue_gradients"]),
                  method="residue_gradients")
    app = at(job)
    assert "of the top residues lie" in words(app)
    assert "Coverage of each residue" in [tab.label for tab in app.tabs]
    for tab in ("More than chance?", "Hit rates", "Coverage of each residue"):
        assert not at(job, tab).error
