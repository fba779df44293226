"""The worker process and `run_pending`: whatever dies, no row is lost or doubled."""

import importlib
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from job_samples import SAMPLE, SampleParams, pairs_of, scored
from pandas.testing import assert_frame_equal

from esm2amp_core import launching
from esm2amp_core.errors import JobError
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import KINDS, Kind
from esm2amp_core.launching import trim_log
from esm2amp_core.predictions import RESULT_COLUMNS
from esm2amp_core.settings import Settings
from esm2amp_core.store import worker_seat
from esm2amp_core.store.database import LOCK_SECONDS
from esm2amp_core.store.job_queue import JobQueue
from esm2amp_core.store.worker_seat import BEAT_SECONDS, STALE, STARTING, process_is_gone
from esm2amp_core.tasks import worker
from esm2amp_core.tasks.worker import NICENESS, run_pending, run_worker
from esm2amp_core.workspace import Workspace

SAMPLES = Path(__file__).with_name("job_samples.py")
PATIENCE = 120


@pytest.fixture
def workspace(tmp_path):
    return Workspace.open(Settings(workspace=tmp_path))


@contextmanager
def worker_process(workspace, *arguments):
    """A worker that knows the sample jobs; killed at the end if it still runs."""
    command = [sys.executable, str(SAMPLES), *arguments]
    environment = {**os.environ, **workspace.settings.to_environment()}
    process = subprocess.Popen(command, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def state_of(workspace, job):
    return workspace.jobs.get(job.id).state


def outcomes(workspace, job):
    return workspace.jobs.predictions(job.id)[list(RESULT_COLUMNS)]


# Inline


def test_pending_jobs_are_done_in_order(workspace):
    pairs = pairs_of(12)
    first, second = (workspace.jobs.submit(SAMPLE, {}, pairs) for _ in range(2))
    done = run_pending(workspace)
    assert [job.id for job in done] == [first.id, second.id]
    assert {(job.state, job.n_done, job.attempts) for job in done} == {(JobState.DONE, 12, 1)}
    assert_frame_equal(outcomes(workspace, first), scored(pairs.frame))
    assert workspace.seat.holder() is None


def test_a_job_says_that_libraries_are_loading_before_its_code_is_there(workspace, tmp_path, monkeypatch):
    (tmp_path / "slow_to_load.py").write_text(
        "import sqlite3; from job_samples import score\n"
        f"((stage,),) = sqlite3.connect({str(tmp_path / 'app.sqlite')!r}).execute('SELECT stage FROM jobs')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(KINDS, "slow", Kind(run="slow_to_load:score", params=SampleParams, page="results"))
    workspace.jobs.submit("slow", {}, pairs_of(3))
    assert run_pending(workspace)[0].state == JobState.DONE
    assert importlib.import_module("slow_to_load").stage == "Loading the libraries"


def test_a_refusal_is_told_as_it_is_and_the_next_job_is_done(workspace):
    odd = workspace.jobs.submit(SAMPLE, {"at": 8, "deed": "refuse"}, pairs_of(12))
    workspace.jobs.submit(SAMPLE, {}, pairs_of(3))
    failed, done = run_pending(workspace)
    assert (failed.id, failed.state, failed.n_done) == (odd.id, JobState.FAILED, 5)
    assert failed.error == "The pair is odd. Even it out."
    assert done.state == JobState.DONE


def test_an_incident_has_a_number_for_the_person_and_a_traceback_for_the_log(workspace, capfd):
    workspace.jobs.submit(SAMPLE, {"at": 1, "deed": "break"}, pairs_of(3))
    (failed,) = run_pending(workspace)
    number = failed.error.partition("incident ")[2][:8]
    log = workspace.log_file.read_text()
    assert failed.state == JobState.FAILED
    assert "secret" not in failed.error and "Traceback" not in failed.error
    assert number in log and "ZeroDivisionError: secret detail" in log
    assert capfd.readouterr() == ("", "")


def test_a_job_of_an_unknown_kind_is_refused_in_words(workspace):
    workspace.jobs.submit("divination", {}, pairs_of(3))
    (failed,) = run_pending(workspace)
    assert "'divination'" in failed.error and "Update esm2amp" in failed.error


def test_an_interrupt_puts_the_job_back_with_its_rows(workspace):
    job = workspace.jobs.submit(SAMPLE, {"at": 8, "deed": "interrupt"}, pairs_of(12))
    with pytest.raises(KeyboardInterrupt):
        run_pending(workspace)
    kept = workspace.jobs.get(job.id)
    assert (kept.state, kept.n_done) == (JobState.QUEUED, 5)
    assert workspace.seat.holder() is None


def test_pending_jobs_are_left_to_a_living_worker(workspace):
    workspace.jobs.submit(SAMPLE, {}, pairs_of(3))
    workspace.seat.take()
    with pytest.raises(JobError, match="already at work"):
        run_pending(workspace)
    assert not run_worker(workspace.settings)


# Killed, stopped, cancelled


def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(workspace):
    pairs = pairs_of(200)
    job = workspace.jobs.submit(SAMPLE, {"pause": 0.005}, pairs)
    for goal in (20, 60, 100, 140):
        with worker_process(workspace) as process:
            wait_until(lambda goal=goal: workspace.jobs.get(job.id).n_done >= goal)
            process.kill()
            process.wait()
        assert state_of(workspace, job) == JobState.RUNNING
        rows = workspace.jobs.predictions(job.id)["row"].tolist()
        assert rows == list(range(1, workspace.jobs.get(job.id).n_done + 1))
    with worker_process(workspace):
        wait_until(lambda: state_of(workspace, job) == JobState.DONE)
    done = workspace.jobs.get(job.id)
    assert (done.n_done, done.n_errors, done.attempts) == (200, 0, 5)
    assert_frame_equal(outcomes(workspace, job), scored(pairs.frame))


def test_a_job_that_kills_its_worker_thrice_fails_and_frees_the_queue(workspace):
    bad = workspace.jobs.submit(SAMPLE, {"at": 8, "deed": "die"}, pairs_of(12))
    good = workspace.jobs.submit(SAMPLE, {}, pairs_of(3))
    for _ in range(3):
        with worker_process(workspace) as process:
            assert process.wait(PATIENCE) == -signal.SIGKILL
    with worker_process(workspace):
        wait_until(lambda: state_of(workspace, good) == JobState.DONE)
    failed = workspace.jobs.get(bad.id)
    assert (failed.state, failed.n_done) == (JobState.FAILED, 5)
    assert "memory" in failed.error


def test_a_cancelled_job_stops_soon_and_the_worker_goes_on(workspace):
    long = workspace.jobs.submit(SAMPLE, {"pause": 0.05}, pairs_of(10_000))  # longer than anybody waits
    next_one = workspace.jobs.submit(SAMPLE, {}, pairs_of(3))
    with worker_process(workspace):
        wait_until(lambda: workspace.jobs.get(long.id).n_done >= 10)
        workspace.jobs.cancel(long.id)
        wait_until(lambda: state_of(workspace, next_one) == JobState.DONE)
    cancelled = workspace.jobs.get(long.id)
    assert cancelled.state == JobState.CANCELLED
    assert cancelled.n_done == len(workspace.jobs.predictions(long.id)) < 10_000


def test_deleting_a_running_job_stops_it_and_leaves_nothing(workspace):
    long = workspace.jobs.submit(SAMPLE, {"pause": 0.05}, pairs_of(10_000))  # longer than anybody waits
    next_one = workspace.jobs.submit(SAMPLE, {}, pairs_of(3))
    with worker_process(workspace):
        wait_until(lambda: workspace.jobs.get(long.id).n_done >= 10)
        workspace.jobs.delete(long.id)
        wait_until(lambda: state_of(workspace, next_one) == JobState.DONE)
    assert [job.id for job in workspace.jobs.list()] == [next_one.id]
    assert "incident" not in workspace.log_file.read_text()


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_asked_to_stop_finishes_its_batch_and_leaves(workspace, number):
    job = workspace.jobs.submit(SAMPLE, {"pause": 0.02}, pairs_of(500))
    with worker_process(workspace) as process:
        wait_until(lambda: workspace.jobs.get(job.id).n_done >= 10)
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
    kept = workspace.jobs.get(job.id)
    assert kept.state == JobState.QUEUED
    assert kept.n_done == len(workspace.jobs.predictions(job.id)) > 0
    assert workspace.seat.holder() is None


def test_a_worker_that_lost_its_seat_leaves_its_job_to_the_next(workspace):
    job = workspace.jobs.submit(SAMPLE, {"pause": 0.02}, pairs_of(500))
    with worker_process(workspace) as process:
        wait_until(lambda: workspace.jobs.get(job.id).n_done >= 10)
        with workspace.jobs.database.writing() as session:
            session.execute(sa.text("UPDATE workers SET name = 'another'"))
        assert process.wait(PATIENCE) == 0
    assert state_of(workspace, job) == JobState.QUEUED


def test_progress_is_written_often_enough_to_watch_and_no_oftener(workspace):
    job = workspace.jobs.submit(SAMPLE, {"pause": 0.01}, pairs_of(100))
    seen = set()

    def look():
        kept = workspace.jobs.get(job.id)
        seen.add(kept.stage_done)
        return kept.state.is_finished

    with worker_process(workspace):
        wait_until(look)
    assert 2 <= len(seen) <= 6


def test_a_busy_worker_keeps_the_disk_within_its_limit_between_jobs(tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path, max_job_mb=0))
    jobs = [workspace.jobs.submit(SAMPLE, {}, pairs_of(3)) for _ in range(3)]
    workspace.log_file.write_bytes(b"old\n" * 1_500_000)
    assert run_worker(workspace.settings, exit_when_idle=0.01)
    kept = [workspace.jobs.get(job.id) for job in jobs]
    assert [job.state for job in kept] == [JobState.DONE] * 3
    assert [job.results_removed for job in kept] == [True, True, False]
    assert workspace.log_file.stat().st_size < 5_000_000


def test_a_worker_in_trouble_waits_and_goes_on(workspace, monkeypatch):
    job = workspace.jobs.submit(SAMPLE, {}, pairs_of(3))
    monkeypatch.setattr(worker, "TROUBLE_SECONDS", 0.01)
    claim, troubles = JobQueue.claim, iter([JobError("The disk is full.")] * 2)

    def claim_in_trouble(self, name):
        for trouble in troubles:
            raise trouble
        return claim(self, name)

    monkeypatch.setattr(JobQueue, "claim", claim_in_trouble)
    assert run_worker(workspace.settings, exit_when_idle=0.3)
    assert state_of(workspace, job) == JobState.DONE
    assert workspace.log_file.read_text().count("waiting: The disk is full.") == 2


def test_a_worker_that_cannot_tidy_does_the_next_job(workspace, monkeypatch):
    def refuse(self):
        raise PermissionError(13, "Permission denied", "x.part")

    monkeypatch.setattr(Workspace, "tidy", refuse)
    jobs = [workspace.jobs.submit(SAMPLE, {}, pairs_of(3)) for _ in range(2)]
    assert run_worker(workspace.settings, exit_when_idle=0.3)
    assert [state_of(workspace, job) for job in jobs] == [JobState.DONE] * 2
    assert workspace.log_file.read_text().count("not tidied") == 2


def test_a_worker_whose_database_is_gone_leaves_when_idle(workspace, monkeypatch):
    def gone(self):
        raise JobError("The database cannot be opened.")

    monkeypatch.setattr(worker, "TROUBLE_SECONDS", 0.01)
    monkeypatch.setattr(JobQueue, "has_work", gone)
    assert run_worker(workspace.settings, exit_when_idle=0.1)


# The seat


def test_a_worker_leaves_when_idle(workspace):
    assert run_worker(workspace.settings, exit_when_idle=0.01)
    assert workspace.seat.holder() is None


def test_a_worker_does_not_leave_while_a_job_waits(workspace):
    name = workspace.seat.take()
    job = workspace.jobs.submit(SAMPLE, {}, pairs_of(3))
    assert not workspace.seat.leave_if_idle(name)
    workspace.jobs.cancel(job.id)
    assert workspace.seat.leave_if_idle(name)


def test_the_seat_has_room_for_one(workspace):
    assert workspace.seat.reserve()
    assert workspace.seat.reserve() is None
    assert workspace.seat.take() is None


def test_a_reserved_seat_is_taken_by_name_only(workspace):
    name = workspace.seat.reserve()
    assert workspace.seat.take("somebody") is None
    assert workspace.seat.take(name) == name
    assert workspace.seat.holder().pid == os.getpid()


def test_a_dead_process_is_noticed_at_once(workspace, monkeypatch):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    monkeypatch.setattr(worker_seat.os, "getpid", lambda: process.pid)
    workspace.seat.take()
    assert workspace.seat.holder() is None
    assert process_is_gone(process.pid) and not process_is_gone(os.getppid())


@pytest.mark.parametrize("host, alive", [("here", False), ("elsewhere", True)])
def test_process_numbers_of_other_hosts_say_nothing(workspace, monkeypatch, host, alive):
    monkeypatch.setattr(worker_seat, "process_is_gone", lambda pid: True)
    monkeypatch.setattr(worker_seat, "this_host", lambda: host)
    workspace.seat.take()
    monkeypatch.setattr(worker_seat, "this_host", lambda: "here")
    assert (workspace.seat.holder() is not None) == alive


@pytest.mark.parametrize("age, alive", [(timedelta(), True), (STALE * 0.9, True), (STALE * 1.1, False),
                                        (-STALE * 1.1, False)])  # fmt: skip
def test_a_worker_that_does_not_beat_is_dead(workspace, age, alive):
    workspace.seat.take()
    worker = workspace.seat.holder()
    assert worker.is_alive(worker.beat + age) == alive


def test_a_start_may_take_longer_than_a_beat_but_not_for_ever(workspace):
    workspace.seat.reserve()
    worker = workspace.seat.holder()
    assert worker.is_alive(worker.beat + STALE * 1.5)
    assert not worker.is_alive(worker.beat + STARTING * 1.1)


def test_a_worker_that_waits_for_a_lock_lives():
    assert timedelta(seconds=LOCK_SECONDS + BEAT_SECONDS) < STALE


def test_a_beating_worker_stays_alive_and_a_replaced_one_notices(workspace):
    name = workspace.seat.take()
    first = workspace.seat.holder().beat
    assert workspace.seat.beat(name)
    assert first < workspace.seat.holder().beat <= datetime.now(UTC)
    workspace.seat.leave(name)
    workspace.seat.take()
    assert not workspace.seat.beat(name)


# Starting


def test_tabs_that_ask_at_once_start_one_worker_that_does_the_job(tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path, worker_idle_seconds=1))
    job = workspace.jobs.submit("divination", {}, pairs_of(3))
    code = "from esm2amp_core.workspace import Workspace; Workspace.open().ensure_worker()"
    environment = {**os.environ, **workspace.settings.to_environment()}
    tabs = [subprocess.Popen([sys.executable, "-c", code], env=environment) for _ in range(4)]
    assert [tab.wait(PATIENCE) for tab in tabs] == [0] * 4
    wait_until(lambda: state_of(workspace, job) == JobState.FAILED)
    wait_until(lambda: workspace.seat.holder() is None)
    assert workspace.log_file.read_text().count("at work") == 1


def test_a_killed_worker_is_replaced_when_a_page_asks(tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path, worker_idle_seconds=1))
    pids = []
    for _ in range(2):
        workspace.ensure_worker()
        wait_until(lambda: workspace.seat.holder() and workspace.seat.holder().pid)
        pids.append(workspace.seat.holder().pid)
        os.kill(pids[-1], signal.SIGKILL)
        wait_until(lambda: workspace.seat.holder() is None)
    assert pids[0] != pids[1]


@pytest.mark.skipif(os.name != "posix", reason="niceness")
def test_a_worker_lets_pages_go_first(tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path, worker_idle_seconds=1))
    workspace.ensure_worker()
    wait_until(lambda: workspace.seat.holder() and workspace.seat.holder().pid)
    worker = workspace.seat.holder().pid
    assert os.getpriority(os.PRIO_PROCESS, worker) == min(os.nice(0) + NICENESS, 19)
    os.kill(worker, signal.SIGKILL)


def test_a_worker_that_cannot_start_is_told_and_leaves_the_seat_free(workspace, monkeypatch):
    monkeypatch.setattr(launching.sys, "executable", "/no/such/python")
    with pytest.raises(JobError, match="cannot be started.*esm2amp worker"):
        workspace.ensure_worker()
    assert workspace.seat.holder() is None


def test_a_waiting_worker_holds_no_torch():
    code = "import sys, esm2amp_core.tasks.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE).returncode == 0


def test_a_long_log_keeps_its_end(tmp_path):
    log = tmp_path / "worker.log"
    with log.open("ab") as appending:
        appending.write(b"old line\n" * 100 + b"last line\n")
        appending.flush()
        trim_log(log, max_bytes=100)
        appending.write(b"new line\n")
    text = log.read_text()
    assert len(text) < 70
    assert text.endswith("last line\nnew line\n")
