"""How the app is started, and how it starts its worker: a process of its own that outlives the app."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from esm2amp_core.errors import JobError
from esm2amp_core.settings import REPOSITORY, Settings
from esm2amp_core.store.worker_seat import WorkerSeat

MAX_LOG_BYTES = 5_000_000
PATIENCE_SECONDS = 10.0
"""A server has so long to end by itself."""


def run_server(command: list[str], folder: Path) -> int:
    """Run a command that does not outlive this process: where this one is told to end, so is the other.

    Returns
    -------
    int
        Its exit status.

    Raises
    ------
    SystemExit
        If this process is told to end (SIGTERM), after the other has ended.
    """

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        server = subprocess.Popen(command, cwd=folder)
        try:
            return server.wait()
        finally:
            server.terminate()  # does nothing to one that has ended
            try:
                server.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        signal.signal(signal.SIGTERM, before)


def ensure_worker(seat: WorkerSeat, settings: Settings, log_file: Path) -> None:
    """Start a worker unless one lives or is on its way; of several callers one starts it.

    Raises
    ------
    JobError
        If the process cannot be started.
    """
    name = seat.reserve()
    if name is None:
        return
    command = [sys.executable, "-X", "faulthandler", "-P", "-m", "esm2amp_core.tasks.worker",
               "--name", name, "--exit-when-idle", str(settings.worker_idle_seconds)]  # fmt: skip
    trim_log(log_file)
    try:
        with log_file.open("ab") as log:
            process = subprocess.Popen(
                command, env=_environment(settings), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                **_detached(),
            )  # fmt: skip
    except OSError as error:
        seat.leave(name)
        raise JobError(f"The worker cannot be started: {error.strerror or error}.",
                       hint="Start it by hand: esm2amp worker.") from error
    # Somebody has to ask after a child that ended, or it lingers and looks alive.
    threading.Thread(target=process.wait, daemon=True, name="worker-wait").start()


def trim_log(path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
    """Keep only the younger half of a log that grew too long, in place: it may be open for appending."""
    if not path.exists() or path.stat().st_size <= max_bytes:
        return
    with path.open("r+b") as log:
        log.seek(-max_bytes // 2, os.SEEK_END)
        tail = log.read()
        log.seek(0)
        log.truncate()
        log.write(tail)


def _environment(settings: Settings) -> dict[str, str]:
    """Environment in which the worker finds the package and has the same settings."""
    search = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, **settings.to_environment(), "PYTHONPATH": search}


def _detached() -> dict[str, object]:
    """Options that keep the worker alive when the terminal or the app closes, and pages ahead of it."""
    if os.name == "posix":
        return {"start_new_session": True}  # it makes itself nice
    flags = ("DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP", "BELOW_NORMAL_PRIORITY_CLASS")
    return {"creationflags": sum(getattr(subprocess, flag, 0) for flag in flags)}
