"""UniProtKB entries as JSON: the website's download, or what its REST API answers."""

from __future__ import annotations

from typing import Any

from esm2amp_core.annotations.collecting import Collector
from esm2amp_core.annotations.region import UNIPROT, AnnotationError, Annotations, canonical_type
from esm2amp_core.errors import quoted

_MARKS = {"EXACT": ("", ""), "OUTSIDE": ("<", ">"), "UNSURE": ("?", "?"), "UNKNOWN": ("?", "?")}


def read_uniprot_json(data: Any, name: str, *, releases: tuple[str, ...] = ()) -> Annotations:
    """Regions of UniProtKB entries.

    Parameters
    ----------
    data : dict or list
        One entry, a list of them, or ``{"results": [...]}``.
    name : str
        Of the file, for messages.
    releases : tuple of str
        Of UniProtKB, where they are known.

    Raises
    ------
    AnnotationError
        If there is no entry in it.
    """
    found = Collector(UNIPROT, name, releases=dict.fromkeys(releases))
    entries = entries_of(data)
    for number, entry in enumerate(entries, start=1):
        try:
            _add_entry(found, number, entry)
        except (KeyError, TypeError, AttributeError, ValueError):
            found.refuse(number, str(entry)[:60], f"Entry {number:,} is not built as UniProtKB's are and is "
                         "left out.", "Download it again.")
    if not found.stated_lengths:
        raise AnnotationError(f"{name} holds no UniProtKB entry.", hint="Download the entries again as JSON.",
                              details=found.issues)
    return found.annotations()


def entries_of(data: Any) -> list[Any]:
    """The entries in a download, whichever of its forms it has."""
    if isinstance(data, dict) and "results" in data:
        data = data["results"]
    return data if isinstance(data, list) else [data]


def _add_entry(found: Collector, number: int, entry: dict[str, Any]) -> None:
    accession = _text(entry["primaryAccession"])
    if "Inactive" in entry.get("entryType", ""):
        found.refuse(number, accession, f"{quoted(accession)} is no longer an entry of UniProtKB.",
                     "Look for its successor on uniprot.org.")
        return
    length = entry["sequence"]["length"]
    if type(length) is not int or length < 1:
        raise TypeError("length")
    features = list(entry.get("features") or ())
    found.set_length(number, accession, length)
    for alias in (entry.get("uniProtkbId"), *(entry.get("secondaryAccessions") or ())):
        if isinstance(alias, str):
            found.aliases.setdefault(alias, accession)
    for feature in features:
        try:
            _add_feature(found, number, accession, feature)
        except (KeyError, TypeError, AttributeError):
            found.refuse(number, str(feature)[:60], f"A feature of {quoted(accession)} is not built as "
                         "UniProtKB's are and is left out.", "Download the entry again.")


def _add_feature(found: Collector, number: int, accession: str, feature: dict[str, Any]) -> None:
    place = feature["location"]
    kind = canonical_type(_text(feature["type"]))
    sequence = place.get("sequence") or accession
    if sequence != accession:
        found.refuse(number, kind, f"A {kind} of {quoted(accession)} lies on another sequence, "
                     f"{quoted(_text(sequence))}, and is left out.", "Nothing needs to be done.")
        return
    note = feature.get("description") or ""
    found.add(number, accession, kind, _end(place["start"], 0), _end(place["end"], 1), note=_text(note),
              evidence=", ".join(_evidence(item) for item in feature.get("evidences") or ()), source=UNIPROT)


def _end(position: dict[str, Any], side: int) -> str:
    """A position as UniProtKB's tables write it."""
    value, mark = position.get("value"), _MARKS[position.get("modifier", "EXACT")][side]
    if value is not None and type(value) is not int:
        raise TypeError("position")
    return "?" if value is None else f"{mark}{value}"


def _evidence(item: dict[str, Any]) -> str:
    """``ECO:0000255|PROSITE-ProRule:PRU00192``."""
    code, source, number = (item.get(name, "") for name in ("evidenceCode", "source", "id"))
    origin = f"{source}:{number}" if source and number else source or number
    return f"{code}|{origin}" if origin else str(code)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}")
    return value
