"""One job from claim to end. The worker and `run_pending` both go this way; there is no other."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pkgutil import resolve_name

import pandas as pd

from esm2amp_core.errors import JobError, UserError
from esm2amp_core.jobs import Job
from esm2amp_core.kinds import Params, kind_of
from esm2amp_core.progress import Cancelled
from esm2amp_core.workspace import Workspace

LOG = logging.getLogger(__name__)
REPORT_SECONDS = 0.5


class Stopped(Cancelled):
    """The worker has to leave; the job goes back into the queue."""


def never() -> bool:
    """Nobody asks to stop."""
    return False


@dataclass
class Work:
    """One job in the hands of a worker; what a task function gets.

    Attributes
    ----------
    workspace : Workspace
    job : Job
        As claimed.
    params : Params
        Those of the job, as its kind reads them.
    worker : str
        Who does it.
    must_stop : callable
        True once the worker has to leave.
    """

    workspace: Workspace
    job: Job
    params: Params
    worker: str
    must_stop: Callable[[], bool] = never
    _told: tuple[str, float] = field(default=("", 0.0), init=False)

    def report(self, stage: str, done: int, total: int) -> None:
        """Tell how far the work is (a `Report`); written about twice a second.

        Raises
        ------
        Cancelled
            If the job is not wanted any more.
        """
        if self.must_stop():
            raise Stopped
        told_stage, told_at = self._told
        if stage == told_stage and done < total and time.monotonic() - told_at < REPORT_SECONDS:
            return
        self.workspace.jobs.report(self.job.id, stage, done, total, worker=self.worker)
        self._told = stage, time.monotonic()

    def save(self, frame: pd.DataFrame) -> None:
        """Keep scored rows.

        Raises
        ------
        Cancelled
            If the job is not wanted any more.
        """
        self.workspace.jobs.save_predictions(self.job.id, frame, worker=self.worker)


def run_next(workspace: Workspace, worker: str, *, must_stop: Callable[[], bool] = never) -> Job | None:
    """Do the oldest queued job, whatever becomes of it.

    Returns
    -------
    Job or None
        As it stands afterwards (as claimed, if it was deleted meanwhile); None if nothing was queued.
    """
    jobs = workspace.jobs
    if not jobs.has_work():
        return None
    if jobs.requeue_orphans():
        LOG.warning("A worker died; its job was put back into the queue.")
    job = jobs.claim(worker)
    if job is None:
        return None
    LOG.info("job %s: begun by %s, attempt %d", job.id, worker, job.attempts)
    try:
        kind = kind_of(job.kind)
        params = kind.params.from_json(job.params)
        work = Work(workspace, job, params, worker, must_stop)
        work.report("Loading the libraries", 0, 1)  # seconds, the first time in a process
        resolve_name(kind.run)(work)
        jobs.finish(job.id, worker=worker)
    except Stopped:
        jobs.release(job.id, worker=worker)
    except Cancelled:
        LOG.info("job %s: no longer wanted", job.id)
    except UserError as error:
        LOG.info("job %s: %s", job.id, error)
        jobs.fail(job.id, str(error), worker=worker)
    except KeyboardInterrupt:
        jobs.release(job.id, worker=worker)
        raise
    except Exception:  # the boundary: one job must not end the worker
        jobs.fail(job.id, _incident(workspace, job), worker=worker)
    finally:
        jobs.count_files(job.id)  # one that was stopped has left some, too
    return _as_it_stands(workspace, job)


def _incident(workspace: Workspace, job: Job) -> str:
    """Log the exception at hand and say in words for the person how to find it."""
    number = secrets.token_hex(4)
    LOG.exception("job %s: incident %s", job.id, number)
    return (
        f"Something unexpected happened (incident {number}). Run the job again; if it happens again, give "
        f"this number and the file {workspace.log_file} to whoever looks after esm2amp."
    )


def _as_it_stands(workspace: Workspace, job: Job) -> Job:
    try:
        return workspace.jobs.get(job.id)
    except JobError:
        return job
