"""Which protein a name in a table of pairs stands for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from esm2amp_core.checks.damaged_names import Damage, find_damage
from esm2amp_core.checks.inline_sequences import NONE, InlineSequences
from esm2amp_core.checks.suggestions import Suggester, canonical_of
from esm2amp_core.errors import Issue, Severity, quoted
from esm2amp_core.sequences import Protein, clean_sequence

ADD_SEQUENCE = "Add it to the FASTA or the table."


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long proteins and their names may be.

    Attributes
    ----------
    trained_residues : int
        Longest chain the language model was trained on; longer ones get a warning.
    max_residues : int
        Longest chain that is scored; longer ones are refused, never cut.
    max_id_characters : int
    """

    trained_residues: int = 1022
    max_residues: int = 2700
    max_id_characters: int = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of a protein, on whichever row it stands."""

    problem: str
    remedy: str = ""
    severity: Severity = Severity.ERROR


@dataclass(frozen=True)
class Names:
    """The proteins named in a table.

    Attributes
    ----------
    codes : ndarray, dtype=int64, shape=(2, N)
        For side and row the position of the protein's name in `texts`.
    texts : list of str
        Distinct names; the empty one where a row gives none.
    kinds : mapping of int to str
        Kind of spreadsheet cell that a name was found in, where it held no text; by position.
    formulas : set of (int, int)
        Sides and rows, from 0, where a formula has no stored result.
    """

    codes: np.ndarray
    texts: list[str]
    kinds: Mapping[int, str]
    formulas: frozenset[tuple[int, int]]


class ProteinLookup:
    """Resolves every name of a table once.

    `like_sequences` are columns that nobody chose but that seem to hold sequences.

    Attributes
    ----------
    proteins : dict of str to Protein
        Of the names that can be used.
    by_name : dict of int to list of Finding
        Problems of a name, on every row that uses it; by its position in `Names.texts`.
    by_cell : dict of (int, int) to list of Finding
        Problems of a name together with a sequence written beside it, by both positions.
    """

    def __init__(
        self,
        names: Names,
        inline: InlineSequences,
        sequences: Mapping[str, Protein],
        fasta_issues: Sequence[Issue],
        limits: Limits,
        like_sequences: Sequence[str] = (),
    ) -> None:
        self.proteins: dict[str, Protein] = {}
        self.by_name: dict[int, list[Finding]] = {}
        self.by_cell: dict[tuple[int, int], list[Finding]] = {}
        self._inline, self._sequences, self._limits = inline, sequences, limits
        self._like_sequences = like_sequences
        self._fasta: dict[str, list[Issue]] = {}
        for issue in fasta_issues:
            self._fasta.setdefault(issue.value, []).append(issue)
        self._given = _sequences_by_name(names, inline)
        # Whole headers are names too, but nobody means them.
        short = (name for name, protein in sequences.items() if " " not in name or name == protein.id)
        self._suggester = Suggester(dict.fromkeys([*short, *(names.texts[code] for code in self._given)]))
        for code, name in enumerate(names.texts):
            if not name:
                continue  # a problem of its row
            findings = list(self._resolve(code, name, names.kinds.get(code, "")))
            if findings:
                self.by_name[code] = findings
            if any(finding.severity == Severity.ERROR for finding in findings):
                self.proteins.pop(name, None)

    def _resolve(self, code: int, name: str, kind: str) -> Iterator[Finding]:
        """Find the protein of one name, and all that is to be said about it."""
        if len(name) > self._limits.max_id_characters:
            yield Finding(
                f"The name {quoted(name)} has {len(name):,} characters; "
                f"at most {self._limits.max_id_characters} are allowed.",
                "Check whether a sequence stands in the column of names, or shorten the name.",
            )
            return
        protein = self._sequences.get(name)
        notes = self._fasta.get(name, [])
        if protein is not None and protein.id != name:
            notes = notes + [issue for issue in self._fasta.get(protein.id, [])
                             if issue.severity == Severity.WARNING]
        if refused := [issue for issue in notes if issue.severity == Severity.ERROR]:
            yield from (Finding(issue.problem, issue.remedy) for issue in refused)
            return
        if protein is None:
            usable, unusable = self._beside(code)
            if len(usable) > 1 or (unusable and not usable):
                yield self._conflict(name, usable) if usable else self._unusable(name, unusable[0])
                return
            if usable:
                protein = Protein(name, self._inline.texts[usable[0][0]])
        damage = find_damage(name, kind)
        if protein is None or kind == "error":
            yield self._damaged(name, damage) if damage.problem else self._missing(name)
            return
        self.proteins[name] = protein
        self._check_cells(code, name, protein)
        if damage.problem:
            yield self._damaged(name, damage, Severity.WARNING)
        yield from self._length(name, protein)
        said = clean_sequence(protein.sequence)[1]
        yield from (Finding(f"{quoted(name)}: {note}", "", Severity.WARNING) for note in said)
        yield from (Finding(issue.problem, issue.remedy, Severity.WARNING) for issue in notes
                    if not any(issue.problem.endswith(note) for note in said))

    def _beside(self, code: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Sequences in the table beside a name, with their first rows: the usable ones, and the others."""
        given = self._given.get(code, [])
        return ([cell for cell in given if not self._inline.problems[cell[0]]],
                [cell for cell in given if self._inline.problems[cell[0]]])

    def _conflict(self, name: str, usable: list[tuple[int, int]]) -> Finding:
        """Two different sequences beside one name, where no FASTA says which is right."""
        (first, first_row), (other, other_row) = usable[:2]
        texts = self._inline.texts
        return Finding(
            f"The table gives {quoted(name)} two different sequences: {len(texts[first]):,} residues in row "
            f"{first_row:,}, {len(texts[other]):,} residues in row {other_row:,}.",
            "Correct one of them, or give the two proteins different names.",
        )

    def _unusable(self, name: str, cell: tuple[int, int]) -> Finding:
        return Finding(f"{quoted(name)}: {self._inline.problems[cell[0]]}", f"Correct it in row {cell[1]:,}.")

    def _check_cells(self, code: int, name: str, protein: Protein) -> None:
        """Judge the sequences beside a name whose protein is settled."""
        for cell in self._given.get(code, ()):
            sequence = cell[0]
            text = self._inline.texts[sequence]
            if self._inline.problems[sequence]:
                found = [self._unusable(name, cell)]
            elif text != protein.sequence:
                found = [Finding(
                    f"The sequence of {quoted(name)} in this row ({len(text):,} residues) differs from that "
                    f"in the FASTA ({len(protein.sequence):,} residues).",
                    "Remove one of them, or give the two proteins different names.",
                )]
            else:
                said = set(clean_sequence(text)[1])
                found = [Finding(f"{quoted(name)}: {note}", "", Severity.WARNING)
                         for note in self._inline.notes[sequence] if note not in said]
            if found:
                self.by_cell[code, sequence] = found

    def _length(self, name: str, protein: Protein) -> Iterator[Finding]:
        length, limits = len(protein.sequence), self._limits
        if length > limits.max_residues:
            yield Finding(
                f"{quoted(name)} has {length:,} residues; at most {limits.max_residues:,} are read.",
                "Give one domain of it, under a name of its own.",
            )
        elif length > limits.trained_residues:
            yield Finding(
                f"{quoted(name)} has {length:,} residues; the language model was trained on at most "
                f"{limits.trained_residues:,}, so this score is less certain.",
                severity=Severity.WARNING,
            )

    def _missing(self, name: str) -> Finding:
        close = list({self._protein_behind(known): known
                      for known in reversed(self._suggester.close_to(name))}.values())[::-1]
        canonical = canonical_of(name)
        remedy = ADD_SEQUENCE
        if canonical and (there := [known for known in close if canonical_of(known) == ""]):
            remedy = (f"The canonical sequence is there ({quoted(there[0])}), but an isoform has its own: "
                      f"add that, or write {quoted(there[0])} if the canonical one is meant.")
        elif close:
            remedy = f"Did you mean {' or '.join(map(quoted, close))}?"
        elif self._like_sequences:
            held = " or ".join(map(quoted, self._like_sequences[:4]))
            remedy = (f"The table may hold it in {held}: choose the columns of the sequences, under "
                      "'Columns' in the page or with --columns.")
        return Finding(f"There is no sequence for {quoted(name)}.", remedy)

    def _protein_behind(self, name: str) -> str:
        """Equal for two names of one protein."""
        protein = self._sequences.get(name)
        return name if protein is None else protein.digest

    def _damaged(self, name: str, damage: Damage, severity: Severity = Severity.ERROR) -> Finding:
        remedy = damage.remedy
        if present := self._suggester.known_among(damage.originals):
            remedy = f"Probably {present[0]}, which is among the sequences: write that."
        return Finding(f"{quoted(name)}: {damage.problem}", remedy, severity)


def _sequences_by_name(names: Names, inline: InlineSequences) -> dict[int, list[tuple[int, int]]]:
    """For each name the sequences written beside it, each with the first row (from 1) where it stands."""
    n_texts = len(inline.texts)
    beside = inline.codes != NONE
    cells = names.codes[beside] * n_texts + inline.codes[beside]
    rows = np.broadcast_to(np.arange(1, names.codes.shape[1] + 1), names.codes.shape)[beside]
    order = np.argsort(rows, kind="stable")
    distinct, first = np.unique(cells[order], return_index=True)
    given: dict[int, list[tuple[int, int]]] = {}
    for at in np.argsort(first):
        name, sequence = divmod(int(distinct[at]), n_texts)
        given.setdefault(name, []).append((sequence, int(rows[order][first[at]])))
    return given
