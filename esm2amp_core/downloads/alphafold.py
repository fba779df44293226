"""Models of AlphaFold DB by UniProt accession. Its API tells where a model lies now; each is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from esm2amp_core import __version__
from esm2amp_core.downloads.transfer import safe_name
from esm2amp_core.downloads.uniprot import accession_of
from esm2amp_core.errors import quoted
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.structures.reading import parse_structure
from esm2amp_core.structures.structure import Structure, StructureError

MAX_MODEL_BYTES = 100_000_000
MAX_ANSWER_BYTES = 20_000_000
TIMEOUT = httpx.Timeout(60, connect=15)
_HINT = "Download the model on a machine with internet (alphafold.ebi.ac.uk) and give the file."
_FRAGMENT = re.compile(r"-F(\d+)$")


@dataclass(frozen=True)
class ModelSource:
    """Where a model came from.

    Attributes
    ----------
    accession, name, url : str
        ``name`` is the file's, which holds the model's version.
    retrieved : str
        Date and time, UTC.
    n_parts : int
        AlphaFold DB cuts very long proteins into overlapping parts; the first one is fetched.
    """

    accession: str
    name: str
    url: str
    retrieved: str
    n_parts: int


def fetch_model(protein: str, cache: Path, *, alphafold_url: str) -> tuple[Structure, ModelSource]:
    """The model of a protein, from the cache or from AlphaFold DB.

    Parameters
    ----------
    protein : str
        A UniProt accession, or a name that holds one (``sp|P04637|P53_HUMAN``).
    cache : Path
        Folder with two files per accession. Remove them to ask again.
    alphafold_url : str
        Address of AlphaFold DB's API.

    Raises
    ------
    StructureError
        If it is no accession, there is no model or no connection, or the answer is not AlphaFold DB's.
    """
    accession = accession_of(protein.strip())
    if not accession:
        raise StructureError(f"{quoted(protein)} is no UniProt accession.", hint="Give one such as P04637.")
    if kept := _read(cache, accession):
        return kept
    headers = {"User-Agent": f"esm2amp/{__version__}"}
    with httpx.Client(timeout=TIMEOUT, headers=headers, follow_redirects=True) as client:
        address = f"{alphafold_url.rstrip('/')}/api/prediction/{accession}"
        url, n_parts = _model_url(_get(client, address, MAX_ANSWER_BYTES, accession), accession, address)
        if httpx.URL(url).scheme != httpx.URL(alphafold_url).scheme:
            raise _strange(address)
        data = _get(client, url, MAX_MODEL_BYTES, accession)
    name = safe_name(httpx.URL(url).path.rpartition("/")[2])
    structure = parse_structure(data, name)
    source = ModelSource(accession, name, url, datetime.now(UTC).isoformat(timespec="seconds"), n_parts)
    _keep(cache, source, data)
    return structure, source


def _model_url(answer: bytes, accession: str, address: str) -> tuple[str, int]:
    """Where the model, or its first part, lies, and how many parts there are.

    The answer may also hold isoforms, complexes, and models of others than AlphaFold DB's own.
    """
    try:
        entries = json.loads(answer)
        if entries and not any("uniprotAccession" in entry for entry in entries):
            raise _strange(address)
        alone = [entry for entry in entries
                 if entry.get("uniprotAccession") == accession and not entry.get("isComplex")]
        own = [entry for entry in alone if _name(entry).startswith(f"AF-{accession}-F")]
        parts = sorted(own or alone, key=_number)
        if not parts:
            raise _no_model(accession)
        url = parts[0].get("cifUrl") or parts[0]["pdbUrl"]
        httpx.URL(url)
        return url, len({_number(entry) for entry in parts})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, httpx.InvalidURL):
        raise _strange(address) from None


def _name(entry: Mapping[str, Any]) -> str:
    """Of a model: ``AF-P04637-F1``; the field was renamed in 2025."""
    return str(entry.get("modelEntityId") or entry.get("entryId") or "")


def _number(entry: Mapping[str, Any]) -> int:
    found = _FRAGMENT.search(_name(entry))
    return int(found.group(1)) if found else 1


def _get(client: httpx.Client, address: str, most: int, accession: str) -> bytes:
    parts, size = [], 0
    try:
        with client.stream("GET", address) as response:
            if response.status_code == httpx.codes.NOT_FOUND:
                raise _no_model(accession)
            if response.status_code != httpx.codes.OK:
                answer = f"{response.status_code} {response.reason_phrase}"
                raise StructureError(f"{response.url.host} answered {answer}.", hint="Try again later.")
            for part in response.iter_bytes():
                size += len(part)
                if size > most:
                    raise _strange(address)
                parts.append(part)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StructureError(f"No internet connection to {address} ({type(error).__name__}).",
                             hint=_HINT) from None
    return b"".join(parts)


def _read(cache: Path, accession: str) -> tuple[Structure, ModelSource] | None:
    """What was kept of an accession; None if nothing, or nothing that can be read."""
    try:
        source = ModelSource(**json.loads((cache / f"{accession}.json").read_text(encoding="utf-8")))
        return parse_structure((cache / f"{accession}.model").read_bytes(), source.name), source
    except (OSError, ValueError, TypeError, RecursionError, StructureError):
        return None


def _keep(cache: Path, source: ModelSource, data: bytes) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StructureError(f"{cache} cannot be written: {error.strerror or error}.",
                             hint="Choose another workspace (ESM2AMP_WORKSPACE).") from None
    with whole_file(cache / f"{source.accession}.model") as part:
        part.write_bytes(data)
    with whole_file(cache / f"{source.accession}.json") as part:
        part.write_text(json.dumps(asdict(source), ensure_ascii=False), encoding="utf-8")


def _no_model(accession: str) -> StructureError:
    return StructureError(f"AlphaFold DB has no model of {accession}.", hint="Give a structure in a file.")


def _strange(address: str) -> StructureError:
    return StructureError(f"{address} did not answer as AlphaFold DB does.",
                          hint="A network's login page may stand between. Open the address in a browser.")
