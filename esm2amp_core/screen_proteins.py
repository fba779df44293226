"""The proteins of a screen: read, numbered, and what was left out of the files."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from esm2amp_core.errors import Issue, SequenceError, Severity, printable, quoted
from esm2amp_core.files.text import read_file
from esm2amp_core.protein_files import list_proteins
from esm2amp_core.screen_files import LEFT_OUT_COLUMNS
from esm2amp_core.screen_plan import Plan
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings

LONGEST_NAME = 200
Given = tuple[str, bytes]
"""Name and contents of a file."""


@dataclass(frozen=True)
class ScreenProteins:
    """Distinct sequences in the order of `Plan`: only baits, then bait and library, then only library.

    Attributes
    ----------
    proteins : tuple of Protein, length=N
        No two have the same name or the same sequence.
    n_baits, library_start : int
        As in `Plan`.
    also_called : dict of str to tuple of str
        Further names of a sequence, by the name that counts.
    left_out : DataFrame
        `LEFT_OUT_COLUMNS`: every record that is not screened under its own name, and why.
    warnings : tuple of str
        What else a person should know of the files.
    """

    proteins: tuple[Protein, ...]
    n_baits: int
    library_start: int
    also_called: dict[str, tuple[str, ...]]
    left_out: pd.DataFrame
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """Ids of the proteins."""
        return [protein.id for protein in self.proteins]

    @property
    def n_residues(self) -> int:
        """Residues of all proteins together."""
        return sum(len(protein.sequence) for protein in self.proteins)

    @property
    def n_failed(self) -> int:
        """Records whose sequences are not screened."""
        return int((self.left_out["screened_as"] == "").sum())

    @property
    def reasons(self) -> list[str]:
        """Why each record of `left_out` is not screened, for people."""
        rows = self.left_out[["protein", "problem"]].itertuples(index=False)
        return [f"{printable(name)}: {problem}" for name, problem in rows]

    @property
    def is_all_vs_all(self) -> bool:
        """True where every protein is bait and library."""
        return self.library_start == 0 and self.n_baits == len(self.proteins)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names, sequences and roles."""
        told = hashlib.sha256(f"{self.n_baits} {self.library_start}".encode())
        for protein in self.proteins:
            told.update(f"\n{protein.id!r} {protein.digest}".encode())
        return told.hexdigest()

    def plan(self, block_pairs: int, *, with_self: bool = False) -> Plan:
        """Their pairs, cut into blocks."""
        return Plan(len(self.proteins), self.n_baits, self.library_start, block_pairs, with_self)

    def without(self, failures: dict[str, str]) -> ScreenProteins:
        """Without the sequences of these digests, for these reasons."""
        if not failures:
            return self
        kept = tuple(protein for protein in self.proteins if protein.digest not in failures)
        gone = [protein for protein in self.proteins if protein.digest in failures]
        rows = [("", name, "", failures[protein.digest], "Leave it out, or use another device.")
                for protein in gone
                for name in (protein.id, *self.also_called.get(protein.id, ()))]  # fmt: skip
        baits = sum(protein.digest not in failures for protein in self.proteins[: self.n_baits])
        start = sum(protein.digest not in failures for protein in self.proteins[: self.library_start])
        names = {protein.id for protein in gone}
        merged = self.left_out["screened_as"].isin(names)
        left_out = pd.concat([self.left_out[~merged], _left_out(rows)], ignore_index=True)
        also_called = {name: others for name, others in self.also_called.items() if name not in names}
        return ScreenProteins(kept, baits, start, also_called, left_out, self.warnings)


def read_screen(
    library: Path | Given,
    bait: Path | Given | None = None,
    *,
    max_residues: int = Settings.max_residues,
    max_file_mb: float = Settings.max_file_mb,
) -> ScreenProteins:
    """Read the proteins of a screen.

    A sequence that stands in the files under several names is screened once, under the first.

    Parameters
    ----------
    library : Path, or a name with contents
        FASTA or table of proteins, as `list_proteins` reads it; without `bait`, all against all.
    bait : the same, optional
    max_residues : int
        Longer proteins are left out.
    max_file_mb : float

    Raises
    ------
    SequenceError
        If a file cannot be read, holds no usable protein, or the two give a name different sequences.
    """
    sources = [library] if bait is None else [bait, library]
    given = [(source.name, read_file(source, max_file_mb=max_file_mb, error=SequenceError))
             if isinstance(source, Path) else source for source in sources]
    read = [_File.read(*named, max_residues, max_file_mb) for named in given]
    _refuse_contradictions(read)
    named: dict[str, Protein] = {}  # by digest
    names: dict[str, list[str]] = {}
    rows = [row for file in read for row in file.left_out]
    for file in read:
        for protein in file.proteins:
            counts = named.setdefault(protein.digest, protein).id
            known = names.setdefault(counts, [counts])
            if protein.id not in known:
                known.append(protein.id)
                rows.append((file.name, protein.id, counts, f"It has the sequence of {quoted(counts)}.",
                             f"Its scores are those of {quoted(counts)}."))  # fmt: skip
    roles = [{protein.digest for protein in file.proteins} for file in read]
    baits, partners = roles[0], roles[-1]
    groups = [[p for d, p in named.items() if d not in partners],
              [p for d, p in named.items() if d in baits and d in partners],
              [p for d, p in named.items() if d not in baits]]  # fmt: skip
    return ScreenProteins(
        tuple(protein for group in groups for protein in group),
        n_baits=len(groups[0]) + len(groups[1]),
        library_start=len(groups[0]),
        also_called={name: tuple(others[1:]) for name, others in names.items() if len(others) > 1},
        left_out=_left_out(rows),
        warnings=tuple(f"{file.name}: {warning}" for file in read for warning in file.warnings),
    )


@dataclass(frozen=True)
class _File:
    """What one file holds: usable proteins, rows of the table of left-out records, warnings."""

    name: str
    proteins: list[Protein]
    left_out: list[tuple[str, ...]]
    warnings: list[str]

    @classmethod
    def read(cls, name: str, data: bytes, max_residues: int, max_file_mb: float) -> _File:
        found, issues = list_proteins(data, name, max_file_mb=max_file_mb)
        issues = [*issues, *_too_long(found, max_residues)]
        refused = {issue.value for issue in issues if issue.severity == Severity.ERROR and issue.value}
        usable = [protein for protein in found if protein.id not in refused]
        if not usable:
            raise SequenceError(f"{name} holds no usable protein.", hint="Give FASTA, or a table with the "
                                "columns protein and sequence.", details=issues)
        return cls(
            name, usable,
            [(name, issue.value, "", issue.problem, issue.remedy)
             for issue in issues if issue.severity == Severity.ERROR],
            [str(issue) for issue in issues if issue.severity == Severity.WARNING],
        )  # fmt: skip


def _too_long(proteins: Collection[Protein], max_residues: int) -> list[Issue]:
    issues = []
    for protein in {protein.id: protein for protein in proteins}.values():
        length, name = len(protein.sequence), quoted(protein.id)
        if length > max_residues:
            problem = f"{name} has {length:,} residues; at most {max_residues:,} are scored."
            remedy = "Submit one domain, or raise ESM2AMP_MAX_RESIDUES."
            issues.append(Issue(None, protein.id, problem, remedy))
        if len(protein.id) > LONGEST_NAME:
            problem = f"{name} is a name of {len(protein.id):,} characters; at most {LONGEST_NAME} are kept."
            issues.append(Issue(None, protein.id, problem, "Shorten it."))
    return issues


def _refuse_contradictions(read: list[_File]) -> None:
    """Raise SequenceError where two files mean different proteins by one name."""
    ends = (read[0], read[-1])
    first, last = ({protein.id: protein.sequence for protein in file.proteins} for file in ends)
    clashing = [name for name, sequence in first.items() if last.get(name, sequence) != sequence]
    if clashing:
        raise SequenceError(
            f"{read[0].name} and {read[-1].name} give {', '.join(map(quoted, clashing[:3]))} different "
            f"sequences: {len(clashing):,} of the names that both have.",
            hint="Rename them in one of the files.", details=[quoted(name) for name in clashing],
        )  # fmt: skip


def _left_out(rows: list[tuple[str, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(LEFT_OUT_COLUMNS), dtype="str")
