"""Does a validation table hold what the training table holds already?"""

from __future__ import annotations

from dataclasses import dataclass

from esm2amp_core.errors import PairError, Severity
from esm2amp_core.labelled import LABEL
from esm2amp_core.pairs import PairTable

Key = frozenset[str]


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
    trained, validated = _keys(train), _keys(validation)
    known = set(trained.values())
    shared = [row for row, key in validated.items() if key in known]
    train_proteins = frozenset().union(*trained.values())
    proteins = frozenset().union(*validated.values())
    names = validation.frame.set_index("row")[["protein_a", "protein_b"]]
    examples = tuple(f"{names.at[row, 'protein_a']}-{names.at[row, 'protein_b']}" for row in shared[:3])
    return Leaks(len(shared), examples, len(proteins & train_proteins), len(proteins))


def describe_repeats(table: PairTable, what: str) -> str:
    """One sentence on pairs that stand in a table twice, or with both labels; empty if there are none."""
    labels: dict[Key, set[int]] = {}
    keys = _keys(table)
    for row, label in zip(table.frame["row"], table.frame[LABEL], strict=True):
        if row in keys:
            labels.setdefault(keys[row], set()).add(int(label))
    repeats, both = len(keys) - len(labels), sum(len(found) == 2 for found in labels.values())
    if not repeats:
        return ""
    contradictions = f"; {both:,} pairs carry both labels" if both else ""
    return f"{repeats:,} rows of the {what} table repeat an earlier pair{contradictions}."


def _keys(table: PairTable) -> dict[int, Key]:
    """Sequences of each usable row."""
    errors = table.problems(Severity.ERROR)
    digest = {name: protein.digest for name, protein in table.proteins.items()}
    columns = (table.frame["row"], table.frame["protein_a"], table.frame["protein_b"])
    return {int(row): frozenset((digest[a], digest[b]))
            for row, a, b in zip(*columns, strict=True) if row not in errors}
