"""The one seat of the worker: who works here, and is it alive?

There is one worker because a language model fills the memory once. Who sits here beats every
second. Whoever finds the seat empty or its holder dead may take it, in one statement that names
the holder it saw, so that of several takers one succeeds.
"""

from __future__ import annotations

import os
import platform
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import exists, not_, select, update

from esm2amp_core.jobs import JobState
from esm2amp_core.store.database import LOCK_SECONDS, Database
from esm2amp_core.store.job_queue import now
from esm2amp_core.store.tables import JobRow, WorkerRow

BEAT_SECONDS = 1.0
STALE = timedelta(seconds=2 * LOCK_SECONDS)
"""Silence after which a worker is dead; a living one may wait for a lock before it can beat."""
STARTING = STALE + timedelta(seconds=30)
"""How long a process may take from being started to its first beat."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """Who holds the seat; a snapshot.

    Attributes
    ----------
    name : str
        Empty where the seat is free.
    pid : int
        0 while the process is being started.
    host : str
        Where `pid` means something.
    started, beat : datetime
        UTC.
    """

    name: str
    pid: int
    host: str
    started: datetime
    beat: datetime

    def is_alive(self, moment: datetime) -> bool:
        """True if it beat lately and its process, where it can be looked up, exists."""
        # Also a beat from the future is none: the clock was set back.
        silence = abs(moment - self.beat)
        if not self.name:
            return False
        if self.pid == 0:
            return silence < STARTING
        return silence < STALE and not (self.host == this_host() and process_is_gone(self.pid))


class WorkerSeat:
    """The seat, as workers and those who start them see it."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def holder(self) -> Worker | None:
        """The living worker, if there is one."""
        seen = self._read()
        return seen if seen.is_alive(now()) else None

    def reserve(self) -> str | None:
        """Keep the seat for a process about to be started.

        Returns
        -------
        str or None
            The name to give to it; None if there is a living worker or one on its way.
        """
        return self._replace(pid=0)

    def take(self, name: str = "") -> str | None:
        """Sit down: on the seat reserved under `name`, or else on one that nobody holds.

        Returns
        -------
        str or None
            The worker's name; None if somebody else sits there.
        """
        if not name:
            return self._replace(pid=os.getpid())
        return name if self._change(name, pid=os.getpid(), beat=now()) else None

    def beat(self, name: str) -> bool:
        """Show that the worker lives; False if the seat is another's by now."""
        return self._change(name, beat=now())

    def leave(self, name: str) -> None:
        """Free the seat."""
        self._change(name, name="", pid=0)

    def leave_if_idle(self, name: str) -> bool:
        """Free the seat unless a job waits: whoever queued it has seen a living worker and relies on it."""
        waiting = exists(select(JobRow.id).where(JobRow.state == JobState.QUEUED))
        with self.database.writing() as session:
            left = update(WorkerRow).where(WorkerRow.name == name, not_(waiting)).values(name="", pid=0)
            return session.execute(left).rowcount == 1

    def _read(self) -> Worker:
        with self.database.reading() as session:
            row = session.scalars(select(WorkerRow)).one()
            return Worker(**{field: getattr(row, field) for field in Worker.__dataclass_fields__})

    def _replace(self, *, pid: int) -> str | None:
        """Put a new name in the place of a holder that is not alive."""
        seen = self._read()
        moment = now()
        if seen.is_alive(moment):
            return None
        name = f"worker-{secrets.token_hex(6)}"
        taken = (
            update(WorkerRow)
            .where(WorkerRow.name == seen.name, WorkerRow.pid == seen.pid, WorkerRow.beat == seen.beat)
            .values(name=name, pid=pid, host=this_host(), started=moment, beat=moment)
        )
        with self.database.writing() as session:
            return name if session.execute(taken).rowcount else None

    def _change(self, holder: str, **values: object) -> bool:
        with self.database.writing() as session:
            return session.execute(
                update(WorkerRow).where(WorkerRow.name == holder).values(**values)
            ).rowcount == 1  # fmt: skip


def this_host() -> str:
    """Name of the place where process numbers are comparable: the machine, or the container on it."""
    namespace = Path("/proc/self/ns/pid")
    try:
        return f"{platform.node()} {os.readlink(namespace)}"
    except OSError:
        return platform.node()


def process_is_gone(pid: int) -> bool:
    """True if no process has this number here; False also where that cannot be found out."""
    if os.name != "posix":
        return False  # On Windows, os.kill(pid, 0) is no question but a deed. Missing beats tell in time.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
