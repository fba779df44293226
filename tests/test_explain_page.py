"""The Explain page, run by Streamlit without a browser; the worker runs inline."""

import io
import json
import shutil
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from page_samples import WIDTH
from page_visits import HOSTILE, MDM2, P53, button, sound, visit, words
from tiny import make_encoder
from tiny_bundle import make_bundle

from esm2amp_core.explain import running
from esm2amp_core.explain.agreement import measure_agreement
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_report.reading import read_test
from esm2amp_core.explanation_report.report import pair_report
from esm2amp_core.explanation_tests.faithfulness import Faithfulness
from esm2amp_core.explanation_tests.randomisation import Randomisation
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import EXPLAIN
from esm2amp_core.number_text import number_text
from esm2amp_core.pairs import PairTable
from esm2amp_core.sequences import Protein
from esm2amp_core.tasks.worker import run_pending
from pages.components.explain_downloads import zipped
from pages.components.text import literal

SEQUENCES = {"P04637": P53, "Q00987": MDM2, "P9": P53[::-1]}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A model without attention under the name of the default one, and one with attention."""
    folder = tmp_path_factory.mktemp("explained")
    encoder = make_encoder(folder / "encoder", width=WIDTH)
    make_bundle(folder / "models" / "starter", encoder, architecture="siamese")
    make_bundle(folder / "models" / "starter_amps", encoder)
    return folder / "models"


def scored(workspace, pairs, *, bundle="starter_amps", sequences=None) -> str:
    """A finished prediction of named pairs."""
    frame = pd.DataFrame(pairs, columns=["protein_a", "protein_b"])
    frame.insert(0, "row", range(1, len(frame) + 1))
    proteins = {name: Protein(name, text) for name, text in (sequences or SEQUENCES).items()}
    job = workspace.submit_prediction(PairTable(frame, proteins), bundle=bundle, title="Kinases")
    run_pending(workspace)
    return job.id


PAIRS = [("P04637", "Q00987"), ("Q00987", "P9"), ("P9", "P9"), ("P04637", "P9")]


def explained(workspace, rows=(), **options) -> str:
    """A finished explanation by attention of some or all of four pairs."""
    job = workspace.explain(scored(workspace, PAIRS), rows, methods=["attention"], **options)
    run_pending(workspace)
    return job.id


def title(app) -> str:
    """The title as it reads."""
    return app.title[0].value.replace("\\", "")


def folder_of(workspace, job_id) -> ExplanationFolder:
    return ExplanationFolder(workspace.folders.explanation(job_id))


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


def test_rows_that_could_not_be_explained_are_named_above_the_means(workspace):
    job_id = explained(workspace)
    assert "could not be explained" not in words(visit("explain", job=job_id))
    path = folder_of(workspace, job_id).folder / "summary.json"
    summary = json.loads(path.read_text(encoding="utf-8"))
    summary["left_out"] = [{"row": 7, "protein_a": "X", "protein_b": "Y", "reason": "No sequence."}]
    path.write_text(json.dumps(summary), encoding="utf-8")
    assert "**1 row could not be explained:** 7." in words(visit("explain", job=job_id))


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


def test_many_pairs_begin_with_their_means_and_the_address_opens_one(workspace):
    job_id = explained(workspace)
    app = visit("explain", job=job_id)
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


# ---------------------------------------------------------------- trust and files


def test_tests_of_the_explanation_are_told_where_they_were_made(workspace):
    job_id = explained(workspace, [1])
    folder = folder_of(workspace, job_id)
    explanation = folder.explanation("attention")
    made = measure_agreement({"attention": explanation, "gini": explanation}, rows=[1])
    np.savez_compressed(folder.folder / "agreement.npz", **made.to_arrays())
    app = visit("explain", job=job_id)
    assert "How far to trust it" in [tab.label for tab in app.tabs]


def trust_tab(**address):
    """The page, opened at its tests."""
    app = visit("explain", **address)
    app.session_state["explain-section"] = "How far to trust it"
    return sound(app.run())


def test_p_values_are_told_beside_those_that_decide_and_of_many_pairs_the_share(workspace):
    job_id = explained(workspace)
    folder = folder_of(workspace, job_id)
    test = read_test(folder, Faithfulness)
    N, M = 4, 2
    twice = {name: np.repeat(getattr(test, name)[:, :1], M, axis=1)
             for name in ("deletion", "insertion", "deletion_score", "insertion_score", "score")}
    p = np.array([[0.03, 0.3], [0.01, 0.3], [0.01, 0.3], [0.01, 0.3]])
    two = replace(test, methods=("attention", "gini"), **twice, p_values=p, mean_score=np.full(M, 0.2),
                  mean_low=np.full(M, np.nan), mean_high=np.full(M, np.nan), mean_p_values=p[0],
                  share_low=np.full(M, 0.5), share_high=np.full(M, 0.9))
    assert two.p_values.shape == (N, M)
    np.savez_compressed(folder.folder / "faithfulness.npz", **two.to_arrays())
    told = words(trust_tab(job=job_id, row="1"))
    assert "no better than random orders (p = 0.03, corrected for several methods 0.06)" in told
    assert "better than random orders (p = 0.01, corrected for several methods 0.02)" in words(
        trust_tab(job=job_id, row="2"))
    assert "better on 75 % (50 to 90 %) of the pairs" in words(trust_tab(job=job_id))


def test_a_method_whose_magnitudes_outlive_the_weights_says_so(workspace):
    job_id = explained(workspace, [1])
    folder = folder_of(workspace, job_id)
    made = Randomisation(("integrated_gradients",), ("",), np.array([1]), np.full((1, 5, 1), 0.1),
                         np.full((1, 5, 1), 0.8))
    np.savez_compressed(folder.folder / "randomisation.npz", **made.to_arrays())
    told = words(trust_tab(job=job_id))
    assert "rank correlation 0.10), as it should be" in told and "stay alike (0.80)" in told


def test_a_pair_that_was_not_tested_is_shown_with_the_tests_of_the_others(workspace, monkeypatch):
    monkeypatch.setattr(running, "MOST_TESTED_PAIRS", 2)
    job_id = explained(workspace)
    assert folder_of(workspace, job_id).arrays("faithfulness")["rows"].tolist() == [1, 4]
    for row, tested in (("3", False), ("4", True)):
        app = trust_tab(job=job_id, row=row)
        assert "Does the score follow the explanation?" in words(app)
        assert ("This pair was not tested" in words(app)) != tested


def test_the_archive_holds_every_file_of_the_explanation(workspace):
    folder = folder_of(workspace, explained(workspace, [1])).folder
    with zipfile.ZipFile(io.BytesIO(zipped(folder))) as archive:
        assert sorted(archive.namelist()) == sorted(path.name for path in folder.iterdir())
        assert archive.read("attention.npz") == (folder / "attention.npz").read_bytes()


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
