"""Folders that appear whole or not at all."""

from __future__ import annotations

import errno
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from esm2amp_core.errors import UserError


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Give a new folder to write to; in the end it takes the place of `folder`, which must be free.

    Raises
    ------
    UserError
        If something stands there already, or it cannot be written.
    """
    folder = folder.absolute()  # also '.' has a name then
    part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    try:
        part.mkdir(parents=True)
        yield part
        _refuse_taken(folder)
        os.replace(part, folder)  # an empty folder may stand there
    except OSError as error:
        raise unwritable(folder, error) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def remove_remains(folder: Path) -> None:
    """Remove `folder`, and what a program that was killed left of it; no other may be writing it."""
    for remains in (folder, *folder.parent.glob(f".{glob.escape(folder.name)}.*.part")):
        shutil.rmtree(remains, ignore_errors=True)


def check_new_folder(folder: Path) -> None:
    """Refuse, before the work, a folder that could not be written after it; leaves nothing behind.

    Raises
    ------
    UserError
        If something stands there already, or nothing can be written beside it.
    """
    folder = folder.absolute()
    missing = [parent for parent in folder.parents if not os.path.exists(parent)]
    try:
        _refuse_taken(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent):
            pass
    except OSError as error:
        raise unwritable(folder, error) from None
    finally:
        for parent in missing:
            with suppress(OSError):
                parent.rmdir()


def _refuse_taken(folder: Path) -> None:
    if os.path.isdir(folder) and not os.listdir(folder):
        return
    if os.path.lexists(folder):
        raise UserError(f"{folder} exists already.", hint="Name a new folder, or remove that one.")


def unwritable(folder: Path, error: OSError) -> UserError:
    """The error for a place that cannot be written, with the remedy for a full disk or for another reason."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return UserError(f"{folder} cannot be written: {error.strerror or error}.",
                     hint="Free some space there, then try again." if full
                     else "Name a new folder in one of your own.")
