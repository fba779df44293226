"""Results of InterProScan, versions 5 and 6: TSV and JSON.

The TSV names InterPro's entries but not their types. Those come from InterPro's ``entry.list`` if it is
given; else from the entry's name, which ends in "domain", "repeat", "conserved site" and the like for many.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from esm2amp_core.annotations.collecting import Collector
from esm2amp_core.annotations.region import INTERPRO, AnnotationError, Annotations, canonical_type
from esm2amp_core.files.text import plain_line_ends

UNKNOWN_TYPE = "Type not told"
NOT_INTEGRATED = "Not in InterPro"
"""Type of a signature that belongs to no InterPro entry."""
MIN_COLUMNS = 11
_MD5 = re.compile(r"[0-9a-fA-F]{32}")
_ENTRY = re.compile(r"IPR\d{6}")
_NAMED = re.compile(r"\b(active site|binding site|conserved site|ptm|repeats?|domain|homologous superfamily|"
                    r"superfamily|family)\b(?=[^a-z]*$|,|-like$| superfamily$)")
_NAMED_TYPES = {"superfamily": "Homologous superfamily", "repeats": "Repeat"}


def looks_like_interproscan(text: str) -> bool:
    """True for a text that begins with a line of InterProScan's TSV, which has no header."""
    cells = next(iter(text[:100_000].splitlines()), "").split("\t")
    return (len(cells) >= MIN_COLUMNS and bool(_MD5.fullmatch(cells[1])) and cells[2].isdecimal()
            and cells[6].isdecimal() and cells[7].isdecimal())


def read_entry_list(text: str, name: str) -> dict[str, str]:
    """Types of InterPro's entries, from its ``entry.list``: by accession.

    Raises
    ------
    AnnotationError
        If no line has an accession and a type.
    """
    rows = (line.split("\t") for line in plain_line_ends(text).split("\n"))
    types = {row[0]: canonical_type(row[1]) for row in rows if len(row) >= 2 and _ENTRY.fullmatch(row[0])}
    if not types:
        raise AnnotationError(f"{name} is not InterPro's list of entries.",
                              hint="Give the file entry.list that InterPro offers for download.")
    return types


def read_interproscan_tsv(
    text: str, name: str, *, entry_types: Mapping[str, str] | None = None
) -> Annotations:
    """Regions of InterProScan's TSV.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for messages.
    entry_types : mapping of str to str, optional
        What `read_entry_list` gave.
    """
    found = Collector(INTERPRO, name)
    guessed, untyped = 0, 0
    for number, line in enumerate(plain_line_ends(text).split("\n"), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) < MIN_COLUMNS or not cells[0]:
            found.refuse(number, line[:60], f"The line has {len(cells)} cells; InterProScan writes at least "
                         f"{MIN_COLUMNS}, with tabs between them.", "Run InterProScan again.")
            continue
        accession, title = (*cells[11:13], "", "")[:2]
        if not _ENTRY.fullmatch(accession):
            kind = NOT_INTEGRATED
        elif entry_types is not None:
            kind = entry_types.get(accession, UNKNOWN_TYPE)
        else:
            kind = _type_by_name(title)
            guessed += kind != UNKNOWN_TYPE
        untyped += kind == UNKNOWN_TYPE
        if cells[2].isdecimal() and len(cells[2]) < 10:
            found.set_length(number, cells[0], int(cells[2]))
        note = title.strip("-") or cells[5].strip("-")
        found.add(number, cells[0], kind, cells[6], cells[7], note=note, evidence=accession.strip("-"),
                  source=f"{cells[3]}:{cells[4]}")
    if guessed or untyped:
        found.warn(f"{name} does not tell the types of InterPro's entries: {guessed:,} were "
                     f"understood from the entries' names, {untyped:,} could not be.",
                     "Give InterPro's entry.list, or InterProScan's JSON, which tells the types.")
    return found.annotations()


def _type_by_name(title: str) -> str:
    """The type that the name of an InterPro entry tells, if it does."""
    found = _NAMED.search(title.casefold())
    return canonical_type(_NAMED_TYPES.get(found[1], found[1])) if found else UNKNOWN_TYPE


def read_interproscan_json(data: Mapping[str, Any], name: str) -> Annotations:
    """Regions of InterProScan's JSON; a match of several fragments is several regions.

    Raises
    ------
    AnnotationError
        If it holds no protein.
    """
    found = Collector(INTERPRO, name)
    for number, result in enumerate(data.get("results") or (), start=1):
        try:
            _add_result(found, number, result)
        except (KeyError, TypeError, AttributeError, ValueError):
            found.refuse(number, str(result)[:60], f"Result {number:,} is not built as InterProScan's are "
                         "and is left out.", "Run InterProScan again, on proteins.")
    if not found.stated_lengths:
        raise AnnotationError(f"{name} holds no protein of InterProScan.", hint="Run it on proteins.",
                              details=found.issues)
    return found.annotations()


def _add_result(found: Collector, number: int, result: dict[str, Any]) -> None:
    proteins = [_text(reference["id"]) for reference in result["xref"]]
    matches = list(result["matches"])
    for protein in proteins:
        found.set_length(number, protein, len(_text(result["sequence"])))
    for match in matches:
        signature = match["signature"]
        entry = signature.get("entry") or {}
        kind = canonical_type(_text(entry["type"])) if entry else NOT_INTEGRATED
        note = next(filter(None, (entry.get("description"), entry.get("name"), signature.get("description"),
                                  signature.get("name"))), "")
        library = signature.get("signatureLibraryRelease") or {}
        source = f"{library.get('library', 'InterProScan')}:{signature['accession']}"
        for place in match["locations"]:
            for part in place.get("location-fragments") or [place]:
                for protein in proteins:
                    found.add(number, protein, kind, str(part["start"]), str(part["end"]), note=_text(note),
                              evidence=entry.get("accession", ""), source=source)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}")
    return value
