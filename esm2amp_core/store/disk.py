"""How much disk the workspace takes, and how old results make room."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from esm2amp_core.jobs import JobState
from esm2amp_core.store.job_queue import JobQueue
from esm2amp_core.store.job_store import remove_results
from esm2amp_core.store.tables import JobRow

MB = 1_000_000
FINISHED = tuple(state for state in JobState if state.is_finished)


@dataclass(frozen=True, kw_only=True)
class DiskUse:
    """Bytes taken, and the limits; `free` is what the disk has left."""

    jobs: int
    max_jobs: int
    features: int
    max_features: int
    free: int


def job_bytes(queue: JobQueue) -> int:
    """About what inputs, results and reports of all jobs take."""
    with queue.database.reading() as session:
        return int(session.scalar(select(func.sum(JobRow.input_bytes + JobRow.result_bytes))) or 0)


def file_bytes(path: Path) -> int:
    """Size of a file and of those that SQLite keeps beside it."""
    size = 0
    for found in path.parent.glob(f"{path.name}*"):
        with suppress(FileNotFoundError):  # SQLite removes its own at any time
            size += found.stat().st_size
    return size


def make_room(queue: JobQueue, max_mb: int) -> list[str]:
    """Remove inputs and results of the jobs that finished first until the rest fits.

    The jobs themselves stay, with a note. The one that finished last is never touched: somebody
    waited for it.

    Returns
    -------
    list of str
        Ids of the jobs that lost their results.
    """
    excess = job_bytes(queue) - max_mb * MB
    if excess <= 0:
        return []
    removed = []
    size = JobRow.input_bytes + JobRow.result_bytes
    with queue.database.writing() as session:
        rows = session.scalars(
            select(JobRow).where(JobRow.state.in_(FINISHED), size > 0).order_by(JobRow.finished, JobRow.id)
        ).all()
        for row in rows[:-1]:
            if excess <= 0:
                break
            excess -= row.input_bytes + row.result_bytes
            remove_results(session, row.id)
            row.input_bytes = row.result_bytes = 0
            row.results_removed = True
            note = f"Input and results were removed to save disk (limit: {max_mb:,} MB)."
            row.message = f"{row.message} {note}".strip()
            removed.append(row.id)
    for job_id in removed:
        queue.artifacts.remove(job_id)
    if removed:
        queue.database.give_back_space()
    return removed
