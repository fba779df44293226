"""The Screen page, run by Streamlit without a browser; the worker runs inline."""

import gzip
import io
import zipfile
from datetime import timedelta

import pandas as pd
import pytest
from page_visits import button, metrics, sound, visit, words
from screen_samples import sequences

from esm2amp_core import screen_files as names
from esm2amp_core.errors import UserError
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import EXPLAIN, PREDICT
from esm2amp_core.kinds import SCREEN as KIND
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.store.tables import JobRow
from esm2amp_core.tasks.worker import run_pending
from pages.components import screen_downloads
from pages.components.screen_hits import _without_minus_zero
from pages.components.screen_inputs import ALL

HOSTILE = "<img/src=x/onerror=alert(1)>**b**$x$"
TABS = ["Best pairs", "Network", "All scores", "Proteins", "Files and settings"]


def fasta(proteins):
    return "".join(f">{name}\n{text}\n" for name, text in proteins.items())


BAITS = sequences(2, seed=1, prefix="bait")
LIBRARY = {HOSTILE: sequences(1, seed=3)["P0"], **sequences(29, seed=2, prefix="L")}


@pytest.fixture
def job(workspace):
    """A finished screen of 2 baits against 30 proteins."""
    return screen(workspace, fasta(LIBRARY), fasta(BAITS))


def screen(workspace, library, bait="", **options):
    asked = workspace.submit_screen(library.encode(), bait.encode(), title=f"Screen {HOSTILE}", **options)
    run_pending(workspace)
    done = workspace.jobs.get(asked.id)
    assert done.state == JobState.DONE, done.error
    return done


def at(job, tab=""):
    """The page of a job, with one of its tabs open."""
    app = visit("screen", job=job.id)
    if tab:
        app.session_state["screen-section"] = tab
        sound(app.run())
    return app


def paste(app, **texts):
    for name, text in texts.items():
        app.text_area(key=f"screen-{name}").set_value(text)
    return sound(app.run())


def folder_of(workspace, job):
    return ScreenFolder(workspace.folders.screen(job.id))


# ---------------------------------------------------------------- before it starts


def test_pasted_baits_and_library_become_a_job_with_its_own_address(workspace):
    app = paste(visit("screen"), Baits=fasta(BAITS), Library=fasta(LIBRARY))
    assert {"Baits": "2", "Library": "30", "Pairs": "60", "Left out": "0"}.items() <= metrics(app).items()
    button(app, "Screen 60 pairs").click()
    sound(app.run())
    (job,) = workspace.jobs.list(kind=KIND)
    assert app.query_params["job"] == job.id and "Waiting" in words(app)
    run_pending(workspace)
    assert [tab.label for tab in at(job).tabs] == TABS
    assert folder_of(workspace, job).summary["n_pairs"] == 60


def test_all_against_all_takes_one_file_and_counts_each_pair_once(workspace):
    app = visit("screen")
    app.segmented_control(key="screen-kind").set_value(ALL)
    app = paste(app.run(), Proteins=fasta(LIBRARY))
    assert metrics(app)["Proteins"] == "30" and metrics(app)["Pairs"] == str(30 * 29 // 2)
    assert "Baits" not in metrics(app)


def test_what_is_left_out_is_named_before_it_starts(workspace):
    bad = {"short": "MK", "odd": "MKT1KKKKKKKKK", "twin": LIBRARY["L1"], "long": "A" * 2701}
    library = fasta(LIBRARY | bad)
    app = paste(visit("screen"), Baits=fasta(BAITS), Library=library)
    assert metrics(app)["Left out"] == "3" and metrics(app)["Library"] == "30"
    table = next(frame.value for frame in app.dataframe if "problem" in frame.value)
    assert set(table["protein"]) == set(bad)
    assert table.set_index("protein").loc["twin", "screened_as"] == "L1"
    assert table["problem"].str.len().min() > 10
    assert "at most 2,700" in table.set_index("protein").loc["long", "problem"]


def test_a_missing_half_is_asked_for_and_nonsense_is_refused_in_words(workspace):
    app = paste(visit("screen"), Library=fasta(LIBRARY))
    button(app, "Check these proteins").click()
    assert "at least one bait" in words(sound(app.run()))
    app = paste(app, Baits="these are no sequences")
    assert app.error and "pasted baits" in app.error[0].value.replace("\\", "")
    assert not [found for found in app.button if found.label.startswith("Screen")]


def test_uploaded_files_may_be_packed(workspace):
    app = visit("screen")
    app.segmented_control(key="screen-way").set_value("Upload files")
    sound(app.run())
    app.file_uploader[0].upload("mine.fasta", fasta(BAITS).encode(), "text/plain")
    app.file_uploader[1].upload("proteome.fasta.gz", gzip.compress(fasta(LIBRARY).encode()),
                                "application/gzip")
    assert metrics(sound(app.run()))["Pairs"] == "60"
    assert app.text_input[0].value == "mine against proteome"


@pytest.mark.parametrize("contents", [b"", b"\n\n"])
def test_a_file_without_anything_in_it_is_told(workspace, contents):
    app = visit("screen")
    app.segmented_control(key="screen-way").set_value("Upload files")
    sound(app.run())
    app.file_uploader[0].upload("mine.fasta", contents, "text/plain")
    app.file_uploader[1].upload("library.fasta", fasta(LIBRARY).encode(), "text/plain")
    assert "mine.fasta" in (told := sound(app.run()).error[0].value.replace("\\", ""))
    assert "no usable protein" in told


@pytest.mark.parametrize(("kind", "n_pairs"), [("Baits against a library", 54), (ALL, 190)])
def test_the_example_is_ready_in_one_click(workspace, kind, n_pairs):
    app = visit("screen")
    app.segmented_control(key="screen-kind").set_value(kind)
    app.segmented_control(key="screen-way").set_value("Try an example")
    sound(app.run())
    assert metrics(app)["Pairs"] == str(n_pairs) and not button(app, f"Screen {n_pairs} pairs").disabled


def test_a_time_is_promised_only_after_a_screen_of_that_size(workspace, job):
    app = paste(visit("screen"), Baits=fasta(BAITS), Library=fasta(LIBRARY))
    assert "judging from 1 earlier screen" in words(app)
    app = paste(app, Baits=fasta({"one": BAITS["bait0"]}), Library=fasta({"L1": LIBRARY["L1"]}))
    assert "the time is not known" in words(app)


def test_the_time_counts_pairs_with_reference_proteins_and_residues(workspace, monkeypatch):
    for module in ("esm2amp_core.submissions.screening", "pages.components.screen_start"):
        monkeypatch.setattr(f"{module}.count_background", lambda folder: 30)  # as many training proteins
    done = screen(workspace, fasta(LIBRARY), fasta(BAITS))
    with workspace.jobs.database.writing() as session:
        session.get(JobRow, done.id).finished = done.started + timedelta(hours=10)
    library = dict(list(LIBRARY.items())[:15])
    app = paste(visit("screen"), Baits=fasta(BAITS), Library=fasta(library))
    # The baits now meet 15 each and are judged by reference proteins, too.
    assert "Besides, 510 pairs with reference proteins" in words(app)
    residues = sum(map(len, [*BAITS.values(), *library.values()])) / done.params["n_residues"]
    assert done.params["n_reference_pairs"] == 900
    share = max((30 + 510) / (60 + 900), residues)
    assert f"About {10 * share:.1f} hours, judging from 1 earlier screen" in words(app)


# ---------------------------------------------------------------- its results


def test_the_numbers_are_those_of_the_screen(workspace, job):
    app, summary = at(job), folder_of(workspace, job).summary
    assert metrics(app)["Pairs scored"] == "60" and metrics(app)["Baits × library"] == "2 × 30"
    assert metrics(app)["Called interacting"] == f"{summary['n_called']:,}"
    assert "standard deviations" in words(app) and "sticky" in words(app)


def test_why_pairs_are_fewer_than_baits_times_library_is_told(workspace, job):
    assert "2 × 30 is" not in words(at(job))
    both = screen(workspace, fasta({**LIBRARY, **BAITS}), fasta(BAITS))  # 2 × 30 and one of both baits
    assert "2 × 32 is 64, but 61 pairs" in words(at(both)).replace("\\", "")


def test_z_that_rounds_to_zero_has_no_sign():
    hits = pd.DataFrame({"z": [-0.004, -0.006, None], "z_a": [0.004, -1, 2]})
    shown = _without_minus_zero(hits)
    assert [f"{z:.2f}" for z in shown["z"]] == ["0.00", "-0.01", "nan"]
    assert [f"{z:.2f}" for z in shown["z_a"]] == ["0.00", "-1.00", "2.00"]


def test_hits_are_ordered_by_score_by_z_and_by_bait(workspace, job):
    hits, app = folder_of(workspace, job).hits, at(job)
    assert app.dataframe[0].value["probability"].tolist() == sorted(hits["probability"], reverse=True)
    app.segmented_control(key="screen-order").set_value("Highest z")
    z = sound(app.run()).dataframe[0].value["z"]
    assert z.is_monotonic_decreasing and len(z) == 60
    app.segmented_control(key="screen-order").set_value("Best partners of each")
    partners = sound(app.run()).dataframe[0].value
    assert partners.groupby("protein_a")["rank"].apply(list).tolist() == [list(range(1, 21))] * 2


def test_hits_are_found_by_part_of_a_name(workspace, job):
    app = at(job)
    app.text_input(key="screen-protein").set_value("L17")
    shown = sound(app.run()).dataframe[0].value
    assert len(shown) == 2 and set(shown["protein_b"]) == {"L17"}
    app.text_input(key="screen-protein").set_value("onerror=alert")
    assert len(sound(app.run()).dataframe[0].value) == 2
    app.text_input(key="screen-protein").set_value("[(")
    assert sound(app.run()).dataframe[0].value.empty


def test_chosen_hits_become_a_prediction_and_its_explanation(workspace, job):
    app = at(job)
    assert button(app, "Explain the selected pairs").disabled
    best = app.dataframe[0].value.iloc[[0, 2]].reset_index(drop=True)
    key = f"hits-{job.id}-Highest probability"
    app.session_state[key] = {"selection": {"rows": [0, 2], "columns": [], "cells": []}}
    sound(app.run())
    button(app, "Explain 2 pairs").click()
    sound(app.run())
    (explained,), (scored,) = workspace.jobs.list(kind=EXPLAIN), workspace.jobs.list(kind=PREDICT)
    assert app.query_params["job"] == explained.id and explained.params["source"] == scored.id
    run_pending(workspace)
    (back,) = (link for link in visit("results", job=scored.id).main.page_link
               if link.label == "Back to the screen")
    assert f"job={job.id}" in back.proto.query_string and "screen" in back.proto.page
    found = workspace.results(scored.id).frame
    assert all((found[side] == best[side]).all() for side in ("protein_a", "protein_b"))
    # Screened or predicted, a pair has one score.
    assert found["probability"].tolist() == pytest.approx(best["probability"].tolist(), abs=1e-5)
    assert found["screen_z"].astype(float).tolist() == pytest.approx(best["z"].tolist(), abs=1e-3)
    assert workspace.jobs.get(explained.id).state == JobState.DONE


@pytest.mark.parametrize("tab", TABS[1:4])
def test_every_picture_is_drawn_and_offered_as_a_file(workspace, job, tab):
    app = at(job, tab)
    assert not app.error and app.get("plotly_chart")
    assert {found.label for found in app.download_button} >= {"CSV", "XLSX", "SVG", "PNG"}


def test_the_network_has_as_many_hits_as_asked_for(workspace, job):
    app = at(job, "Network")
    app.slider[0].set_value(7)
    sound(app.run())
    figure = app.get("plotly_chart")[0]
    assert str(figure.proto).count("probability 0.") == 7


def test_best_pairs_below_the_threshold_are_not_told_as_hits(workspace, job):
    screened = folder_of(workspace, job)
    n_called = int((screened.hits["probability"] >= screened.summary["threshold"]).sum())
    assert screened.summary["n_called"] == n_called  # all 60 pairs are among the best
    assert f"{n_called} of the 60 best pairs" in words(at(job)) and "called interacting" in words(at(job))
    app = at(job, "Network")
    app.slider[0].set_value(1)
    told = words(sound(app.run()))
    assert "of the 1 pair shown" in told and "A square is a bait" in told
    assert "A square" not in words(at(screen(workspace, fasta(LIBRARY)), "Network"))


def test_a_protein_is_marked_by_part_of_its_name(workspace, job):
    app = at(job, "Proteins")
    app.text_input(key="screen-marked").set_value("bait1")
    assert not sound(app.run()).error
    app.text_input(key="screen-marked").set_value("bait")
    assert "2 proteins match" in words(sound(app.run()))


def test_a_screen_of_too_few_for_z_says_so(workspace):
    few = screen(workspace, fasta(dict(list(LIBRARY.items())[:4])))
    app = at(few, "Network")
    app.segmented_control(key="screen-network-by").set_value("rank_by_z")
    assert "No pair has a z" in words(sound(app.run()))
    assert "z" in at(few).dataframe[0].value


def test_every_file_can_be_taken_away(workspace, job):
    screened = folder_of(workspace, job)
    app = at(job, "Files and settings")
    labels = {found.label.replace("\\", "") for found in app.download_button}
    assert {"All 60 pairs (Parquet)", "All 60 pairs (CSV, gzipped)"} <= labels and len(labels) == 11
    table = pd.read_parquet(io.BytesIO(screen_downloads._parquet(screened)))
    text = pd.read_csv(io.BytesIO(gzip.decompress(screen_downloads._csv(screened))), dtype={0: str, 1: str})
    assert len(table) == len(text) == 60 and table["protein_b"].tolist() == text["protein_b"].tolist()
    assert HOSTILE in set(table["protein_b"])
    with zipfile.ZipFile(io.BytesIO(screen_downloads._zipped(screened.folder))) as archive:
        assert set(archive.namelist()) == {*screen_downloads.TABLES, names.SUMMARY, names.MANIFEST}


# ---------------------------------------------------------------- jobs that are not done, or not whole


def test_a_damaged_screen_is_told_in_words(workspace, job):
    (workspace.folders.screen(job.id) / names.HITS).unlink()
    assert "missing or damaged" in at(job).error[0].value.replace("\\", "")
    (workspace.folders.screen(job.id) / names.SUMMARY).unlink()
    assert "missing" in at(job).error[0].value


@pytest.mark.parametrize("damage", ["removed", "cut off"])
def test_a_part_that_is_gone_is_told_where_it_would_be_taken_away(workspace, job, damage):
    (part,) = (workspace.folders.screen(job.id) / names.PARTS).iterdir()
    if damage == "removed":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-10])
    app = at(job, "Files and settings")
    told = app.error[0].value.replace("\\", "")
    assert part.name in told and "missing or damaged" in told and "“Run again”" in told
    labels = " ".join(found.label for found in app.download_button)
    assert "Parquet" not in labels and "ZIP" in labels
    button(app, "Run again").click()
    again = sound(app.run()).query_params["job"]
    run_pending(workspace)
    assert again != job.id and not at(workspace.jobs.get(again), "Files and settings").error


def test_a_file_that_is_gone_is_told_instead_of_offered(workspace, job):
    (workspace.folders.screen(job.id) / names.GRAPHML).unlink()
    app = at(job, "Files and settings")
    assert names.GRAPHML in (told := app.error[0].value.replace("\\", "")) and "“Run again”" in told
    labels = " ".join(found.label for found in app.download_button)
    assert "GraphML" not in labels and "ZIP" not in labels and "Parquet" in labels


def test_a_cancelled_screen_says_so_and_can_be_run_again(workspace):
    asked = workspace.submit_screen(fasta(LIBRARY).encode(), fasta(BAITS).encode(), top=7)
    workspace.jobs.cancel(asked.id)
    app = at(asked)
    assert "cancelled" in words(app) and "No scored pairs are kept" in words(app) and not app.tabs
    button(app, "Run again").click()
    sound(app.run())
    again = workspace.jobs.get(app.query_params["job"])
    assert again.id != asked.id and again.params == asked.params
    assert again.title == f"{asked.title} (run 2)"
    run_pending(workspace)
    assert len(at(again).dataframe[0].value) == 7


def test_what_a_failed_screen_has_scored_is_told_and_kept(workspace, monkeypatch):
    def no_tables(*given, **options):
        raise UserError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr("esm2amp_core.screening.running.write_outputs", no_tables)
        asked = workspace.submit_screen(fasta(LIBRARY).encode())
        run_pending(workspace)
    app = at(asked)
    assert "The disk is full" in words(app) and "435 of 435 pairs are scored and kept" in words(app)
    button(app, "Run again").click()
    again = sound(app.run()).query_params["job"]
    monkeypatch.setattr("esm2amp_core.screening.engines.score_block", lambda *_, **__: pytest.fail("again"))
    run_pending(workspace)
    app = at(workspace.jobs.get(again))
    assert [tab.label for tab in app.tabs] == TABS
    assert "435 of 435 pairs were scored by an earlier job" in words(app)
    app = at(asked)
    assert "A later job took over the pairs that were scored here" in words(app)
    assert workspace.jobs.get(again).title in {link.label.replace("\\", "") for link in app.main.page_link}


def test_screens_are_found_again_under_jobs_and_on_the_page(workspace, job):
    assert any(HOSTILE in link.label.replace("\\", "").replace("\u2060", "")
               for link in visit("screen").main.page_link)
    app = visit("jobs")
    assert "60 pairs" in words(app) and "Screens are not searched here" in words(app)
    app.menu_button(key=f"actions-{job.id}").click("Open")
    assert HOSTILE in app.run().title[0].value.replace("\\", "").replace("\u2060", "")


@pytest.mark.parametrize("page", ["screen", "regions"])
def test_an_address_with_an_empty_job_is_that_of_a_new_one(workspace, job, page):
    app = visit(page, job="")
    assert not app.error and "job" not in app.query_params
    assert app.title[0].value == visit(page).title[0].value


def test_a_job_of_another_page_leads_there(workspace):
    assert "There is no job" in visit("screen", job="nonsense").error[0].value
