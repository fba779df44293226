"""Proteins of a file: FASTA, or a table of names and sequences; either may be gzipped."""

from __future__ import annotations

import gzip
import zlib
from io import BytesIO
from pathlib import Path

from esm2amp_core.errors import Issue, PairError, SequenceError, Severity, UserError, quoted
from esm2amp_core.files.text import MEGABYTE, check_size, decode, read_file
from esm2amp_core.sequences import (
    MAX_ENTRIES,
    Protein,
    clean_sequence,
    list_fasta,
    parse_fasta,
    sequence_problem,
)
from esm2amp_core.settings import Settings
from esm2amp_core.tables import RawTable, read_table

GZIP = b"\x1f\x8b"
NAME_COLUMNS = ("protein", "id", "entry", "protein_id", "accession", "uniprot", "name")
SEQUENCE_COLUMNS = ("sequence", "seq")


def read_proteins(
    path: str | Path, *, max_file_mb: float = Settings.max_file_mb
) -> tuple[dict[str, Protein], list[Issue]]:
    """Proteins of a FASTA file or of a table (CSV, TSV, XLSX), by every name a pair may use.

    Parameters
    ----------
    path : str or Path
        A table has a header with one of `NAME_COLUMNS` and one of `SEQUENCE_COLUMNS`.
    max_file_mb : float
        Largest file, packed or unpacked.

    Returns
    -------
    proteins : dict of str to Protein
    issues : list of Issue
        As `parse_fasta` gives them: `value` is the name that an issue is about.

    Raises
    ------
    SequenceError
        If the file cannot be read or holds no proteins of either form.
    """
    data, name = read_packed(path, max_file_mb=max_file_mb, error=SequenceError), Path(path).name
    return parse_fasta(data) if _is_fasta(data, name) else _of_any_table(data, name, max_file_mb)


def list_proteins(
    data: bytes, name: str, *, max_file_mb: float = Settings.max_file_mb
) -> tuple[list[Protein], list[Issue]]:
    """Proteins in the contents of such a file of this name, in order, each by its id alone.

    Issues are as `read_fasta` gives them.

    Raises
    ------
    SequenceError
        If it cannot be read or holds no proteins of either form.
    """
    data = unpacked(data, name, max_file_mb=max_file_mb, error=SequenceError)
    if _is_fasta(data, name):
        return list_fasta(data, name)
    proteins, issues = _of_any_table(data, name, max_file_mb)
    return list(proteins.values()), issues


def _is_fasta(data: bytes, name: str) -> bool:
    """A workbook is no text; whatever else does not begin as FASTA does is read as a table."""
    if data.startswith(b"PK"):
        return False
    return decode(data, name, error=SequenceError).lstrip()[:1] in (">", ";", "")


def _of_any_table(data: bytes, name: str, max_file_mb: float) -> tuple[dict[str, Protein], list[Issue]]:
    try:
        return _of_table(read_table(data, name, max_pairs=MAX_ENTRIES, max_file_mb=max_file_mb), name)
    except PairError as error:
        raise SequenceError(error.message, hint="Give FASTA, or a table with the columns protein and "
                            "sequence.", details=error.details) from None


def read_packed(
    path: str | Path, *, max_file_mb: float = Settings.max_file_mb, error: type[UserError] = PairError
) -> bytes:
    """Contents of a file, unpacked where it is gzipped.

    Raises
    ------
    UserError (of type `error`)
        If it cannot be read, is damaged, or is larger than `max_file_mb`, unpacked too.
    """
    data = read_file(path, max_file_mb=max_file_mb, error=error)
    return unpacked(data, str(path), max_file_mb=max_file_mb, error=error)


def unpacked(data: bytes, name: str, *, max_file_mb: float, error: type[UserError]) -> bytes:
    """As `read_packed`, of contents of a file of this name."""
    check_size(len(data), Path(name).name, max_file_mb=max_file_mb, error=error)
    if not data.startswith(GZIP):
        return data
    try:
        with gzip.open(BytesIO(data)) as file:
            # No more than that: a small file may unpack to a huge one.
            data = file.read(int(max_file_mb * MEGABYTE) + 1)
    except (OSError, EOFError, zlib.error) as problem:
        raise error(f"{name} cannot be unpacked: {problem}.", hint="Copy or download it again.") from None
    check_size(len(data), f"{Path(name).name}, unpacked,", max_file_mb=max_file_mb, error=error)
    return data


def _of_table(raw: RawTable, filename: str) -> tuple[dict[str, Protein], list[Issue]]:
    """Proteins of a table's rows; a name with two sequences, or with a bad one, is left out and told of."""
    columns = {column.strip().lower(): column for column in reversed(raw.frame.columns)}
    names = next((columns[name] for name in NAME_COLUMNS if name in columns), None)
    sequences = next((columns[name] for name in SEQUENCE_COLUMNS if name in columns), None)
    if names is None or sequences is None:
        found = ", ".join(map(quoted, raw.frame.columns[:20]))
        raise SequenceError(f"{filename} is not FASTA, and as a table it lacks a column of protein names or "
                            f"of sequences. Columns found: {found}.",
                            hint="Give FASTA, or a table with the columns protein and sequence.")
    if not len(raw):
        raise SequenceError(f"{filename} has a header but no rows.", hint="Add a row for each protein.")
    proteins: dict[str, Protein] = {}
    issues: list[Issue] = []
    refused: set[str] = set()
    table = zip(raw.frame[names].str.strip(), raw.frame[sequences], strict=True)
    for number, (name, text) in enumerate(table, start=1):
        sequence, notes = clean_sequence(text)
        problem = sequence_problem(sequence)
        known = proteins.get(name)
        if not name:
            issues.append(Issue(None, "", f"In {filename}, row {number:,} has no name.", "Write one."))
        elif problem:
            issues.append(Issue(None, name, f"{quoted(name)}: {problem}", f"Correct it in {filename}."))
            refused.add(name)
        elif known is not None and known.sequence != sequence:
            problem = f"{filename} gives {quoted(name)} two different sequences."
            issues.append(Issue(None, name, problem, "Keep one of them."))
            refused.add(name)
        else:
            proteins[name] = Protein(name, sequence)
            issues += [Issue(None, name, f"{quoted(name)}: {note}", "", Severity.WARNING) for note in notes]
    return {name: protein for name, protein in proteins.items() if name not in refused}, issues
