"""The proteins of a screen as a person gave them, and what was understood. No Streamlit."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

from esm2amp_core.screen_plan import Plan
from esm2amp_core.screen_proteins import ScreenProteins, read_screen
from esm2amp_core.settings import Settings


@dataclass(frozen=True, kw_only=True)
class ScreenSource:
    """Exactly what a person gave.

    Attributes
    ----------
    library : bytes
        FASTA or a table, as it was uploaded; all proteins where all are compared.
    library_name : str
        Name of its file.
    bait : bytes
        Empty where all are compared with all.
    bait_name : str
    title : str
        Proposed title of the job.
    """

    library: bytes
    library_name: str
    bait: bytes = b""
    bait_name: str = ""
    title: str = ""

    @cached_property
    def digest(self) -> str:
        """Equal for equal input."""
        parts = (self.library, self.bait, self.library_name.encode(), self.bait_name.encode())
        return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


@dataclass(frozen=True)
class ScreenDraft:
    """A source as it was read."""

    source: ScreenSource
    proteins: ScreenProteins

    @cached_property
    def plan(self) -> Plan:
        """The pairs that will be scored, whatever their blocks."""
        return self.proteins.plan(1)


def read_draft(source: ScreenSource, settings: Settings) -> ScreenDraft:
    """Read the proteins of a source.

    Raises
    ------
    SequenceError
        If a file cannot be read or holds no usable protein.
    """
    proteins = read_screen(
        (source.library_name, source.library), (source.bait_name, source.bait) if source.bait else None,
        max_residues=settings.max_residues, max_file_mb=settings.max_file_mb,
    )  # fmt: skip
    return ScreenDraft(source, proteins)
