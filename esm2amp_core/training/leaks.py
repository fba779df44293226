"""Does a validation table hold what the training table holds already?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esm2amp_core.errors import PairError
from esm2amp_core.labelled import LABEL
from esm2amp_core.pairs import PairTable
from esm2amp_core.same_pairs import find_repeats, number_sequences, pair_keys


@dataclass(frozen=True)
class Leaks:
    """What two tables share. Proteins are compared by sequence, pairs without order.

    Attributes
    ----------
    n_pairs : int
        Validation rows whose pair occurs in training.
    examples : tuple of str
        Some of these pairs.
    n_proteins : int
        Distinct validation sequences that occur in training...
    n_validation_proteins : int
        ... of so many.
    """

    n_pairs: int
    examples: tuple[str, ...]
    n_proteins: int
    n_validation_proteins: int

    def check(self, *, allowed: bool = False) -> None:
        """Refuse shared pairs, unless they are allowed.

        Raises
        ------
        PairError
        """
        if self.n_pairs and not allowed:
            rows = "1 validation row repeats a pair" if self.n_pairs == 1 else (
                f"{self.n_pairs:,} validation rows repeat pairs")
            raise PairError(f"{rows} of the training table ({', '.join(self.examples)}): such a validation "
                            "measures memory.", hint="Take them out of one table, or add --allow-leaks.")

    def describe(self) -> str:
        """One sentence for a person; empty where nothing is shared."""
        if not self.n_proteins:
            return ""
        pairs = f", and {self.n_pairs:,} of its rows repeat a training pair" if self.n_pairs else ""
        return (f"{self.n_proteins:,} of the {self.n_validation_proteins:,} validation proteins also occur "
                f"in training{pairs}: the validation figures say little about new proteins.")


def find_leaks(train: PairTable, validation: PairTable) -> Leaks:
    """Compare two tables; rows with errors do not count."""
    numbers: dict[str, int] = {}
    trained, validated = (number_sequences(table, numbers) for table in (train, validation))
    known = pair_keys(*trained[trained[:, 0] >= 0].T)
    places = np.flatnonzero((validated[:, 0] >= 0) & np.isin(pair_keys(*validated.T), known))
    names = validation.frame[["protein_a", "protein_b"]].to_numpy()[places[:3]].tolist()
    proteins = np.unique(validated[validated >= 0])
    shared = np.intersect1d(proteins, trained)
    return Leaks(len(places), tuple(f"{a}-{b}" for a, b in names), len(shared), len(proteins))


def describe_repeats(table: PairTable, what: str) -> str:
    """One sentence on pairs that stand in a table twice, or with both labels; empty if there are none."""
    sequences = number_sequences(table, {})
    usable = sequences[:, 0] >= 0
    found = find_repeats(pair_keys(*sequences[usable].T), table.frame[LABEL].to_numpy()[usable])
    if not len(found.places):
        return ""
    rows, pairs = len(found.places), len(found.contradictions)
    told = f"{rows:,} rows of the {what} table repeat an earlier pair" if rows > 1 else (
        f"1 row of the {what} table repeats an earlier pair")
    if pairs:
        told += f"; {pairs:,} pairs carry both labels" if pairs > 1 else "; 1 pair carries both labels"
    return f"{told}."
