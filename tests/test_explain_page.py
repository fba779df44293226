"""The Explain page, run by Streamlit without a browser; the worker runs inline."""

import io
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from explained_jobs import PAIRS, explained, folder_of, make_models, scored
from page_visits import HOSTILE, MDM2, P53, button, sound, visit, words

from esm2amp_core.explanation_report.reading import read_test
from esm2amp_core.explanation_report.report import pair_report
from esm2amp_core.explanation_tests.faithfulness import Faithfulness
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import EXPLAIN
from esm2amp_core.number_text import number_text
from esm2amp_core.tasks.worker import run_pending
from pages.components import explain_choice
from pages.components.explain_downloads import zipped
from pages.components.text import literal


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return make_models(tmp_path_factory.mktemp("explained"))


def title(app) -> str:
    """The title as it reads."""
    return app.title[0].value.replace("\\", "")


# ---------------------------------------------------------------- the way there


def test_without_explanations_the_page_says_how_to_get_one(workspace):
    app = visit("explain")
    assert "Explain this pair" in words(app)
    assert [link.label for link in app.main.page_link] == ["Go to Results"]


def test_without_an_address_the_newest_explanation_is_shown(workspace):
    explained(workspace, [1])
    newest = workspace.explain(workspace.jobs.list(kind="predict")[0].id, [2], methods=["attention"])
    run_pending(workspace)
    app = visit("explain")
    assert app.query_params["job"] == newest.id
    assert title(app) == "Why: Q00987 and P9"


def test_a_job_of_another_page_leads_there_and_back(workspace):
    job_id = explained(workspace, [1])
    assert title(visit("results", job=job_id)) == "Why: P04637 and Q00987"
    source = workspace.jobs.get(job_id).params["source"]
    assert visit("explain", job=source).title[0].value == "Kinases"
    assert "Back to the scores" in [link.label for link in visit("explain", job=job_id).main.page_link]


def test_all_pairs_of_a_result_are_explained_with_one_click(workspace):
    app = visit("results", job=scored(workspace, PAIRS))
    button(app, "Explain all pairs").click()
    sound(app.run())
    (asked,) = workspace.jobs.list(kind=EXPLAIN)
    assert asked.n_rows == 4 and app.query_params["job"] == asked.id
    assert "Waiting" in words(app)


def test_a_single_pair_is_explained_with_one_click(workspace):
    app = visit("results", job=scored(workspace, PAIRS[:1]))
    button(app, "Explain the pair").click()
    sound(app.run())
    (asked,) = workspace.jobs.list(kind=EXPLAIN)
    assert asked.n_rows == 1 and app.query_params["job"] == asked.id


def test_the_way_back_tells_other_methods_from_another_model(workspace):
    first = explained(workspace, [1])
    more = workspace.explain(first, methods=["attention", "gini"])
    other = workspace.explain(first, bundle="starter")
    for job, label in ((more, "The same input by fewer methods"), (other, "The same input by another model")):
        assert label in [link.label for link in visit("explain", job=job.id).main.page_link]


def test_explanations_of_one_pair_are_told_apart_in_the_list_of_jobs(workspace):
    job_id = explained(workspace, [1])
    other = workspace.explain(job_id, bundle="starter")
    back = workspace.explain(other.id, bundle="starter_amps", methods=["gini"])
    assert back.title == "Why: P04637 and Q00987, by starter_amps"
    assert workspace.explain_by_residue(job_id, 1).title == "Why: P04637 and Q00987, by residue"
    said = [one.value.replace("\\", "") for one in visit("jobs").caption]
    for line in ("Explanation · starter_amps · Attention", "Explanation · starter",
                 "Prediction · starter_amps", "Explanation · starter_amps · Forest: Gini importance",
                 "Explanation · starter_amps · Residue gradients"):  # fmt: skip
        assert line in said


def test_an_explanation_can_be_opened_from_the_list_of_jobs(workspace):
    job_id = explained(workspace, [1])
    app = visit("jobs")
    assert "Run again" in app.menu_button(key=f"actions-{job_id}").options
    app.menu_button(key=f"actions-{job_id}").click("Open")
    assert title(sound(app.run())) == "Why: P04637 and Q00987"


# ---------------------------------------------------------------- jobs that are not done, or not whole


def test_a_waiting_explanation_can_be_watched_and_cancelled(workspace):
    job = workspace.explain(scored(workspace, PAIRS), [1], methods=["attention"])
    app = visit("explain", job=job.id)
    assert "Waiting" in words(app) and not app.tabs
    button(app, "Cancel this job").click()
    sound(app.run())
    assert workspace.jobs.get(job.id).state == JobState.CANCELLED


@pytest.mark.parametrize("damage", ["summary.json", "pairs.parquet", "attention.npz"])
def test_a_damaged_explanation_is_told_in_words(workspace, damage):
    job_id = explained(workspace, [1])
    (folder_of(workspace, job_id).folder / damage).write_bytes(b"{")
    app = visit("explain", job=job_id)
    assert "missing or damaged" in app.error[0].value and "Explain the pairs again" in app.error[0].value


def test_a_lost_explanation_is_told_in_words(workspace):
    job_id = explained(workspace, [1])
    shutil.rmtree(folder_of(workspace, job_id).folder)
    assert "is missing" in visit("explain", job=job_id).error[0].value


def test_where_the_model_has_no_attention_another_is_offered_and_explains_the_same_pairs(workspace):
    source = scored(workspace, PAIRS, bundle="starter")
    failed = workspace.explain(source, [2], methods=["attention"])
    run_pending(workspace)
    app = visit("explain", job=failed.id)
    assert "None of the methods can explain this model" in app.error[0].value
    assert "has no attention" in words(app)
    button(app, "Explain with it too").click()
    sound(app.run())
    asked = workspace.jobs.list(kind=EXPLAIN)[0]
    assert asked.params["bundle"] == "starter_amps" and app.query_params["job"] == asked.id
    pd.testing.assert_frame_equal(workspace.inputs(asked.id).frame, workspace.inputs(failed.id).frame)


def test_a_model_with_attention_offers_no_other(workspace):
    app = visit("explain", job=explained(workspace, [1]))
    assert not [found for found in app.button if found.label.startswith("Explain with it")]


# ---------------------------------------------------------------- a pair


def test_a_pair_is_shown_with_its_score_in_words_and_its_pictures(workspace):
    job_id = explained(workspace, [1])
    app = visit("explain", job=job_id)
    found = folder_of(workspace, job_id).pairs.iloc[0]
    said = words(app)
    assert f"Probability **{found['probability']:.3f}**" in said
    assert f"P04637 has {len(P53)} residues, Q00987 {len(MDM2)}" in said
    tabs = [tab.label for tab in app.tabs]
    assert tabs[:2] == ["Which segments matter", "Attention"] and tabs[-1] == "Files and settings"
    assert "Step by step to the score" not in tabs  # attention does not add up to it
    assert "not where it lies" in said
    assert {found.label for found in app.download_button} >= {"CSV", "SVG", "PNG"}


def test_the_words_below_the_bars_tell_what_their_signs_compare_with(workspace):
    job = workspace.explain(scored(workspace, PAIRS), [1], methods=["integrated_gradients"])
    run_pending(workspace)
    part = folder_of(workspace, job.id).explanation("integrated_gradients")
    said = words(visit("explain", job=job.id))
    assert f"(logit {number_text(part.base_values[0], '.2f')}; " in said
    assert f"logit of this pair, {number_text(part.outputs[0], '.2f')}: so " in said


def unfaithful_to(workspace, job_id, *methods) -> None:
    """Let the test of leaving segments out say that only other methods than these are better than chance."""
    folder = folder_of(workspace, job_id)
    test = read_test(folder, Faithfulness)
    worst = [1.0 if method in methods else 0.001 for method in test.methods]
    p_values = np.broadcast_to(worst, test.p_values.shape)
    made = replace(test, p_values=p_values, mean_p_values=np.array(worst))
    np.savez_compressed(folder.folder / "faithfulness.npz", **made.to_arrays())


def test_a_method_no_better_than_chance_neither_colours_the_sequences_first_nor_leads_in_3d(workspace):
    job = workspace.explain(scored(workspace, PAIRS), [1], methods=["token_shapley", "attention"])
    run_pending(workspace)
    unfaithful_to(workspace, job.id, "token_shapley")
    app = visit("explain", job=job.id)
    assert app.selectbox(key="explain-colour").value == "attention"
    app.selectbox(key="explain-colour").set_value("token_shapley")
    doubt = "Shapley values: no better than a random order here; read nothing from it."
    assert doubt in words(sound(app.run())) and "The stronger the grey" in words(app)
    app.session_state["explain-section"] = "In 3D"
    assert doubt in words(sound(app.run()))


def test_the_headline_and_the_places_name_the_longest_bar_first(workspace):
    job = workspace.explain(scored(workspace, PAIRS), [1], methods=["token_shapley"])
    run_pending(workspace)
    unfaithful_to(workspace, job.id)
    folder = folder_of(workspace, job.id)
    longest = folder.tokens[int(np.abs(folder.explanation("token_shapley").value[0]).argmax())]
    said = words(visit("explain", job=job.id, token=longest))
    assert f"by the length of the bars of Shapley values: {longest} (residue" in said
    assert "by length of bar: Shapley values 1, " in said
    assert "Places, and the segments named at the top, go by the length of the bar" in said


def test_sampled_interactions_tell_their_standard_error(workspace):
    job = workspace.explain(scored(workspace, PAIRS), [1], methods=["token_shapley"])
    run_pending(workspace)
    errors = folder_of(workspace, job.id).explanation("token_shapley").arrays["interaction_errors"]
    app = visit("explain", job=job.id)
    app.session_state["explain-section"] = "Working together"
    said = words(sound(app.run()))
    assert "from 4,096 of 1,048,576 combinations" in said
    assert f"at most {number_text(float(errors.max()), '.2g')})" in said


@pytest.mark.parametrize("row", ["1", "all"])
def test_rows_that_could_not_be_explained_are_named_above_pairs_and_means(workspace, row):
    job_id = explained(workspace)
    assert "could not be explained" not in words(visit("explain", job=job_id, row=row))
    path = folder_of(workspace, job_id).folder / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["left_out"] = [{"row": 7, "protein_a": "X", "protein_b": "Y", "reason": "No sequence."}]
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert "**1 row could not be explained:** 7." in words(visit("explain", job=job_id, row=row))


def test_a_chosen_segment_comes_from_the_address_with_its_residues_and_letters(workspace):
    app = visit("explain", job=explained(workspace, [1]), token="B.segment2")
    start, end = 21, 29  # 92 residues: two segments of 10, then eight of 9
    assert f"**B.segment2**: residues {start} to {end} of Q00987 (9 residues)" in words(app)
    assert MDM2[start - 1 : end] in [code.value for code in app.code]
    assert app.selectbox(key="explain-segment").value == "B.segment2"


def test_a_segment_chosen_by_keyboard_stands_in_the_address(workspace):
    app = visit("explain", job=explained(workspace, [1]))
    app.selectbox(key="explain-segment").set_value("A.segment0")
    sound(app.run())
    assert app.query_params["token"] == "A.segment0"
    assert P53[:10] in [code.value for code in app.code]


def test_the_box_of_segments_falls_back_to_none_and_not_to_the_first(workspace):
    app = visit("explain", job=explained(workspace, [1]), token="B.segment3")
    (box,) = [box for box in app.selectbox if box.label == "Chosen segment"]
    assert box.value == "B.segment3" and not box.proto.HasField("default")


def test_a_segment_that_does_not_exist_is_passed_over(workspace):
    app = visit("explain", job=explained(workspace, [1]), token="A.segment99<b>")
    assert app.selectbox(key="explain-segment").value is None


def test_names_of_people_are_shown_as_they_were_typed(workspace):
    job = scored(workspace, [(HOSTILE, HOSTILE)], sequences={HOSTILE: P53})
    asked = workspace.explain(job, methods=["attention"])
    run_pending(workspace)
    app = visit("explain", job=asked.id, token="A.segment1")
    assert literal(HOSTILE, limit=40) in words(app)
    assert "<img" not in words(app).replace(r"\<img", "")


# ---------------------------------------------------------------- many pairs


def test_a_few_pairs_begin_with_the_first_and_many_with_their_mean(workspace, monkeypatch):
    job_id = explained(workspace)
    assert visit("explain", job=job_id).selectbox(key="explain-pair").value == 1
    monkeypatch.setattr(explain_choice, "FOR_A_MEAN", 4)
    assert visit("explain", job=job_id).selectbox(key="explain-pair").value == "all"


def test_pairs_have_means_and_the_address_opens_one(workspace):
    job_id = explained(workspace)
    app = visit("explain", job=job_id, row="all")
    assert "The mean of **4 pairs**" in words(app)
    assert "Pair by pair" in [tab.label for tab in app.tabs]
    app.selectbox(key="explain-pair").set_value(3)
    sound(app.run())
    assert app.query_params["row"] == "3"
    assert f"P9 has {len(P53)} residues" in words(app)
    assert f"P9 has {len(P53)} residues" in words(visit("explain", job=job_id, row="3"))


@pytest.mark.parametrize("row", ["99", "x", "-1"])
def test_a_row_that_was_not_explained_is_told_and_all_are_shown(workspace, row):
    app = visit("explain", job=explained(workspace), row=row)
    assert "not among the explained pairs" in app.warning[0].value
    assert "The mean of **4 pairs**" in words(app)


def test_positives_and_negatives_have_means_of_their_own(workspace):
    job_id = explained(workspace)
    called = folder_of(workspace, job_id).pairs["interacts"].to_numpy(dtype=bool)
    for group, which in (("interacting", called), ("not-interacting", ~called)):
        app = visit("explain", job=job_id, row=group)
        if which.any():
            assert f"The mean of **{which.sum()} pair" in words(app)
        else:
            assert app.warning


# ---------------------------------------------------------------- down to residues


def down_to_residues(app):
    button(app, "Go down to residues").click()
    return sound(app.run())


@pytest.mark.parametrize("rows", [[1], ()])
def test_going_down_to_residues_computes_only_that_and_shows_it_with_the_rest(workspace, rows):
    job_id = explained(workspace, rows)
    app = down_to_residues(visit("explain", job=job_id, row="1"))
    (asked, *_) = workspace.jobs.list(kind=EXPLAIN)
    assert (asked.params["methods"], asked.n_rows) == (["residue_gradients"], 1)
    assert app.query_params["job"] == job_id and "Waiting" in words(app)
    run_pending(workspace)
    app = visit("explain", job=job_id, row="1")
    assert app.selectbox(key="explain-colour").options == ["Attention", "Residue gradients"]
    assert "Go down to residues" not in [one.label for one in app.button]
    assert workspace.explain_by_residue(job_id, 1).id == asked.id
    if not rows:  # other pairs have their own
        assert "Go down to residues" in [one.label for one in visit("explain", job=job_id, row="2").button]


def test_residues_stand_in_the_report_and_the_archive_of_their_pair(workspace):
    job_id = explained(workspace, [1])
    asked = workspace.explain_by_residue(job_id, 1)
    run_pending(workspace)
    folder, residues = folder_of(workspace, job_id), folder_of(workspace, asked.id)
    page = pair_report(folder, 1, workspace.inputs(job_id).proteins, residues=residues).decode()
    assert "--method=attention,residue_gradients" in page
    assert "<h2>Attention</h2>" in page and "<h2>Residue gradients</h2>" in page
    with zipfile.ZipFile(io.BytesIO(zipped(folder.folder, residues.folder))) as archive:
        assert {"attention.npz", "residue_gradients/residue_gradients.npz"} <= set(archive.namelist())


def test_residues_that_failed_say_why_and_can_be_asked_again(workspace, monkeypatch):
    job_id = explained(workspace, [1])
    asked = workspace.explain_by_residue(job_id, 1)
    workspace.jobs.claim("w")
    workspace.jobs.fail(asked.id, "No memory is left.", worker="w")
    app = visit("explain", job=job_id)
    assert "No memory is left" in app.error[0].value
    down_to_residues(app)
    assert workspace.jobs.list(kind=EXPLAIN)[0].id not in (asked.id, job_id)


def test_residues_of_a_model_that_was_changed_meanwhile_are_not_mixed_with_the_rest(workspace):
    job_id = explained(workspace, [1])
    asked = workspace.explain_by_residue(job_id, 1)
    run_pending(workspace)
    path = workspace.folders.explanation(asked.id) / "summary.json"
    summary = json.loads(path.read_text())
    summary["model"]["digest"] = "0" * 64
    path.write_text(json.dumps(summary))
    assert visit("explain", job=job_id).selectbox(key="explain-colour").options == ["Attention"]
