"""Proteins, FASTA, and how residues are numbered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice, pairwise
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

from esm2amp_core.errors import Issue, SequenceError, Severity, quoted
from esm2amp_core.files.text import decode, plain_line_ends, read_file
from esm2amp_core.settings import Settings

STANDARD = frozenset("ACDEFGHIKLMNPQRSTVWY")
RARE = frozenset("BZUOX")
"""Letters that ESM-2's vocabulary holds but that say little: accepted with a warning."""
MIN_RESIDUES = 10
MAX_ENTRIES = 500_000
"""Proteins that are read from one FASTA text: more than any proteome has."""
_UNKNOWN = re.compile(f"[^{''.join(sorted(STANDARD | RARE))}]")
_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)
"""`str.upper` would make residues of other letters: SS of ß, FI of the ligature that a PDF holds."""
_NUCLEOTIDES = frozenset("ACGTUN")


@dataclass(frozen=True)
class Protein:
    """A chain with a name.

    Attributes
    ----------
    id : str
        As the person wrote it; any text.
    sequence : str
        Upper-case one-letter codes: the 20 standard ones and B, Z, U, O, X; at least ten.

    Raises
    ------
    SequenceError
        If the sequence is too short or holds another letter; the message gives letter and position.
    """

    id: str
    sequence: str

    def __post_init__(self) -> None:
        if problem := sequence_problem(self.sequence):
            raise SequenceError(f"{self.id}: {problem}", hint="Correct the sequence.")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the sequence: equal chains are equal whatever their names."""
        return hashlib.sha256(self.sequence.encode()).hexdigest()


def sequence_problem(sequence: str) -> str:
    """Why a cleaned sequence cannot be used, in one sentence; empty if it can."""
    if unknown := _UNKNOWN.search(sequence):
        letter, number = unknown.group(), residue_number(unknown.start())
        reason = {"-": " (a gap of an alignment)", ".": " (a gap of an alignment)", "*": " (a stop)",
                  ">": " (the sign of a FASTA header; give the sequence alone)"}
        return f"Letter {quoted(letter)} at position {number:,} is not an amino acid{reason.get(letter, '')}."
    if len(sequence) < MIN_RESIDUES:
        return f"The sequence has {len(sequence)} residues; at least {MIN_RESIDUES} are needed."
    return ""


def clean_sequence(text: str) -> tuple[str, list[str]]:
    """Remove white space and the numbers of lines, write in upper case, strip a trailing stop.

    Returns
    -------
    sequence : str
    notes : list of str
        What a person should know about it, one sentence each.
    """
    words, notes = text.split(), []
    if any(word.isdecimal() for word in words) and not all(word.isdecimal() for word in words):
        words = [word for word in words if not word.isdecimal()]  # as GenBank numbers its lines
        notes.append("Numbers between the letters were left out.")
    sequence = "".join(words).translate(_UPPER)
    if sequence.endswith("*"):
        sequence = sequence.rstrip("*")
        notes.append("A stop sign (*) at the end was left out.")
    letters = set(sequence)
    if rare := sorted(letters & RARE):
        notes.append(f"Contains {', '.join(rare)}, about which the language model knows little.")
    if len(sequence) >= 3 * MIN_RESIDUES and letters <= _NUCLEOTIDES:
        notes.append("Looks like DNA or RNA, not like a protein.")
    return sequence, notes


def residue_number(position: int) -> int:
    """Number of a residue as people count: from 1. `position` counts from 0."""
    return position + 1


def residue_range(start: int, stop: int) -> tuple[int, int]:
    """First and last residue, inclusive from 1, of a half-open stretch from 0."""
    return residue_number(start), stop


def residue_stretch(first: int, last: int) -> tuple[int, int]:
    """The half-open stretch from 0 of the residues `first` to `last`, inclusive from 1."""
    return first - 1, last


@dataclass(frozen=True, slots=True)
class _Record:
    """One entry of a FASTA text, its sequence cleaned; `number` counts from 1, `problem` may be empty."""

    number: int
    header: str
    sequence: str
    notes: tuple[str, ...]
    problem: str

    @property
    def id(self) -> str:
        return self.header.split(maxsplit=1)[0] if self.header else ""

    @property
    def names(self) -> list[str]:
        """Every name by which pairs may call it: its id first."""
        names = [self.id, self.header]
        kind, *parts = self.id.split("|")
        if kind in ("sp", "tr") and len(parts) == 2:
            # UniProt: sp|P04637|P53_HUMAN Cellular tumor antigen p53 OS=... GN=TP53
            names += parts
        if gene := re.search(r" GN=(\S+)", self.header):
            names.append(gene.group(1))
        return list(dict.fromkeys(name for name in names if name))

    @property
    def warnings(self) -> list[Issue]:
        """What a person should know about its sequence."""
        return [Issue(None, self.id, f"{quoted(self.id)}: {note}", "", Severity.WARNING)
                for note in self.notes]

    def issue(self, name: str) -> Issue:
        """Why it cannot be used, told to those who call it `name`."""
        return Issue(None, name, f"{quoted(self.id)}: {self.problem}", "Correct it in the FASTA.")

    def __str__(self) -> str:
        return f"entry {self.number:,} ({quoted(self.header)}, {len(self.sequence):,} residues)"


def parse_fasta(text: str | bytes) -> tuple[dict[str, Protein], list[Issue]]:
    """Read proteins in FASTA format.

    Parameters
    ----------
    text : str or bytes
        Any line ends, case and encoding; sequences may run over many lines.

    Returns
    -------
    proteins : dict of str to Protein
        By every name a pair may use: the first word of the header, the whole header and, for UniProt
        headers, accession, entry name and gene name. A name that stands for several sequences is left out.
    issues : list of Issue
        Without rows. `value` is the name that an issue is about, empty where it is about the file.

    Raises
    ------
    SequenceError
        If the text is not FASTA at all.
    """
    records = list(_records(decode(text, "The FASTA text", error=SequenceError)))
    proteins, issues = _by_id(records)
    others, other_issues = _by_other_names(records)
    return proteins | others, issues + other_issues


def read_fasta(
    path: str | Path, *, max_file_mb: float = Settings.max_file_mb
) -> tuple[list[Protein], list[Issue]]:
    """Proteins of a FASTA file, and what is wrong with the others.

    Returns
    -------
    proteins : list of Protein
        One per usable entry, in the order of the file; an entry that is repeated stands here twice.
    issues : list of Issue

    Raises
    ------
    SequenceError
        If the file cannot be read or is not FASTA.
    """
    return list_fasta(read_file(path, max_file_mb=max_file_mb, error=SequenceError), Path(path).name)


def list_fasta(data: bytes, name: str) -> tuple[list[Protein], list[Issue]]:
    """As `read_fasta`, of the contents of a file of this name."""
    records = list(_records(decode(data, name, error=SequenceError)))
    proteins, issues = _by_id(records)
    return [proteins[record.id] for record in records if record.id in proteins], issues


def _by_id(records: list[_Record]) -> tuple[dict[str, Protein], list[Issue]]:
    """Proteins by id, and what is wrong with entries and ids."""
    issues: list[Issue] = []
    holders: dict[str, list[_Record]] = {}
    for record in records:
        if not record.id:
            issues.append(Issue(None, "", f"In the FASTA, {record} has no name.", "Write it behind the '>'."))
            continue
        holders.setdefault(record.id, []).append(record)
        issues += [record.issue(record.id)] if record.problem else record.warnings
    proteins, conflicts = _settle(holders)
    repeated = [name for name in proteins if len(holders[name]) > 1]
    if repeated:
        names = ", ".join(map(quoted, repeated[:5])) + (", ..." if len(repeated) > 5 else "")
        stand = "1 name stands" if len(repeated) == 1 else f"{len(repeated):,} names stand"
        problem = f"{stand} in the FASTA twice or more, with one sequence: {names}."
        conflicts.append(Issue(None, "", problem, "Nothing needs to be done.", Severity.WARNING))
    return proteins, issues + conflicts


def _by_other_names(records: list[_Record]) -> tuple[dict[str, Protein], list[Issue]]:
    """Proteins by the names that nobody has as an id, and what is wrong with such names."""
    ids = {record.id: record for record in records if record.id}
    issues: list[Issue] = []
    holders: dict[str, list[_Record]] = {}
    for record in records:
        for name in record.names[1:]:
            if name not in ids:
                holders.setdefault(name, []).append(record)
                issues += [record.issue(name)] if record.problem else []
            elif record.sequence != ids[name].sequence:
                problem = f"{quoted(name)} is the id of {ids[name]}, but also another name of {record}."
                remedy = "The entry with the id counts; call the other one by its own id."
                issues.append(Issue(None, name, problem, remedy, Severity.WARNING))
    proteins, conflicts = _settle(holders)
    return proteins, issues + conflicts


def _settle(holders: dict[str, list[_Record]]) -> tuple[dict[str, Protein], list[Issue]]:
    """The protein behind each name whose usable entries agree; a name with a bad entry has none."""
    proteins: dict[str, Protein] = {}
    issues = []
    for name, records in holders.items():
        first, *others = [record for record in records if not record.problem] or records
        other = next((record for record in others if record.sequence != first.sequence), None)
        if other is not None:
            issues.append(Issue(
                None, name, f"The FASTA gives {quoted(name)} two different sequences: {first} and {other}.",
                "Keep one of them, or give them different names.",
            ))
        elif not any(record.problem for record in records):
            proteins[name] = Protein(first.id, first.sequence)
    return proteins, issues


def _records(text: str) -> Iterator[_Record]:
    """Entries of a FASTA text; raises SequenceError where there is no header."""
    text = plain_line_ends(text).strip()
    if not text:
        return
    if not text.startswith((">", ";")):
        first = text.split("\n", 1)[0]
        raise SequenceError(
            f"This is not FASTA: it begins with {quoted(first)} instead of a line that starts with '>'.",
            hint="Write a line '>name' above each sequence. A table of protein pairs is given as the pairs.",
        )
    text = re.sub(r"^;.*\n?", "", text, flags=re.MULTILINE)  # comments, as the oldest programs wrote them
    starts = [match.start() for match in islice(re.finditer("^>", text, re.MULTILINE), MAX_ENTRIES + 1)]
    if len(starts) > MAX_ENTRIES:
        raise SequenceError(f"The FASTA has more than {MAX_ENTRIES:,} entries.",
                            hint="Leave out the proteins that no pair uses.")
    for number, (start, stop) in enumerate(pairwise([*starts, len(text)]), start=1):
        header, _, body = text[start + 1 : stop].partition("\n")
        sequence, notes = clean_sequence(body)
        yield _Record(number, header.strip(), sequence, tuple(notes), sequence_problem(sequence))
