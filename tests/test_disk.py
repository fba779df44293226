"""Room on the disk: what gives way, and how much is taken."""

import sqlite3
from pathlib import Path

import pytest
from job_samples import SAMPLE, pairs_of, run_through

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import JobState
from esm2amp_core.store import database, disk
from esm2amp_core.store.artifacts import Artifacts
from esm2amp_core.store.database import Database


def test_the_oldest_finished_results_make_room_and_the_jobs_stay(jobs, monkeypatch):
    monkeypatch.setattr(disk, "MB", 1)  # the limit is then in bytes
    old, middle, new = (run_through(jobs, pairs_of(2000)) for _ in range(3))
    waiting = jobs.submit(SAMPLE, {}, pairs_of(2000))
    in_all = disk.job_bytes(jobs)
    assert disk.make_room(jobs, in_all) == []
    assert disk.make_room(jobs, in_all - 1) == [old.id]
    assert disk.job_bytes(jobs) < in_all * 0.8
    assert disk.make_room(jobs, 0) == [middle.id]  # the newest result stays in any case
    for job in (old, middle):
        kept = jobs.get(job.id)
        assert (kept.state, kept.results_removed, kept.n_done) == (JobState.DONE, True, 2000)
        assert "removed to save disk" in kept.message
        assert len(jobs.predictions(job.id)) == 0
    assert not jobs.get(new.id).results_removed
    assert len(jobs.predictions(new.id)) == 2000
    assert sorted(path.name for path in jobs.artifacts.folder.iterdir()) == sorted([new.id, waiting.id])


def test_removed_results_give_their_space_back(jobs, tmp_path):
    old = run_through(jobs, pairs_of(20_000))
    run_through(jobs, pairs_of(2))
    with sqlite3.connect(tmp_path / "app.sqlite") as connection:
        before = connection.execute("PRAGMA page_count").fetchone()
        assert disk.make_room(jobs, 0) == [old.id]
        assert connection.execute("PRAGMA page_count").fetchone()[0] < before[0] / 2


def test_space_comes_back_in_portions_and_others_may_write_in_between(jobs, tmp_path, monkeypatch):
    monkeypatch.setattr(database, "VACUUM_PAGES", 10)
    run_through(jobs, pairs_of(20_000))
    old = run_through(jobs, pairs_of(2))
    jobs.delete(jobs.list()[1].id)
    moments = []

    def write_meanwhile(seconds):
        jobs.rename(old.id, f"renamed {len(moments)} times")  # fails where the lock is held
        with sqlite3.connect(tmp_path / "app.sqlite") as connection:
            moments.append(connection.execute("PRAGMA freelist_count").fetchone()[0])

    monkeypatch.setattr(database.time, "sleep", write_meanwhile)
    jobs.database.give_back_space()
    assert len(moments) > 10
    assert moments == sorted(moments, reverse=True) and moments[-1] < 10


def test_a_lock_while_space_is_given_back_is_told_in_words(jobs, tmp_path, monkeypatch):
    run_through(jobs, pairs_of(2_000))
    jobs.delete(jobs.list()[0].id)
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.05)
    impatient = Database.of_file(tmp_path / "app.sqlite")
    with sqlite3.connect(tmp_path / "app.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JobError, match="busy"):
            impatient.give_back_space()
        other.execute("ROLLBACK")


@pytest.mark.parametrize("measure", [
    lambda folder: disk.file_bytes(folder / "x"),
    lambda folder: Artifacts(folder).remove_abandoned(),
], ids=["size", "sweep"])  # fmt: skip
def test_files_that_go_while_they_are_looked_at_are_no_matter(tmp_path, monkeypatch, measure):
    (tmp_path / "x").write_bytes(b"1234")
    gone = [tmp_path / "x-wal", tmp_path / "job.part"]  # seen a moment ago
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    found = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: [*gone, *found(self, pattern)])
    assert measure(tmp_path) in (4, None)


def test_the_estimate_of_disk_use_is_near_the_files(jobs, tmp_path):
    run_through(jobs, pairs_of(20_000), message="The orders A-B and B-A differ by 0.03 in probability.")
    jobs.database.close()
    files = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert disk.job_bytes(jobs) == pytest.approx(files, rel=0.3)
