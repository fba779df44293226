"""Work on one place on disk that only one process may do at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from esm2amp_core.errors import UserError
from esm2amp_core.files.whole_folder import unwritable


@contextmanager
def run_lock(path: Path, doing: str, *, hint: str) -> Iterator[None]:
    """Be the only process in this block, on this machine and for this path.

    The lock is the operating system's: it vanishes with its process, however that ends.

    Parameters
    ----------
    path : Path
        Of the lock file, which holds the number of the process; removed at the end.
    doing : str
        What is done, for whoever comes second: ``mine is being trained``.
    hint : str
        What they can do beside waiting.

    Raises
    ------
    UserError
        If another process is in the block, or the file cannot be written.
    """
    # Where the file system knows no locks, a file alone would outlive a killed process.
    lock = FileLock(path, timeout=0, fallback_to_soft=False, on_acquired=_write_number)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(f"{doing} by another process{_holder(path)}.",
                        hint=f"Wait for its end, or {hint}.") from None
    except OSError as error:
        raise unwritable(path.parent, error) from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file; there, the release does
            path.unlink()
        lock.release()


def sole_writer(folder: Path, doing: str = "written") -> AbstractContextManager[None]:
    """Be the only process that makes a folder; as `run_lock`, whose file stands beside it."""
    place = folder.absolute()
    return run_lock(place.with_name(f".{place.name}.lock"), f"{folder} is being {doing}",
                    hint="choose another folder with -o")


def _write_number(file: int) -> None:
    os.ftruncate(file, 0)  # of a process that was killed
    os.write(file, str(os.getpid()).encode())


def _holder(path: Path) -> str:
    """Which process holds a lock, as far as it can be read."""
    try:
        number = path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
    return f" (pid {number})" if number.isdecimal() else ""
