"""A job: work that a person asked for and will find again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

LONGEST_TITLE = 200


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_finished(self) -> bool:
        """True once the job will not change state any more."""
        return not MOVES[self]


MOVES: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED}),
    # Running goes back to queued when its worker died.
    JobState.RUNNING: frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
UNDER_WAY = tuple(state for state, moves in MOVES.items() if JobState.CANCELLED in moves)


@dataclass(frozen=True, kw_only=True)
class Job:
    """One row of the job history; a snapshot, never live.

    Attributes
    ----------
    id : str
        Short, unguessable, fit for an address bar.
    kind : str
        A key of `kinds.KINDS`.
    title, owner : str
    params : dict
        The parameters of its kind, as JSON values.
    input_digest : str
        SHA-256 of the input, so that equal work can be recognised.
    n_rows, n_done, n_errors : int
        Input rows, rows with an outcome so far, and how many of these are errors.
    stage : str
        What is being done now, in words; `stage_done` of `stage_total` units since `stage_started`.
    message, error : str
        A note for the person; why it failed and what to do.
    attempts : int
        How often a worker has taken it up.
    results_removed : bool
        True once its inputs and results were removed to save disk.
    created, started, finished, stage_started : datetime or None
        UTC, timezone-aware.
    """

    id: str
    kind: str
    state: JobState
    title: str = ""
    owner: str = "local"
    params: dict[str, Any] = field(default_factory=dict)
    input_digest: str = ""
    n_rows: int = 0
    n_done: int = 0
    n_errors: int = 0
    stage: str = ""
    stage_done: int = 0
    stage_total: int = 0
    message: str = ""
    error: str = ""
    attempts: int = 0
    results_removed: bool = False
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    stage_started: datetime | None = None

    def seconds_left(self, now: datetime) -> float | None:
        """Time the current stage still needs at its rate so far; None while that is unknown."""
        if self.stage_started is None or not 0 < self.stage_done <= self.stage_total:
            return None
        rate = self.stage_done / max((now - self.stage_started).total_seconds(), 1e-3)
        return (self.stage_total - self.stage_done) / rate
