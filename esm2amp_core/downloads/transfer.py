"""Fetching one large file: checked by size and MD5, taken up again where it broke off."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

import httpx

from esm2amp_core.downloads.figshare import RemoteFile, no_connection
from esm2amp_core.errors import BundleError
from esm2amp_core.progress import Report

ATTEMPTS = 3
"""Times in a row that a connection may fail without a single byte gained."""


def fetch_file(client: httpx.Client, file: RemoteFile, folder: Path, *, report: Report) -> Path:
    """Fetch a file unless it is there already.

    What has arrived stays in a ``.part`` file beside the target until all of it has.

    Raises
    ------
    BundleError
        If there is no connection, the server refuses, the disk is full, or the file is not the one
        that was announced.
    """
    target = folder / safe_name(file.name)
    if target.is_file() and target.stat().st_size == file.size and _md5(target) == file.md5:
        report(f"Fetching {file.name}", file.size, file.size)
        return target
    part = folder / f"{target.name}.{file.md5[:8]}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_space(folder, file.size - _size(part))
        _fetch_all(client, file, part, report)
        if _size(part) != file.size or _md5(part) != file.md5:
            raise _damaged(file, part)
        os.replace(part, target)
    except OSError as error:
        raise BundleError(f"{target} cannot be written: {error.strerror or error}.") from None
    return target


def safe_name(name: str) -> str:
    """A file name that stays in its folder, whatever a server calls the file."""
    return re.sub(r"[^\w.\- ]", "_", name).lstrip(". ") or "file"


def _fetch_all(client: httpx.Client, file: RemoteFile, part: Path, report: Report) -> None:
    """Fetch until all bytes are there; a broken connection is taken up again while it still gains some."""
    failures = 0
    while not part.exists() or _size(part) < file.size:
        before, reason = _size(part), "the server sent too little"
        try:
            _fetch_rest(client, file, part, report)
        except httpx.RequestError as error:
            reason = type(error).__name__
        failures = 0 if _size(part) > before else failures + 1
        if failures == ATTEMPTS:
            raise _broken(file, part, reason)


def _fetch_rest(client: httpx.Client, file: RemoteFile, part: Path, report: Report) -> None:
    start = _size(part)
    # Without "identity" a server may compress, and the bytes counted would not be those of the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with client.stream("GET", file.url, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _damaged(file, part)  # the server's file ends before the announced size
        if response.status_code not in {httpx.codes.OK, httpx.codes.PARTIAL_CONTENT}:
            raise BundleError(
                f"{file.name} could not be fetched: {response.url.host} answered "
                f"{response.status_code} {response.reason_phrase}.",
                hint="Try again later.",
            )
        if not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            start = 0  # the server sends the file from its beginning
        with part.open("r+b" if start else "wb") as sink:
            sink.seek(start)
            done = start
            for chunk in response.iter_raw():  # as it comes: a broken connection loses nothing that arrived
                done += len(chunk)
                if done > file.size:
                    break
                sink.write(chunk)
                report(f"Fetching {file.name}", done, file.size)
    if done > file.size:
        raise _damaged(file, part)


def _damaged(file: RemoteFile, part: Path) -> BundleError:
    part.unlink(missing_ok=True)
    return BundleError(
        f"{file.name} arrived damaged: it is not the file of {file.size:,} bytes with MD5 {file.md5}.",
        hint="Run the command again; what arrived was removed.",
    )


def _broken(file: RemoteFile, part: Path, reason: str) -> BundleError:
    if not _size(part):
        return no_connection(file.url, reason)
    return BundleError(
        f"The connection broke after {_size(part):,} of {file.size:,} bytes of {file.name} ({reason}).",
        hint="Run the command again to go on from there.",
    )


def _check_space(folder: Path, needed: int) -> None:
    if (free := shutil.disk_usage(folder).free) < needed:
        raise BundleError(
            f"{needed / 1e6:,.0f} MB are needed in {folder}; {free / 1e6:,.0f} MB are free.",
            hint="Make room and run the command again.",
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
