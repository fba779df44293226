"""What figshare's public API says about an article: its files, its licence, how to cite it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import httpx

from esm2amp_core.errors import BundleError

PAGE_SIZE = 100
MAX_PAGES = 50


@dataclass(frozen=True)
class RemoteFile:
    """A file of an article: where it is now, and how to know that it arrived whole."""

    name: str
    size: int
    md5: str
    url: str


@dataclass(frozen=True)
class Article:
    """A published article and its files.

    Attributes
    ----------
    title, doi, licence, citation : str
        As the authors gave them; the licence with its address.
    files : tuple of RemoteFile
        Those that figshare itself holds.
    """

    title: str
    doi: str
    licence: str
    citation: str
    files: tuple[RemoteFile, ...]


def read_article(client: httpx.Client, figshare_url: str, article: int) -> Article:
    """Ask for an article.

    Raises
    ------
    BundleError
        If there is no connection, no such article, or an answer that is not figshare's.
    """
    address = f"{figshare_url.rstrip('/')}/v2/articles/{article}"
    record = _get_json(client, address)
    try:
        licence = record["license"]
        return Article(
            title=_text(record["title"]),
            doi=_text(record["doi"]),
            licence=f"{_text(licence['name'])} ({_text(licence['url'])})",
            citation=_text(record["citation"]),
            files=tuple(_read_file(entry) for entry in _file_entries(client, address)),
        )
    except (KeyError, TypeError, httpx.InvalidURL) as error:
        raise _strange(address, f"{error} is missing or not as expected") from None


def _file_entries(client: httpx.Client, address: str) -> list[dict[str, Any]]:
    """Entries of all files, page after page; links to other places are left out."""
    entries: dict[int, dict[str, Any]] = {}
    for page in range(1, MAX_PAGES + 1):
        batch = _get_json(client, f"{address}/files", params={"page": page, "page_size": PAGE_SIZE})
        fresh = {entry["id"]: entry for entry in batch if entry["id"] not in entries}
        entries.update(fresh)
        if len(batch) < PAGE_SIZE or not fresh:
            break
    return [entry for entry in entries.values() if not entry.get("is_link_only")]


def _read_file(entry: dict[str, Any]) -> RemoteFile:
    file = RemoteFile(
        name=_text(entry["name"]),
        size=entry["size"],
        md5=_text(entry.get("computed_md5") or entry.get("supplied_md5") or "").lower(),
        url=_text(entry["download_url"]),
    )
    if type(file.size) is not int or file.size < 0:
        raise TypeError(f"the size of {file.name!r}")
    if not re.fullmatch(r"[0-9a-f]{32}", file.md5):
        raise TypeError(f"the MD5 of {file.name!r}")
    if httpx.URL(file.url).scheme not in {"http", "https"}:
        raise TypeError(f"the address of {file.name!r}")
    return file


def _get_json(client: httpx.Client, address: str, params: dict[str, int] | None = None) -> Any:
    try:
        response = client.get(address, params=params)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        raise no_connection(address, type(error).__name__) from None
    if response.status_code == httpx.codes.NOT_FOUND:
        raise BundleError(
            f"There is nothing at {address}.",
            hint="The article may have moved. Look for it on figshare.com, and import the file by hand.",
        )
    if response.status_code != httpx.codes.OK:
        raise BundleError(
            f"{response.url.host} answered {response.status_code} {response.reason_phrase}.",
            hint="Try again later.",
        )
    try:
        return response.json()
    except ValueError:
        raise _strange(address, "it is not JSON") from None


def no_connection(address: str, reason: str) -> BundleError:
    """The error for a server that cannot be reached."""
    return BundleError(
        f"No internet connection to {address} ({reason}).",
        hint="Fetch the file on a machine with internet and use `esm2amp models import`.",
    )


def _strange(address: str, reason: str) -> BundleError:
    return BundleError(
        f"{address} did not answer as figshare does: {reason}.",
        hint="A network's login page may stand between. Open the address in a browser.",
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}")
    return " ".join(value.split())
