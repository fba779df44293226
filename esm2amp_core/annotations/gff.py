"""Regions in GFF3, as UniProt writes it."""

from __future__ import annotations

import re
from urllib.parse import unquote

from esm2amp_core.annotations.collecting import Collector
from esm2amp_core.annotations.region import UNIPROT, AnnotationError, Annotations, canonical_type
from esm2amp_core.files.text import plain_line_ends

_SEQUENCE_REGION = re.compile(r"##sequence-region\s+(\S+)\s+1\s+(\d{1,9})\s*")
N_COLUMNS = 9


def looks_like_gff(text: str) -> bool:
    """True for a text that begins as GFF3 does, with or without its first line."""
    if text.startswith("##gff-version"):
        return True
    first = next((line for line in text[:100_000].splitlines() if line.strip() and line[0] != "#"), "")
    cells = first.split("\t")
    return len(cells) == N_COLUMNS and cells[6] in ("+", "-", ".", "?") and "=" in cells[8]


def read_gff(text: str, name: str) -> Annotations:
    """Regions of a GFF3 text; columns: protein, source, type, start, end, three not used, attributes.

    Raises
    ------
    AnnotationError
        If no line is a feature.
    """
    found = Collector(UNIPROT, name)
    for number, line in enumerate(plain_line_ends(text).split("\n"), start=1):
        if line.startswith(("##FASTA", ">")):
            break
        if region := _SEQUENCE_REGION.fullmatch(line):
            found.set_length(number, unquote(region[1]), int(region[2]))
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        if len(cells) < N_COLUMNS - 1 or not cells[0] or not cells[2]:
            found.refuse(number, line[:60], f"The line has {len(cells)} cells; GFF3 has {N_COLUMNS}, with "
                         "tabs between them.", "Download the file again.")
            continue
        facts = _attributes(cells[8] if len(cells) > 8 else "")
        evidence = facts.get("evidence") or facts.get("ontology_term", "")
        found.add(number, unquote(cells[0]), canonical_type(unquote(cells[2])), cells[3], cells[4],
                  note=facts.get("note", ""), evidence=evidence, source=unquote(cells[1]))
    if not found.regions and not found.stated_lengths:
        raise AnnotationError(f"{name} holds no line of GFF3 that can be used.",
                              hint="Download the features again as GFF.", details=found.issues)
    return found.annotations()


def _attributes(cell: str) -> dict[str, str]:
    """``Note=SH3;evidence=...`` as a dict; names in lower case, values unescaped."""
    pairs = (part.partition("=") for part in cell.split(";"))
    return {key.strip().casefold(): ", ".join(unquote(value).strip() for value in text.split(","))
            for key, _, text in pairs if key.strip()}
