"""Annotations in tables: UniProtKB's download (TSV, XLSX), and a plain table of regions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from esm2amp_core.annotations.collecting import Collector
from esm2amp_core.annotations.region import (
    FEATURE_KEYS,
    TABLE,
    UNIPROT,
    AnnotationError,
    Annotations,
    canonical_type,
)
from esm2amp_core.errors import quoted
from esm2amp_core.tables import RawTable

PROTEIN_COLUMNS = ("protein", "entry", "accession", "primaryaccession", "uniprot", "id", "name")
TYPE_COLUMNS, START_COLUMNS = ("type", "feature", "kind"), ("start", "begin", "from")
END_COLUMNS = ("end", "stop", "to")
_FEATURE_NAMES = {name.casefold() for name in FEATURE_KEYS.values()}
_FEATURE = re.compile(r"\s*(?P<key>[A-Z][A-Z_]*)\s+(?P<place>[^;\s]+)\s*(?:;|$)")
_NOTHING = re.compile(r"[\s;]*\Z")
_QUALIFIER = re.compile(r'\s*/(?P<name>\w+)(?:=(?:"(?P<text>(?:[^"]|"")*)"|(?P<bare>[^;"]*)))?\s*(?:;|$)')


def read_region_table(raw: RawTable) -> Annotations:
    """Regions of a table of either form.

    Parameters
    ----------
    raw : RawTable
        UniProtKB's: a column ``Entry`` and columns of features, such as ``Domain [FT]`` and ``Region``,
        with cells like ``DOMAIN 12..45; /note="SH3"; /evidence="ECO:..."``. Plain: one row per region with
        the columns protein, type, start and end, perhaps also length, note, evidence and source.

    Raises
    ------
    AnnotationError
        If it is neither.
    """
    columns = {name.strip().casefold(): name for name in reversed(raw.frame.columns)}
    features = [name for name in raw.frame.columns
                if name.strip().casefold().removesuffix(" [ft]") in _FEATURE_NAMES]
    protein = _one_of(columns, PROTEIN_COLUMNS)
    places = [_one_of(columns, names) for names in (TYPE_COLUMNS, START_COLUMNS, END_COLUMNS)]
    if protein and all(places):
        return _read_plain(raw, columns, protein, *places)
    if protein and features:
        return _read_uniprot(raw, columns, protein, features)
    found = ", ".join(map(quoted, raw.frame.columns[:20]))
    raise AnnotationError(
        f"{raw.name} is no table of regions. Columns found: {found}.",
        hint="Give UniProtKB's table (columns Entry and Domain [FT], Region, ...), or a table with the "
             "columns protein, type, start and end.",
    )


def _one_of(columns: dict[str, str], names: tuple[str, ...]) -> str:
    return next((columns[name] for name in names if name in columns), "")


def _read_plain(
    raw: RawTable, columns: dict[str, str], protein: str, kind: str, start: str, end: str
) -> Annotations:
    found = Collector(TABLE, raw.name)
    extra = [name for name in ("note", "evidence", "source") if name in columns]
    wanted = [protein, kind, start, end, *(columns[name] for name in extra)]
    lengths = raw.frame[columns["length"]] if "length" in columns else [""] * len(raw)
    rows = zip(*(raw.frame[name].tolist() for name in wanted), strict=True)
    for number, ((name, type_, first, last, *facts), length) in enumerate(zip(rows, lengths, strict=True), 1):
        name = name.strip()
        if not any((name, type_.strip(), first.strip(), last.strip())):
            continue
        if not name or not type_.strip():
            found.refuse(number, name, f"The row has no {'type' if name else 'protein'} and is left out.")
            continue
        _note_length(found, number, name, length)
        found.add(number, name, canonical_type(type_), _whole(first), _whole(last),
                  **dict(zip(extra, facts, strict=True)))
    return found.annotations()


def _read_uniprot(raw: RawTable, columns: dict[str, str], entry: str, features: list[str]) -> Annotations:
    found = Collector(UNIPROT, raw.name)
    other = columns.get("entry name", "")
    lengths = raw.frame[columns["length"]] if "length" in columns else [""] * len(raw)
    for number, (name, length) in enumerate(zip(raw.frame[entry], lengths, strict=True), start=1):
        name = name.strip()
        if not name:
            if any(raw.frame[column].iloc[number - 1].strip() for column in features):
                found.refuse(number, "", "The row has no accession and is left out.")
            continue
        _note_length(found, number, name, length)
        if other and (alias := raw.frame[other].iloc[number - 1].strip()):
            found.aliases[alias] = name
    for column in features:
        for number, (name, cell) in enumerate(zip(raw.frame[entry], raw.frame[column], strict=True), start=1):
            if name.strip() and cell.strip():
                _add_cell(found, number, name.strip(), cell, column)
    return found.annotations()


def _note_length(found: Collector, number: int, name: str, text: str) -> None:
    if text := text.strip().replace(",", ""):
        if _whole(text).isdecimal() and len(text) < 10:
            found.set_length(number, name, int(_whole(text)))
        else:
            found.refuse(number, text, f"The length {quoted(text)} of {quoted(name)} is no number.")


def _whole(text: str) -> str:
    """``12.0`` as ``12``: spreadsheets and pandas write whole numbers so where some are missing."""
    return re.sub(r"\.0+$", "", text.strip())


def _add_cell(found: Collector, number: int, protein: str, cell: str, column: str) -> None:
    for item in read_features(cell):
        if isinstance(item, str):
            found.refuse(number, item, f"{quoted(item)} in column {quoted(column)} of {quoted(protein)} is "
                         "not written as UniProt writes features.", "Download the table again.")
            continue
        key, place, facts = item
        sequence, _, span = place.rpartition(":")
        kind = FEATURE_KEYS.get(key) or canonical_type(key.capitalize())
        if sequence and sequence != protein:
            found.refuse(number, place, f"{kind} {place} of {quoted(protein)} lies on another sequence, "
                         f"{quoted(sequence)}, and is left out.", "Nothing needs to be done.")
            continue
        start, _, end = span.partition("..")
        found.add(number, protein, kind, start, end or start, note=facts.get("note", ""),
                  evidence=facts.get("evidence", ""), source=UNIPROT)


def read_features(cell: str) -> Iterator[tuple[str, str, dict[str, str]] | str]:
    """Features of a cell of UniProtKB's table.

    Yields
    ------
    key, place : str
        Such as ``DOMAIN`` and ``12..45``.
    qualifiers : dict of str to str
        Such as ``note`` and ``evidence``, without their quotation marks.

    Where the cell cannot be understood, the rest of it comes as one text.
    """
    position = 0
    while not _NOTHING.match(cell, position):
        feature = _FEATURE.match(cell, position)
        if feature is None:
            yield cell[position:].strip()
            return
        position, facts = feature.end(), {}
        while qualifier := _QUALIFIER.match(cell, position):
            text = qualifier["text"]
            facts[qualifier["name"]] = (qualifier["bare"] or "") if text is None else text.replace('""', '"')
            position = qualifier.end()
        yield feature["key"], feature["place"], facts
