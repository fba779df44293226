"""How an explanation is made again from its report alone."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from esm2amp_core import exports
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.sequences import Protein

PAIRS_FILE, FASTA_FILE, FOLDER = "pairs.csv", "proteins.fasta", "explanation"
LINE_LENGTH = 60


@dataclass(frozen=True)
class Rerun:
    """Everything that `esm2amp explain` needs to give the same numbers.

    Attributes
    ----------
    arguments : tuple of str
        The command, word by word.
    pairs : bytes
        Contents of `PAIRS_FILE`: names and sequences. It is all that the command reads.
    fasta : str
        The same proteins for other programs.
    """

    arguments: tuple[str, ...]
    pairs: bytes
    fasta: str

    @property
    def command(self) -> str:
        """As it is typed into a shell."""
        return shlex.join(self.arguments)


def rerun_of(
    folder: ExplanationFolder, pairs: pd.DataFrame, proteins: Mapping[str, Protein], methods: Sequence[str]
) -> Rerun:
    """How to explain some of a folder's pairs again.

    Parameters
    ----------
    folder : ExplanationFolder
    pairs : DataFrame
        Lines of `folder.pairs`.
    proteins : mapping of str to Protein
        By the names in `pairs`.
    methods : sequence of str
        Those of the folder, and perhaps of another one of the same pairs.
    """
    summary = folder.summary
    model, settings = summary["model"], summary["settings"]
    chosen = {"method": ",".join(methods), "bundle": model["name"], "precision": model["precision"],
              "device": model["device"], "output": FOLDER}
    # A setting of 0 leaves a number to the program, which chooses the same again; the seed is named always.
    chosen |= {name: value for name, value in settings.items() if value or name == "seed"}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in chosen.items()]
    if not folder.has("controls"):
        words.append("--no-controls")
    table = pairs[["protein_a", "protein_b"]].reset_index(drop=True)
    for side in "ab":
        table[f"sequence_{side}"] = [proteins[name].sequence for name in table[f"protein_{side}"]]
    names = dict.fromkeys(name for line in table[["protein_a", "protein_b"]].to_numpy() for name in line)
    fasta = "".join(_entry(name, proteins[name].sequence) for name in names)
    return Rerun(("esm2amp", "explain", PAIRS_FILE, *words), exports.delimited(table), fasta)


def _entry(name: str, sequence: str) -> str:
    """A name may hold anything; a FASTA header is one line."""
    lines = [sequence[start : start + LINE_LENGTH] for start in range(0, len(sequence), LINE_LENGTH)]
    return "\n".join([f">{' '.join(name.split())}", *lines, ""])
