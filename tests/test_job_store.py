"""Jobs: submitted, listed, searched, claimed, and taken back from workers that died."""

import threading

import pandas as pd
import pytest
from job_samples import SAMPLE, in_threads, pairs_of, scored

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import JobState
from esm2amp_core.pairs import PairTable
from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace


def test_a_submitted_job_says_what_it_is(jobs):
    job = jobs.submit(SAMPLE, {"pause": 1}, pairs_of(3), title="  My\n pairs ", owner="ana")
    assert (job.state, job.title, job.owner, job.n_rows) == (JobState.QUEUED, "My pairs", "ana", 3)
    assert job.params == {"pause": 1}
    assert job == jobs.get(job.id)


def test_a_job_without_a_title_gets_one_from_its_pairs(jobs):
    assert jobs.submit(SAMPLE, {}, pairs_of(1200)).title == "1,200 pairs"
    one = PairTable(pd.DataFrame({"row": [1], "protein_a": ["TP53"], "protein_b": ["MDM2"]}), {})
    assert jobs.submit(SAMPLE, {}, one).title == "TP53 and MDM2"


def test_no_pairs_are_no_job(jobs):
    with pytest.raises(JobError, match="no pairs"):
        jobs.submit(SAMPLE, {}, PairTable(pairs_of(2).frame.iloc[:0], {}))


def test_broken_characters_are_refused_and_leave_nothing(jobs):
    with pytest.raises(JobError, match="broken characters"):
        jobs.submit(SAMPLE, {}, pairs_of(2), title="half a \ud83e")
    assert jobs.count() == 0
    assert list(jobs.artifacts.folder.iterdir()) == []


def test_jobs_are_listed_newest_first_in_pages(jobs):
    ids = [jobs.submit(SAMPLE, {}, pairs_of(2)).id for _ in range(5)][::-1]
    assert [job.id for job in jobs.list(limit=2)] == ids[:2]
    assert [job.id for job in jobs.list(limit=2, offset=4)] == ids[4:]
    assert jobs.count() == 5


def test_jobs_are_chosen_by_state_and_owner(jobs):
    mine, other = (jobs.submit(SAMPLE, {}, pairs_of(2), owner=owner) for owner in ("ana", "ben"))
    jobs.cancel(other.id)
    assert [job.id for job in jobs.list(states=[JobState.QUEUED])] == [mine.id]
    assert [job.id for job in jobs.list(owner="ben")] == [other.id]
    assert jobs.count(states=[JobState.QUEUED, JobState.CANCELLED]) == 2
    assert jobs.count(states=[JobState.CANCELLED], owner="ana") == 0


@pytest.mark.parametrize("text, found", [
    ("BAIT", [0]), ("bait", [0]), ("100%", [0]), ("%", [0]), ("_", [2]), ("/", [3]), ("straße", [1]),
    ("STRASSE", [1]), ("q9_x", [2]), ("Q9", [1, 2]), ("nothing", []), ("  bait ", [0]), ("a" * 100_000, []),
    ("\udcff", None), ("'; DROP TABLE jobs; --", []), ("", [0, 1, 2, 3]), ("\\", []),
])  # fmt: skip
def test_search_looks_at_titles_and_proteins_as_typed(jobs, text, found):
    titles = ["Bait 100% sure", "Straße", "plain", "a/b"]
    ids = [jobs.submit(SAMPLE, {}, pairs_of(2, prefix=prefix), title=title).id
           for title, prefix in zip(titles, ["A", "Q9Y", "Q9_X", "D"], strict=True)]  # fmt: skip
    if found is None:
        with pytest.raises(JobError, match="broken characters"):
            jobs.list(search=text)
        return
    assert [job.id for job in jobs.list(search=text)] == [ids[i] for i in found[::-1]]
    assert jobs.count(search=text) == len(found)


def test_search_finds_ids_and_new_titles(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2), title="before")
    jobs.rename(job.id, "After")
    assert jobs.list(search=job.id[:8].upper()) == [jobs.get(job.id)]
    assert jobs.count(search="after") == 1
    assert jobs.count(search="before") == 0


def test_a_title_of_nothing_is_refused(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2), title="before")
    with pytest.raises(JobError, match="empty"):
        jobs.rename(job.id, " \n ")
    assert jobs.get(job.id).title == "before"


def test_the_queue_is_first_come_first_served(jobs):
    first, second, third = (jobs.submit(SAMPLE, {}, pairs_of(2)).id for _ in range(3))
    assert [jobs.position(job_id) for job_id in (first, second, third)] == [1, 2, 3]
    assert jobs.claim("w").id == first
    jobs.cancel(second)
    assert [jobs.position(job_id) for job_id in (first, second, third)] == [None, None, 1]
    assert jobs.claim("w").id == third
    assert jobs.claim("w") is None


def test_claims_never_give_a_job_twice(tmp_path):
    jobs = Workspace.open(Settings(workspace=tmp_path)).jobs
    submitted = {jobs.submit(SAMPLE, {}, pairs_of(2)).id for _ in range(40)}
    claimed = []

    def claim_all():
        own = Workspace.open(Settings(workspace=tmp_path)).jobs
        while job := own.claim(threading.current_thread().name):
            claimed.append(job.id)

    assert in_threads(claim_all, 6) == []
    assert sorted(claimed) == sorted(submitted)


def test_orphans_go_back_to_the_queue_and_keep_their_rows(jobs):
    pairs = pairs_of(4)
    job = jobs.submit(SAMPLE, {}, pairs)
    jobs.claim("dead")
    jobs.save_predictions(job.id, scored(pairs.frame.iloc[:3]), worker="dead")
    assert jobs.requeue_orphans() == 1
    again = jobs.claim("w")
    assert (again.id, again.attempts, again.n_done) == (job.id, 2, 3)


def test_a_job_fails_in_words_after_three_deaths_without_a_new_row(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(4))
    for expected in (JobState.QUEUED, JobState.QUEUED, JobState.FAILED):
        jobs.claim("dead")
        jobs.requeue_orphans()
        assert jobs.get(job.id).state == expected
    assert "memory" in jobs.get(job.id).error
    assert jobs.get(job.id).finished is not None


def test_deaths_between_new_rows_do_not_add_up(jobs):
    pairs = pairs_of(6)
    job = jobs.submit(SAMPLE, {}, pairs)
    for row in range(6):
        jobs.claim("dead")
        jobs.save_predictions(job.id, scored(pairs.frame.iloc[row : row + 1]), worker="dead")
        jobs.requeue_orphans()
    assert jobs.get(job.id).state == JobState.QUEUED


def test_deaths_of_a_job_that_gets_on_within_a_stage_do_not_add_up(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(6))
    for done in range(1, 7):  # what was embedded is kept: the next worker begins there
        jobs.claim("dead")
        jobs.report(job.id, "Reading", done - 1, 9, worker="dead")
        jobs.report(job.id, "Reading", done, 9, worker="dead")
        jobs.requeue_orphans()
    assert jobs.get(job.id).state == JobState.QUEUED


def test_a_job_that_dies_at_the_same_place_thrice_fails(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(6))
    for _ in range(3):
        jobs.claim("dead")
        for stage, done in [("Loading", 0), ("Reading", 5), ("Reading", 5), ("Scoring", 6)]:
            jobs.report(job.id, stage, done, 9, worker="dead")
        jobs.requeue_orphans()
    assert jobs.get(job.id).state == JobState.FAILED
