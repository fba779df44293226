"""Annotations of a file, whatever its format: told by what stands in it, not by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from esm2amp_core.annotations.gff import looks_like_gff, read_gff
from esm2amp_core.annotations.interpro import (
    looks_like_interproscan,
    read_entry_list,
    read_interproscan_json,
    read_interproscan_tsv,
)
from esm2amp_core.annotations.region import AnnotationError, Annotations
from esm2amp_core.annotations.tables import read_region_table
from esm2amp_core.annotations.uniprot_json import entries_of, read_uniprot_json
from esm2amp_core.errors import PairError
from esm2amp_core.files.package import is_workbook
from esm2amp_core.files.text import decode
from esm2amp_core.protein_files import read_packed
from esm2amp_core.settings import Settings
from esm2amp_core.tables import read_table

MAX_REGIONS = 5_000_000
FORMATS = "UniProtKB's TSV, JSON or GFF, InterProScan's TSV or JSON, or a table with the columns protein, " \
          "type, start and end"


def read_annotations(
    path: str | Path, *, entry_list: str | Path | None = None, max_file_mb: float = Settings.max_file_mb
) -> Annotations:
    """Regions of a file; it may be gzipped.

    Parameters
    ----------
    path : str or Path
        UniProtKB's download (TSV, XLSX, JSON, GFF3), InterProScan's result (TSV, JSON), or a plain table.
    entry_list : str or Path, optional
        InterPro's ``entry.list``: InterProScan's TSV does not tell the types of entries.
    max_file_mb : float
        Largest file, packed or unpacked.

    Raises
    ------
    AnnotationError
        If it cannot be read, or is none of these.
    """
    name = Path(path).name
    found = _read(path, name, entry_list, max_file_mb)
    if not found.regions and not found.lengths:
        raise AnnotationError(f"{name} holds no region that can be used.", hint=f"Give {FORMATS}.",
                              details=found.issues)
    return found


def _read(path: str | Path, name: str, entry_list: str | Path | None, max_file_mb: float) -> Annotations:
    data = read_packed(path, max_file_mb=max_file_mb, error=AnnotationError)
    entry_types = None
    if entry_list is not None:
        listed = read_packed(entry_list, max_file_mb=max_file_mb, error=AnnotationError)
        entry_types = read_entry_list(decode(listed, Path(entry_list).name, error=AnnotationError),
                                      Path(entry_list).name)
    if not data.strip():
        raise AnnotationError(f"{name} is empty.", hint=f"Give {FORMATS}.")
    if not is_workbook(data, name):
        text = decode(data, name, error=AnnotationError, formats=FORMATS)
        if text.lstrip()[:1] in ("{", "["):
            return _read_json(text, name)
        if looks_like_gff(text):
            return read_gff(text, name)
        if looks_like_interproscan(text):
            return read_interproscan_tsv(text, name, entry_types=entry_types)
        if text.lstrip().startswith(">"):
            raise AnnotationError(f"{name} is FASTA; it tells nothing of regions.", hint=f"Give {FORMATS}.")
    try:
        return read_region_table(read_table(data, name, max_pairs=MAX_REGIONS, max_file_mb=max_file_mb))
    except PairError as error:
        raise AnnotationError(error.message, hint=f"Give {FORMATS}.", details=error.details) from None


def _read_json(text: str, name: str) -> Annotations:
    try:
        data: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise AnnotationError(f"{name} is not JSON; the trouble begins in line {error.lineno:,}, column "
                              f"{error.colno:,}.", hint="Download it again.") from None
    except (RecursionError, ValueError):  # nested too deeply; a number of very many digits
        raise AnnotationError(f"{name} is no JSON that a database would write.",
                              hint=f"Give {FORMATS}.") from None
    first = next(iter(entries_of(data)), None)
    if isinstance(data, dict) and ("interproscan-version" in data or _is(first, "matches")):
        return read_interproscan_json(data, name)
    if _is(first, "primaryAccession"):
        return read_uniprot_json(data, name)
    raise AnnotationError(f"{name} is JSON, but neither of UniProtKB nor of InterProScan.",
                          hint=f"Give {FORMATS}.")


def _is(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and key in entry
