"""Files that appear whole or not at all, in a format that their name asks for."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile
from uuid import uuid4

from esm2amp_core.errors import UserError


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; what stands there in the end takes its place.

    Whatever goes wrong in between, `path` stays as it was and nothing is left beside it. Two programs may
    write to one `path` at once: the later one wins.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    path = Path(path)
    # The ending is kept: some writers choose or add one by it. The rest is short, as names must be.
    part = path.with_name(f".{uuid4().hex[:8]}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror or problem}.",
                        hint="Check the folder, its permissions and the free space.") from None
    finally:
        with suppress(OSError):  # of a folder that went away; what was wrong has been said
            part.unlink()


def why_unwritable(folder: Path, said: str) -> str:
    """What the system says of one more megabyte in a folder, where a library does not tell why it gave up.

    Parameters
    ----------
    folder : Path
    said : str
        What the library said, where the system says nothing.
    """
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(bytes(1_000_000))
    except OSError as error:
        return error.strerror
    return said.strip().splitlines()[-1]


def check_output(output: Path, *inputs: Path | None) -> None:
    """Refuse before the work what cannot, or must not, be written after it.

    Parameters
    ----------
    output : Path
        Of a file; one that stands there will be replaced.
    inputs : Path or None
        Files that are read.

    Raises
    ------
    UserError
    """
    given = [path for path in inputs if path is not None and os.path.exists(path)]
    if os.path.exists(output) and any(os.path.samefile(output, path) for path in given):
        raise UserError(f"{output} is also the input.", hint="Name another file for the results.")
    if not os.path.isdir(output.absolute().parent):  # unlike Path.is_dir, sound for impossible names
        raise UserError(f"The folder of {output} does not exist.", hint="Create it first.")
    if os.path.isdir(output):
        raise UserError(f"{output} is a folder.", hint="Name a file.")
    try:
        with suppress(FileNotFoundError):
            os.lstat(output)  # knows of names that are too long
        with NamedTemporaryFile(dir=output.absolute().parent):
            pass
    except OSError as error:
        raise UserError(f"{output} cannot be written: {error.strerror}.",
                        hint="Name a file in a folder of your own.") from None


def known_suffix(path: str | Path, known: Collection[str], what: str) -> str:
    """The ending of a file's name in lower case, if `what` can be written in that format.

    Raises
    ------
    UserError
        With the known endings.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        raise UserError(f"{path}: {what} are not written as {suffix or 'a file without ending'}.",
                        hint=f"Choose a name that ends in {' or '.join(known)}.")
    return suffix
