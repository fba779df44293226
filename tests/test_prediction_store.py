"""Predictions of jobs, and the search for proteins among them."""

import pandas as pd
import pytest
import sqlalchemy as sa
from job_samples import SAMPLE, pairs_of, run_through, scored
from pandas.testing import assert_frame_equal

from esm2amp_core.jobs import JobState
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import NEAREST_COLUMNS, RESULT_COLUMNS, PredictionTable
from esm2amp_core.progress import Cancelled
from esm2amp_core.reference import Nearest
from esm2amp_core.trust import nearest_frame


def test_predictions_come_back_typed_and_in_order(jobs):
    pairs = pairs_of(6)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    expected = scored(pairs.frame)
    expected.loc[3, ["probability", "logit"]] = float("nan")
    expected.loc[3, "interacts"] = pd.NA
    expected.loc[3, ["status", "message"]] = ["error", "Too long 🧬\n<b>"]
    for part in (expected.iloc[3:], expected.iloc[:3]):
        jobs.save_predictions(job.id, part, worker="w")
    kept_rows = jobs.predictions(job.id)
    assert_frame_equal(kept_rows[list(RESULT_COLUMNS)], expected)
    assert kept_rows[list(NEAREST_COLUMNS)].isna().all(axis=None)
    kept = jobs.get(job.id)
    assert (kept.n_done, kept.n_errors) == (6, 1)
    assert jobs.rows_done(job.id) == set(range(1, 7))


def test_a_job_without_rows_gives_an_empty_table_of_the_same_types(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2))
    empty = jobs.predictions(job.id)
    assert len(empty) == 0
    expected = scored(pairs_of(2).frame).iloc[:0]
    assert_frame_equal(empty[list(RESULT_COLUMNS)], expected, check_index_type=False)
    assert len(PredictionTable(empty)) == 0


def test_the_nearest_training_proteins_come_back_as_they_were(jobs):
    pairs = pairs_of(3)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    near = [Nearest("TRAIN1", 0.25, seen=False), Nearest("TRAIN2", 1.0, seen=True), None]
    nearest = nearest_frame(near, reversed(near))
    jobs.save_predictions(job.id, pd.concat([scored(pairs.frame), nearest], axis=1), worker="w")
    assert_frame_equal(jobs.predictions(job.id)[list(NEAREST_COLUMNS)], nearest)


def test_a_row_cannot_be_kept_twice_and_the_count_stays_true(jobs):
    pairs = pairs_of(4)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    jobs.save_predictions(job.id, scored(pairs.frame.iloc[:2]), worker="w")
    with pytest.raises(sa.exc.IntegrityError):
        jobs.save_predictions(job.id, scored(pairs.frame.iloc[1:]), worker="w")
    assert jobs.get(job.id).n_done == len(jobs.predictions(job.id)) == 2


@pytest.mark.parametrize("lose", ["cancel", "delete", "other worker"])
def test_a_worker_that_lost_its_job_keeps_no_more_rows(jobs, lose):
    pairs = pairs_of(4)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    jobs.save_predictions(job.id, scored(pairs.frame.iloc[:2]), worker="w")
    if lose == "other worker":
        jobs.requeue_orphans()
        jobs.claim("v")
    else:
        getattr(jobs, lose)(job.id)
    for deed in (lambda: jobs.save_predictions(job.id, scored(pairs.frame.iloc[2:]), worker="w"),
                 lambda: jobs.report(job.id, "Scoring", 1, 2, worker="w"),
                 lambda: jobs.note(job.id, {}, worker="w")):  # fmt: skip
        with pytest.raises(Cancelled):
            deed()
    jobs.finish(job.id, worker="w")
    jobs.fail(job.id, "no", worker="w")
    jobs.release(job.id, worker="w")
    if lose == "delete":
        assert jobs.count() == 0
    else:
        state = JobState.CANCELLED if lose == "cancel" else JobState.RUNNING
        assert (jobs.get(job.id).state, jobs.get(job.id).n_done) == (state, 2)


def test_deleting_removes_rows_and_files(jobs):
    gone, stays = run_through(jobs, pairs_of(4)), run_through(jobs, pairs_of(4))
    jobs.delete(gone.id)
    assert [path.name for path in jobs.artifacts.folder.iterdir()] == [stays.id]
    with jobs.database.engine.connect() as connection:
        for table in ("predictions", "job_proteins"):
            left = connection.execute(sa.text(f"SELECT DISTINCT job_id FROM {table}")).scalars().all()
            assert left == [stays.id]


def test_a_protein_is_found_across_jobs_newest_first(jobs):
    older = run_through(jobs, pairs_of(4, prefix="P53_"), title="older")
    run_through(jobs, pairs_of(4, prefix="Q"), title="other")
    newer = run_through(jobs, pairs_of(4, prefix="xp53_"), title="newer")
    found = jobs.find_protein("p53_")
    assert found["job_id"].tolist() == [newer.id] * 4 + [older.id] * 4
    assert found["row"].tolist() == [1, 2, 3, 4] * 2
    assert found["title"].unique().tolist() == ["newer", "older"]
    assert len(jobs.find_protein("p53_", owner="local")) == 8
    assert len(jobs.find_protein("p53_", owner="somebody else")) == 0
    assert_frame_equal(found.iloc[:4][["protein_a", "probability", "interacts"]],
                       jobs.predictions(newer.id)[["protein_a", "probability", "interacts"]])  # fmt: skip


@pytest.mark.parametrize(
    "text, rows", [("%", [2]), ("_", [3]), ("tp53", [1, 3]), ("TP53", [1, 3]), ("zz", [])]
)
def test_a_protein_is_found_by_either_side_and_wildcards_are_letters(jobs, text, rows):
    frame = pd.DataFrame(
        {"row": [1, 2, 3], "protein_a": ["TP53", "100%", "a_b"], "protein_b": ["MDM2", "x", "tp53"]}
    )
    run_through(jobs, PairTable(frame, {}))
    assert jobs.find_protein(text)["row"].tolist() == rows


def test_a_protein_search_stops_at_its_limit_and_shows_running_jobs(jobs):
    run_through(jobs, pairs_of(4))
    pairs = pairs_of(4)
    running = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("w")
    jobs.save_predictions(running.id, scored(pairs.frame.iloc[:2]), worker="w")
    jobs.submit(SAMPLE, {}, pairs)
    assert jobs.find_protein("P", limit=3)["job_id"].tolist()[:2] == [running.id] * 2
    assert len(jobs.find_protein("P", limit=3)) == 3
    assert list(jobs.find_protein("absent").columns) == list(jobs.find_protein("P").columns)
