"""The noun `Job`, and that the store moves jobs as `MOVES` says and in no other way."""

from datetime import UTC, datetime, timedelta

import pytest
from job_samples import SAMPLE, pairs_of

from esm2amp_core.jobs import MOVES, Job, JobState
from esm2amp_core.progress import Cancelled

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def job_in(jobs, state):
    """A job brought to a state by the ordinary way."""
    job = jobs.submit(SAMPLE, {}, pairs_of(2))
    if state not in (JobState.QUEUED, JobState.CANCELLED):
        jobs.claim("w")
    end = {JobState.DONE: lambda job_id: jobs.finish(job_id, worker="w"), JobState.CANCELLED: jobs.cancel,
           JobState.FAILED: lambda job_id: jobs.fail(job_id, "no", worker="w")}  # fmt: skip
    if state in end:
        end[state](job.id)
    assert jobs.get(job.id).state == state
    return job


DEEDS = {
    "claim": lambda jobs, job: jobs.claim("w"),
    "finish": lambda jobs, job: jobs.finish(job.id, worker="w"),
    "fail": lambda jobs, job: jobs.fail(job.id, "no", worker="w"),
    "release": lambda jobs, job: jobs.release(job.id, worker="w"),
    "cancel": lambda jobs, job: jobs.cancel(job.id),
    "requeue": lambda jobs, job: jobs.requeue_orphans(),
    "rename": lambda jobs, job: jobs.rename(job.id, "other"),
}


@pytest.mark.parametrize("state", JobState)
@pytest.mark.parametrize("deed", DEEDS)
def test_no_deed_makes_an_illegal_move(jobs, state, deed):
    job = job_in(jobs, state)
    DEEDS[deed](jobs, job)
    after = jobs.get(job.id).state
    assert after == state or after in MOVES[state]


def test_every_legal_move_happens(jobs):
    seen = set()
    for state in JobState:
        for deed in DEEDS.values():
            job = job_in(jobs, state)
            deed(jobs, job)
            seen.add((state, jobs.get(job.id).state))
            jobs.delete(job.id)
    assert seen >= {(before, after) for before, moves in MOVES.items() for after in moves}


def test_a_state_without_moves_is_finished():
    finished = {state for state in JobState if state.is_finished}
    assert finished == {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


@pytest.mark.parametrize("state", [state for state in JobState if state != JobState.RUNNING])
def test_only_a_running_job_takes_reports(jobs, state):
    job = job_in(jobs, state)
    with pytest.raises(Cancelled):
        jobs.report(job.id, "Scoring", 1, 2, worker="w")


def test_time_left_follows_the_rate_of_the_stage():
    job = Job(id="x", kind="predict", state=JobState.RUNNING, created=NOON, stage="Scoring", stage_done=25,
              stage_total=100, stage_started=NOON)  # fmt: skip
    assert job.seconds_left(NOON + timedelta(seconds=10)) == pytest.approx(30)


@pytest.mark.parametrize("done, started", [(0, NOON), (5, None), (200, NOON)])
def test_time_left_is_unknown_without_a_rate(done, started):
    job = Job(id="x", kind="predict", state=JobState.RUNNING, created=NOON, stage_done=done, stage_total=100,
              stage_started=started)  # fmt: skip
    assert job.seconds_left(NOON + timedelta(seconds=10)) is None


def test_times_are_aware_and_in_utc(jobs):
    before = datetime.now(UTC)
    jobs.submit(SAMPLE, {}, pairs_of(2))
    job = jobs.claim("w")
    jobs.report(job.id, "Scoring", 1, 2, worker="w")
    jobs.finish(job.id, worker="w")
    job = jobs.get(job.id)
    times = [before, job.created, job.started, job.stage_started, job.finished, datetime.now(UTC)]
    assert times == sorted(times)
    assert all(time.utcoffset() == timedelta(0) for time in times)


def test_a_new_stage_starts_the_clock_anew_and_the_same_stage_does_not(jobs):
    job = jobs.submit(SAMPLE, {}, pairs_of(2))
    jobs.claim("w")
    starts = []
    for stage, done in [("Reading", 1), ("Reading", 2), ("Scoring", 0), ("Scoring", 1)]:
        jobs.report(job.id, stage, done, 2, worker="w")
        starts.append(jobs.get(job.id).stage_started)
    assert starts[0] == starts[1] < starts[2] == starts[3]
