"""Jobs as a worker sees them: claim one, tell how far it is, keep its rows, end it.

Every change names the state and the worker it expects. A worker that lost its job, because it was
cancelled, deleted, or taken over while the machine slept, therefore changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from sqlalchemy import and_, case, func, literal, select, update
from sqlalchemy.sql.dml import Update

from esm2amp_core.jobs import UNDER_WAY, Job, JobState
from esm2amp_core.predictions import Status
from esm2amp_core.progress import Cancelled
from esm2amp_core.store import prediction_store
from esm2amp_core.store.artifacts import Artifacts
from esm2amp_core.store.database import Database
from esm2amp_core.store.tables import JobRow, UtcTime

MAX_DEATHS = 3
DIED = (
    "The program ended three times while it worked on this job, most likely because memory ran out. "
    "Rows scored until then are kept. Try fewer rows or leave out the longest proteins, then run it again; "
    "worker.log in the workspace may say more."
)


def now() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)


class JobQueue:
    """What the worker asks of the store.

    Parameters
    ----------
    database : Database
    artifacts : Artifacts
    """

    def __init__(self, database: Database, artifacts: Artifacts) -> None:
        self.database = database
        self.artifacts = artifacts

    def has_work(self) -> bool:
        """True if a job waits, or runs; reads only, so that an idle worker disturbs nobody."""
        open_jobs = select(JobRow.id).where(JobRow.state.in_(UNDER_WAY)).limit(1)
        with self.database.reading() as session:
            return session.scalar(open_jobs) is not None

    def claim(self, worker: str) -> Job | None:
        """Take up the oldest queued job; None when there is none. No two workers get the same one."""
        with self.database.writing() as session:
            while oldest := session.scalar(
                select(JobRow.id)
                .where(JobRow.state == JobState.QUEUED)
                .order_by(JobRow.created, JobRow.id)
                .limit(1)
            ):
                claimed = session.execute(
                    update(JobRow)
                    .where(JobRow.id == oldest, JobRow.state == JobState.QUEUED)
                    .values(
                        state=JobState.RUNNING, worker=worker, attempts=JobRow.attempts + 1,
                        started=func.coalesce(JobRow.started, literal(now(), UtcTime)),
                        stage="", stage_done=0, stage_total=0, stage_started=None,
                    )  # fmt: skip
                )
                if claimed.rowcount:
                    return session.get_one(JobRow, oldest).to_job()
        return None

    def report(self, job_id: str, stage: str, done: int, total: int, *, worker: str) -> None:
        """Note how far a job is.

        When a job gets on within a stage, earlier deaths of its workers count no more: tasks do first what
        needs most memory, so a job that kills its worker does so before.

        Raises
        ------
        Cancelled
            If the job is no longer running under this worker.
        """
        started = case((JobRow.stage == stage, JobRow.stage_started), else_=literal(now(), UtcTime))
        gets_on = and_(JobRow.stage == stage, JobRow.stage_done < done)
        self._change_running(
            job_id, worker, stage=stage, stage_done=done, stage_total=total, stage_started=started,
            deaths=case((gets_on, 0), else_=JobRow.deaths),
        )  # fmt: skip

    def save_predictions(self, job_id: str, frame: pd.DataFrame, *, worker: str) -> None:
        """Keep rows of a running job and count them, both or neither.

        Parameters
        ----------
        frame : DataFrame
            `RESULT_COLUMNS`, and `NEAREST_COLUMNS` where they are known; no row that is already kept.

        Raises
        ------
        Cancelled
            If the job is no longer running under this worker; nothing is kept then.
        """
        counted = self._where_running(job_id, worker).values(
            n_done=JobRow.n_done + len(frame),
            n_errors=JobRow.n_errors + int((frame["status"] == Status.ERROR).sum()),
            result_bytes=JobRow.result_bytes + prediction_store.stored_bytes(frame),
            deaths=0,
        )
        with self.database.writing() as session:
            if not session.execute(counted).rowcount:
                raise Cancelled
            prediction_store.insert_predictions(session, job_id, frame)

    def note(
        self, job_id: str, params: Mapping[str, Any], *, message: str = "", worker: str
    ) -> None:
        """Replace the parameters of a running job, and its message where there is one.

        Raises
        ------
        Cancelled
            If the job is no longer running under this worker.
        """
        told = {"message": message} if message else {}
        self._change_running(job_id, worker, params=dict(params), **told)

    def count_files(self, job_id: str) -> None:
        """Note how much disk the files of a job take, whatever became of it."""
        counted = update(JobRow).where(JobRow.id == job_id)
        with self.database.writing() as session:
            session.execute(counted.values(input_bytes=self.artifacts.bytes_of(job_id)))

    def finish(self, job_id: str, *, worker: str) -> None:
        """End a job well; one that was cancelled meanwhile stays so."""
        self._end(job_id, worker, JobState.DONE)

    def fail(self, job_id: str, error: str, *, worker: str) -> None:
        """End a job with the reason; one that was cancelled meanwhile stays so."""
        self._end(job_id, worker, JobState.FAILED, error=error)

    def release(self, job_id: str, *, worker: str) -> None:
        """Put a running job back into the queue, with the rows it has."""
        with self.database.writing() as session:
            session.execute(self._where_running(job_id, worker).values(state=JobState.QUEUED, worker=""))

    def requeue_orphans(self) -> int:
        """Put jobs whose worker died back into the queue; fail those that keep killing their worker.

        Only for the one worker, while it runs no job: whatever is running then, nobody runs.

        Returns
        -------
        int
            Jobs put back.
        """
        orphans = update(JobRow).where(JobRow.state == JobState.RUNNING)
        with self.database.writing() as session:
            session.execute(
                orphans.where(JobRow.deaths + 1 >= MAX_DEATHS).values(
                    state=JobState.FAILED, error=DIED, finished=now(), deaths=JobRow.deaths + 1
                )
            )
            return session.execute(
                orphans.values(state=JobState.QUEUED, worker="", deaths=JobRow.deaths + 1)
            ).rowcount

    def rows_done(self, job_id: str) -> set[int]:
        """Numbers of the rows that have an outcome."""
        with self.database.reading() as session:
            return prediction_store.read_rows_done(session, job_id)

    def _end(self, job_id: str, worker: str, state: JobState, **values: Any) -> None:
        with self.database.writing() as session:
            session.execute(
                self._where_running(job_id, worker).values(state=state, finished=now(), **values)
            )

    def _change_running(self, job_id: str, worker: str, **values: Any) -> None:
        with self.database.writing() as session:
            if not session.execute(self._where_running(job_id, worker).values(**values)).rowcount:
                raise Cancelled

    @staticmethod
    def _where_running(job_id: str, worker: str) -> Update:
        running = (JobRow.id == job_id, JobRow.state == JobState.RUNNING, JobRow.worker == worker)
        return update(JobRow).where(*running)
