"""The authors' published checkpoints, from figshare.

No address of a file is written here: figshare's API is asked where the files are.
"""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import httpx

from esm2amp_core import __version__
from esm2amp_core.downloads.figshare import Article, RemoteFile, read_article
from esm2amp_core.downloads.published import (
    ARCHIVE_SUFFIX,
    FIGSHARE_ARTICLE,
    WEIGHTS_SUFFIXES,
    choose_file,
)
from esm2amp_core.downloads.transfer import fetch_file, safe_name
from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES
from esm2amp_core.progress import Report, silent

MAX_CHECKPOINT_BYTES = 8 * 1024**3
TIMEOUT = httpx.Timeout(60, connect=15)


@dataclass(frozen=True)
class DownloadedCheckpoint:
    """A published checkpoint on this machine, and what its authors ask of those who use it.

    Attributes
    ----------
    path : Path
        The ``.pth`` file.
    licence, citation : str
    source : str
        DOI, file and MD5 it came from.
    """

    path: Path
    licence: str
    citation: str
    source: str


def fetch_checkpoint(
    architecture: str,
    folder: Path,
    *,
    figshare_url: str,
    file_name: str = "",
    report: Report = silent,
    article: int = FIGSHARE_ARTICLE,
) -> DownloadedCheckpoint:
    """Fetch the authors' checkpoint of an architecture, whose `published_terms` have been accepted.

    Parameters
    ----------
    architecture : str
        Key of `ARCHITECTURES`.
    folder : Path
        Where it is kept; a file that is there already and whole is not fetched again.
    figshare_url : str
        Address of figshare's API.
    file_name : str
        The person's choice where several files could be meant: one of the article, or of an archive in it.
    report : Report
        In bytes.
    article : int
        Number of the figshare article.

    Raises
    ------
    BundleError
        If there is no connection, it is not clear which file is meant, or a file arrives damaged.
    """
    with _client() as client:
        found, file = _find(client, architecture, figshare_url, file_name, article)
        if file.size > MAX_CHECKPOINT_BYTES:
            raise BundleError(f"{file.name} has {file.size / 1e9:.1f} GB; a checkpoint is smaller.")
        path = fetch_file(client, file, Path(folder), report=report)
    name = file.name
    if path.suffix.lower() == ARCHIVE_SUFFIX:
        path = unpack_checkpoint(path, architecture, file_name if file_name != file.name else "")
        name = f"{path.name} in {file.name}"
    source = f"https://doi.org/{found.doi}, {name} (MD5 {file.md5})"
    return DownloadedCheckpoint(path, found.licence, found.citation, source)


def published_terms(
    architecture: str, *, figshare_url: str, file_name: str = "", article: int = FIGSHARE_ARTICLE
) -> str:
    """Name, size, licence and citation of a published checkpoint, to be shown before it is fetched.

    Parameters and errors as for `fetch_checkpoint`.
    """
    with _client() as client:
        return _terms(*_find(client, architecture, figshare_url, file_name, article))


def _client() -> httpx.Client:
    headers = {"User-Agent": f"esm2amp/{__version__}"}
    return httpx.Client(timeout=TIMEOUT, follow_redirects=True, headers=headers)


def _find(
    client: httpx.Client, architecture: str, figshare_url: str, file_name: str, article: int
) -> tuple[Article, RemoteFile]:
    """The article, and the file in it that holds an architecture."""
    if architecture not in ARCHITECTURES:
        raise BundleError(
            f"There is no architecture {architecture!r}.", hint=f"Known: {', '.join(ARCHITECTURES)}."
        )
    found = read_article(client, figshare_url, article)
    files = {file.name: file for file in found.files}
    return found, files[choose_file(list(files), architecture, file_name)]


def unpack_checkpoint(archive: Path, architecture: str, file_name: str = "") -> Path:
    """Take one checkpoint out of a zip archive, into the folder where the archive lies.

    Raises
    ------
    BundleError
        If the archive is damaged, it is not clear which file is meant, or that file is too large.
    """
    try:
        with zipfile.ZipFile(archive) as content:
            members = {
                entry.filename: entry
                for entry in content.infolist()
                if entry.filename.lower().endswith(WEIGHTS_SUFFIXES)
            }
            entry = members[choose_file(list(members), architecture, file_name)]
            if entry.file_size > MAX_CHECKPOINT_BYTES:
                raise BundleError(f"{entry.filename} in {archive.name} is too large for a checkpoint.")
            target = archive.with_name(safe_name(PurePosixPath(entry.filename).name))
            part = target.with_name(f"{target.name}.part")
            with content.open(entry) as source, part.open("wb") as sink:
                shutil.copyfileobj(source, sink)  # zipfile reads no more than the stated size
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise BundleError(
            f"{archive.name} cannot be unpacked: {error}.", hint="Remove it and fetch it again."
        ) from None
    part.replace(target)
    return target


def _terms(article: Article, file: RemoteFile) -> str:
    return (
        f"{file.name} ({file.size / 1e6:,.0f} MB) of {article.title}, https://doi.org/{article.doi}\n"
        f"Licence: {article.licence}\n"
        f"Please cite: {article.citation}"
    )
