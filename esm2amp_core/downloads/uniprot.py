"""Entries of UniProtKB by accession, from its REST API; each is kept with the release it is of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from esm2amp_core import __version__
from esm2amp_core.annotations.region import AnnotationError, Annotations, uniprot_names
from esm2amp_core.annotations.uniprot_json import read_uniprot_json
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.progress import Report, silent

ACCESSION = re.compile(r"[OPQ][0-9][A-Z0-9]{3}[0-9]|[A-NR-Z][0-9](?:[A-Z][A-Z0-9]{2}[0-9]){1,2}")
"""As UniProt defines it (uniprot.org/help/accession_numbers)."""
FIELDS = "accession,id,length,sequence,ft_domain,ft_region,ft_compbias,ft_repeat,ft_motif,ft_act_site," \
         "ft_binding,ft_site,ft_zn_fing,ft_dna_bind,ft_coiled,ft_transmem,ft_signal"
BATCH = 100
MAX_ANSWER_BYTES = 200_000_000
TIMEOUT = httpx.Timeout(60, connect=15)
_HINT = "Download the entries on a machine with internet (uniprot.org, TSV with the features) and give " \
        "that file instead (--annotations)."


def look_up(
    proteins: Sequence[str], cache: Path, *, uniprot_url: str, report: Report = silent
) -> Annotations:
    """Regions of proteins whose names are UniProt accessions; only those not in the cache are asked for.

    Parameters
    ----------
    proteins : sequence of str
        Names that are no accessions, and carry none as ``sp|P04637|P53_HUMAN`` does, are left out.
    cache : Path
        Folder with one file per accession. Remove it to ask again.
    uniprot_url : str
        Address of UniProt's REST API.
    report : Report

    Raises
    ------
    AnnotationError
        If no name is an accession, there is no connection, or the answer is not UniProt's.
    """
    accessions = list(dict.fromkeys(filter(None, map(accession_of, proteins))))
    if not accessions:
        raise AnnotationError("None of the proteins is called by a UniProt accession.",
                              hint="Give their regions in a file (--annotations).")
    records = {accession: record for accession in accessions if (record := _read_record(cache, accession))}
    missing = [accession for accession in accessions if accession not in records]
    if missing:
        with httpx.Client(timeout=TIMEOUT, headers={"User-Agent": f"esm2amp/{__version__}"}) as client:
            for begin in range(0, len(missing), BATCH):
                report("Asking UniProt", begin, len(missing))
                batch = missing[begin : begin + BATCH]
                for accession, record in _ask(client, uniprot_url, batch).items():
                    _write_record(cache, accession, record)
                    records[accession] = record
        report("Asking UniProt", len(missing), len(missing))
    entries = [record["entry"] for record in records.values() if record["entry"] is not None]
    releases = tuple(sorted({record["release"] for record in records.values()}))
    if not entries:
        raise AnnotationError(f"UniProt knows none of the accessions, such as {accessions[0]}.",
                              hint="Check the proteins' names.")
    return read_uniprot_json(entries, "UniProt's answer", releases=releases)


def accession_of(protein: str) -> str:
    """The UniProt accession in a protein's name; empty if there is none, also for isoforms."""
    return next((name for name in (protein, *uniprot_names(protein)) if ACCESSION.fullmatch(name)), "")


def _ask(client: httpx.Client, url: str, accessions: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Records of a batch by accession; the entry of one that UniProt does not know is None."""
    address: str | None = f"{url.rstrip('/')}/uniprotkb/accessions"
    params: dict[str, Any] | None = {"accessions": ",".join(accessions), "fields": FIELDS, "format": "json",
                                     "size": BATCH}
    entries: list[dict[str, Any]] = []
    release = ""
    for _ in range(len(accessions) + 1):  # a page has one entry at least
        response = _get(client, address, params)
        try:
            entries += response.json()["results"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise _strange(address) from None
        release = response.headers.get("X-UniProt-Release", release)
        following = response.links.get("next", {}).get("url")
        if not following:
            break
        if httpx.URL(following).host != httpx.URL(url).host:
            raise _strange(address)
        address, params = following, None
    facts = {"release": release or "not told", "retrieved": datetime.now(UTC).isoformat(timespec="seconds")}
    found = dict(_by_accession(entries, address))
    return {accession: {**facts, "entry": found.get(accession)} for accession in accessions}


def _by_accession(entries: Iterable[Any], address: str) -> Iterable[tuple[str, dict[str, Any]]]:
    """Entries by the accession they have now and, behind those, by the ones that they had."""
    entries = list(entries)
    try:
        for entry in entries:
            for accession in entry.get("secondaryAccessions") or ():
                yield accession, entry
        for entry in entries:
            yield entry["primaryAccession"], entry
    except (KeyError, TypeError, AttributeError):
        raise _strange(address) from None


def _get(client: httpx.Client, address: str, params: dict[str, Any] | None) -> httpx.Response:
    try:
        with client.stream("GET", address, params=params) as response:
            size = 0
            parts = []
            for part in response.iter_bytes():
                size += len(part)
                if size > MAX_ANSWER_BYTES:
                    raise _strange(address)
                parts.append(part)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise AnnotationError(f"No internet connection to {address} ({type(error).__name__}).",
                              hint=_HINT) from None
    if response.status_code != httpx.codes.OK:
        answer = f"{response.status_code} {response.reason_phrase}"
        raise AnnotationError(f"{response.url.host} answered {answer}.",
                              hint=f"Try again later, or: {_HINT[0].lower()}{_HINT[1:]}")
    headers = [(name, value) for name, value in response.headers.items()
               if name not in ("content-encoding", "content-length", "transfer-encoding")]
    return httpx.Response(response.status_code, headers=headers, content=b"".join(parts),
                          request=response.request)


def _read_record(cache: Path, accession: str) -> dict[str, Any] | None:
    """What was kept of an accession; None if nothing, or nothing that can be read."""
    try:
        record = json.loads((cache / f"{accession}.json").read_text(encoding="utf-8"))
        entry = record["entry"]
        sound = isinstance(record["release"], str) and (entry is None or "primaryAccession" in entry)
        return record if sound else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _write_record(cache: Path, accession: str, record: dict[str, Any]) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnnotationError(f"{cache} cannot be written: {error.strerror or error}.",
                              hint="Choose another workspace (ESM2AMP_WORKSPACE).") from None
    with whole_file(cache / f"{accession}.json") as part:
        part.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")


def _strange(address: str | None) -> AnnotationError:
    return AnnotationError(f"{address} did not answer as UniProt does.",
                           hint="A network's login page may stand between. Open the address in a browser.")
