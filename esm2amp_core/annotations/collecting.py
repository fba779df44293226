"""What every reader of annotations gathers while it goes through its file."""

from __future__ import annotations

from dataclasses import dataclass, field

from esm2amp_core.annotations.positions import read_span
from esm2amp_core.annotations.region import Annotations, Region
from esm2amp_core.errors import Issue, Severity, quoted


@dataclass
class Collector:
    """Regions, stated lengths, aliases and issues of one file.

    Attributes
    ----------
    source : str
        `UNIPROT`, `INTERPRO` or `TABLE`.
    name : str
        Of the file, for messages.
    """

    source: str
    name: str
    regions: list[Region] = field(default_factory=list)
    stated_lengths: dict[str, dict[int, int]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    issues: list[Issue] = field(default_factory=list)
    releases: dict[str, None] = field(default_factory=dict)

    def add(self, row: int, protein: str, kind: str, start: str, end: str, **facts: str) -> None:
        """Add a region whose ends are still text; one that cannot be placed becomes an issue."""
        what = f"{kind} {start}..{end}"
        try:
            first, last, uncertain = read_span(start, end)
        except ValueError as problem:
            self.refuse(row, what, f"{kind} of {quoted(protein)} is left out. {problem}")
            return
        if uncertain:
            problem = f"{kind} {start}..{end} of {quoted(protein)}: {uncertain}."
            self.issues.append(Issue(row, what, problem, "It is used as it stands.", Severity.WARNING))
        self.regions.append(Region(protein, kind, first, last, uncertain=uncertain, **facts))

    def refuse(self, row: int, value: str, problem: str, remedy: str = "") -> None:
        """Note a row, or a part of one, that is not used."""
        remedy = remedy or f"Correct it in {self.name} if it matters."
        self.issues.append(Issue(row, value, problem, remedy))

    def warn(self, problem: str, remedy: str) -> None:
        """Note something about the whole file."""
        self.issues.append(Issue(None, "", problem, remedy, Severity.WARNING))

    def set_length(self, row: int, protein: str, length: int) -> None:
        """Note a protein and a length that a row states; which of several is true, `check_fit` knows."""
        self.stated_lengths.setdefault(protein, {}).setdefault(length, row)

    def annotations(self) -> Annotations:
        """What was gathered."""
        return Annotations(tuple(self.regions), self.source, self.stated_lengths, self.aliases,
                           tuple(self.issues), tuple(self.releases))
