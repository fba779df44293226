"""What is known of some proteins beside their sequence: targets that teach the language model biology.

A language model of this size learns little from masked residues alone in an hour. Where a protein works,
what it does and how it folds are known for some tens of thousands; predicting that from the same states
makes them hold it. No table of annotations says anything of interactions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

UNKNOWN = -100
"""Class of a protein or residue of which a table says nothing (as `torch.nn.functional.cross_entropy`)."""
RESIDUE_UNKNOWN = 255
BINDING_BITS = ("metal", "nucleic acid", "small molecule")
MIN_PROTEINS = 25
"""GO terms and EC classes of fewer proteins are left out."""


@dataclass(frozen=True)
class Tasks:
    """The questions, and how many answers each has.

    Attributes
    ----------
    classes : dict of str to tuple of str
        One answer of several per protein: task to names of its classes.
    terms : tuple of str
        GO terms, any number of which hold for a protein.
    """

    classes: dict[str, tuple[str, ...]]
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Annotations:
    """Answers for N proteins.

    Attributes
    ----------
    sequences : list of str
        Distinct.
    classes : ndarray, dtype=int64, shape=(N, n_tasks)
        Columns as `Tasks.classes`; `UNKNOWN` where nothing is known.
    terms : ndarray, dtype=float32, shape=(N, n_terms)
        1 or 0; NaN where nothing is known.
    melting : ndarray, dtype=float32, shape=(N,)
        Melting temperature as a z-score; NaN where it was not measured.
    structure, binding : list of ndarray, dtype=uint8, shape=(L,)
        Per residue 0 H, 1 E, 2 C; bits as `BINDING_BITS`; 255 where not known.
    """

    tasks: Tasks
    sequences: list[str]
    classes: np.ndarray
    terms: np.ndarray
    melting: np.ndarray
    structure: list[np.ndarray]
    binding: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.sequences)

    def select(self, rows: np.ndarray) -> Annotations:
        """Some of the proteins, by row."""
        return Annotations(self.tasks, [self.sequences[i] for i in rows], self.classes[rows],
                           self.terms[rows], self.melting[rows], [self.structure[i] for i in rows],
                           [self.binding[i] for i in rows])


TABLES = {
    "location": "localisation_human/proteins.tsv.gz",
    "location_all_kingdoms": "localisation_deeploc/proteins.tsv.gz",
    "go": "function_go/proteins.tsv.gz",
    "enzyme": "function_ec/proteins.tsv.gz",
    "structure": "residue_secondary_structure/chains.tsv.gz",
    "binding": "residue_binding/proteins.tsv.gz",
    "melting": "stability_meltome/proteins.tsv.gz",
}
"""Tables below the data folder."""


def read_tables(data: Path) -> dict[str, pd.DataFrame]:
    """Every table, all columns as text."""
    return {name: pd.read_csv(data / path, sep="\t", dtype=str, keep_default_na=False)
            for name, path in TABLES.items()}


def read_annotations(data: Path, *, excluded: Collection[str] = ()) -> Annotations:
    """Merge the tables by sequence.

    Parameters
    ----------
    data : Path
        Folder of the data sets.
    excluded : collection of str
        Sequences of which no annotation may be used.
    """
    excluded = set(excluded)
    tables = {name: table[~table["sequence"].isin(excluded)] for name, table in read_tables(data).items()}
    sequences = list(dict.fromkeys(s for table in tables.values() for s in table["sequence"]))
    rows = {sequence: row for row, sequence in enumerate(sequences)}
    where = {name: table["sequence"].map(rows).to_numpy() for name, table in tables.items()}

    deeploc = tables["location_all_kingdoms"]
    answers = {
        "location": (where["location"], tables["location"]["location"]),
        "location_all_kingdoms": (where["location_all_kingdoms"], deeploc["location"]),
        "membrane": (where["location_all_kingdoms"], deeploc["membrane"].replace("U", "")),
        "enzyme": (where["enzyme"], tables["enzyme"]["ec"].map(first_two_digits)),
    }
    columns = {task: as_classes(len(rows), *answer) for task, answer in answers.items()}
    terms, term_names = as_terms(len(rows), where["go"], tables["go"]["go_terms"])
    celsius = tables["melting"]["tm_median"].astype(float).to_numpy()
    melting = np.full(len(rows), np.nan, np.float32)
    melting[where["melting"]] = (celsius - celsius.mean()) / celsius.std()
    structure = per_residue(sequences, where["structure"], structure_codes(tables["structure"]))
    binding = per_residue(sequences, where["binding"],
                          [digits(labels) for labels in tables["binding"]["labels"]])
    tasks = Tasks({task: names for task, (_, names) in columns.items()}, term_names)
    return Annotations(tasks, sequences, np.stack([column for column, _ in columns.values()], axis=1), terms,
                       melting, structure, binding)


def first_two_digits(numbers: str) -> str:
    """Two digits of the first EC number: ``3.4.21.4;1.1.1.1`` -> ``3.4``."""
    return ".".join(numbers.split(";")[0].split(".")[:2])


def as_classes(n: int, where: np.ndarray, answers: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Classes (n,) with `UNKNOWN` for rare or empty answers, and the classes' names."""
    counts = answers.value_counts()
    names = tuple(sorted(name for name in counts.index[counts >= MIN_PROTEINS] if name))
    codes = answers.map({name: code for code, name in enumerate(names)}).fillna(UNKNOWN)
    column = np.full(n, UNKNOWN, np.int64)
    column[where] = codes.to_numpy(np.int64)
    return column, names


def as_terms(n: int, where: np.ndarray, answers: pd.Series) -> tuple[np.ndarray, tuple[str, ...]]:
    """Terms (n, n_terms) with NaN for proteins outside the table, and the terms' names."""
    lists = [set(filter(None, text.split(","))) for text in answers]
    counts = Counter(term for terms in lists for term in terms)
    names = tuple(sorted(term for term, count in counts.items() if count >= MIN_PROTEINS))
    values = np.full((n, len(names)), np.nan, np.float32)
    values[where] = [[term in terms for term in names] for terms in lists]
    return values, names


def structure_codes(table: pd.DataFrame) -> list[np.ndarray]:
    """Secondary structure per residue; unresolved ones are unknown."""
    codes = []
    for states, resolved in zip(table["ss3"], table["resolved_mask"], strict=True):
        code = np.array(["HEC".index(state) for state in states], np.uint8)
        code[digits(resolved) == 0] = RESIDUE_UNKNOWN
        codes.append(code)
    return codes


def digits(text: str) -> np.ndarray:
    """Each character as a number: ndarray, dtype=uint8."""
    return np.frombuffer(text.encode("ascii"), np.uint8) - ord("0")


def per_residue(sequences: list[str], where: np.ndarray, codes: list[np.ndarray]) -> list[np.ndarray]:
    """Codes of every protein, all unknown for those outside the table."""
    known = dict(zip(where.tolist(), codes, strict=True))
    return [known.get(row, np.full(len(sequence), RESIDUE_UNKNOWN, np.uint8))
            for row, sequence in enumerate(sequences)]
