"""The worker process: takes the one seat, beats, and does job after job.

``python -m esm2amp_core.tasks.worker [--exit-when-idle SECONDS]``; settings from the environment.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from esm2amp_core.errors import JobError, UserError
from esm2amp_core.jobs import Job
from esm2amp_core.settings import Settings
from esm2amp_core.store.worker_seat import BEAT_SECONDS, WorkerSeat
from esm2amp_core.tasks.running import run_next
from esm2amp_core.workspace import Workspace

LOG = logging.getLogger("esm2amp_core.tasks.worker")  # also when it is run as __main__
LOOK_SECONDS = 0.5
TROUBLE_SECONDS = 5.0
NICENESS = 10
"""The web process and the browser often share the worker's processors: pages come first."""


class Heartbeat(threading.Thread):
    """Beats in the background until told to stop; `lost` once the seat is another's."""

    def __init__(self, seat: WorkerSeat, name: str) -> None:
        super().__init__(daemon=True, name="heartbeat")
        self.seat, self.worker = seat, name
        self.ended, self.lost = threading.Event(), threading.Event()

    def run(self) -> None:
        """Beat every second."""
        while not self.ended.wait(BEAT_SECONDS):
            try:
                if not self.seat.beat(self.worker):
                    self.lost.set()
                    return
            except JobError as error:
                LOG.warning("no beat: %s", error)


@contextmanager
def at_work(workspace: Workspace, name: str = "") -> Iterator[Heartbeat | None]:
    """Sit on the seat, beating, with a log; None if another worker sits there."""
    worker = workspace.seat.take(name)
    if worker is None:
        yield None
        return
    heartbeat = Heartbeat(workspace.seat, worker)
    heartbeat.start()
    try:
        with _logging_to(workspace.log_file):
            yield heartbeat
    finally:
        heartbeat.ended.set()
        heartbeat.join()
        workspace.seat.leave(worker)


def run_pending(workspace: Workspace) -> list[Job]:
    """Do all queued jobs here and now, as the worker would; for notebooks and tests.

    Returns
    -------
    list of Job
        Those done, as they stand afterwards.

    Raises
    ------
    JobError
        If a worker process is at work: it will do them.
    """
    finished = []
    with at_work(workspace) as heartbeat:
        if heartbeat is None:
            raise JobError("A worker is already at work in this workspace.",
                           hint="It will do the queued jobs.")
        while job := run_next(workspace, heartbeat.worker, must_stop=heartbeat.lost.is_set):
            finished.append(job)
    return finished


def run_worker(settings: Settings, *, exit_when_idle: float = 0, name: str = "") -> bool:
    """Do jobs as they come.

    Parameters
    ----------
    exit_when_idle : float
        Leave after so many seconds without a job; 0 stays until stopped.
    name : str
        Name under which the seat was reserved for this process, if it was.

    Returns
    -------
    bool
        False if another worker is at work here.
    """
    workspace = Workspace.open(settings)
    with at_work(workspace, name) as heartbeat:
        if heartbeat is None:
            return False
        with _stop_signals() as stop:
            _work(workspace, heartbeat, stop, exit_when_idle)
    return True


def _work(
    workspace: Workspace, heartbeat: Heartbeat, stop: threading.Event, exit_when_idle: float
) -> None:
    """Look for jobs until stopped, idle for long, or replaced."""
    LOG.info("%s at work", heartbeat.worker)
    idle_since = time.monotonic()

    def must_stop() -> bool:
        return stop.is_set() or heartbeat.lost.is_set()

    while not must_stop():
        idle_long = 0 < exit_when_idle < time.monotonic() - idle_since
        try:
            if run_next(workspace, heartbeat.worker, must_stop=must_stop):
                _tidy(workspace)
                idle_since = time.monotonic()
            elif idle_long and workspace.seat.leave_if_idle(heartbeat.worker):
                break
            else:
                stop.wait(LOOK_SECONDS)
        except JobError as error:
            # The database is locked, or the disk full: a job under way goes on from its rows later.
            LOG.error("waiting: %s", error)
            if idle_long:
                break
            stop.wait(TROUBLE_SECONDS)
    LOG.info("%s leaves", heartbeat.worker)


def _tidy(workspace: Workspace) -> None:
    """Tidy up; what does not succeed now is tried after the next job."""
    try:
        workspace.tidy()
    except OSError as error:
        LOG.warning("not tidied: %s", error)


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM or the first Ctrl+C sets; the second Ctrl+C interrupts."""
    stop = threading.Event()

    def ask_to_stop(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, ask_to_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Write what the core logs to a file."""
    handler = logging.FileHandler(path, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("esm2amp_core")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        handler.close()


def main() -> int:
    """Run the worker that the app starts."""
    parser = argparse.ArgumentParser(description="Does the queued jobs of a workspace.")
    parser.add_argument("--exit-when-idle", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--name", default="", help="name under which the seat was reserved")
    options = parser.parse_args()
    if os.name == "posix":
        os.nice(NICENESS)
    try:
        run_worker(Settings.from_environment(), exit_when_idle=options.exit_when_idle, name=options.name)
    except UserError as error:
        print(f"esm2amp worker: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
