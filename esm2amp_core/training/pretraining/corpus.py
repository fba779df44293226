"""The sequences that the language model reads."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from esm2amp_core.embed.alphabet import CLS, EOS, VOCABULARY

UNK = VOCABULARY.index("<unk>")
HELD_OUT = ("val", "test")
"""Splits of the interaction benchmark whose proteins, and their 90 % relatives, are never read."""


@dataclass(frozen=True)
class Corpus:
    """Tokenised proteins, end to end.

    Attributes
    ----------
    tokens : ndarray, dtype=uint8, shape=(total,)
        ``<cls> residues <eos>`` of every protein.
    offsets : ndarray, dtype=int64, shape=(N + 1,)
        Protein i lies at ``tokens[offsets[i]:offsets[i + 1]]``.
    weights : ndarray, dtype=float64, shape=(N,)
        How often a residue of it is drawn, relative to others.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per protein: ndarray, dtype=int64, shape=(N,)."""
        return np.diff(self.offsets)

    @classmethod
    def of(cls, sequences: Iterable[str], weights: Sequence[float] | np.ndarray) -> Corpus:
        """Tokenise proteins; weights, one per sequence, as the attribute."""
        parts = [tokenise(sequence) for sequence in sequences]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        return cls(np.concatenate(parts), offsets, np.asarray(weights, float))


def read_index(path: Path, *, favour: tuple[tuple[str, float], ...] = ()) -> pd.DataFrame:
    """Rows of the index that may be read, i.e. without relatives of held-out benchmark proteins.

    Returns
    -------
    DataFrame
        Columns of the file and ``weight``; ``attrs["n_excluded"]`` counts the rows left out.
    """
    index = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    held_out = index["bernett_split"].str.contains("|".join(HELD_OUT))
    kept = index[~held_out].copy()
    kept["weight"] = 1.0
    for prefix, weight in favour:
        kept.loc[kept["source"].str.startswith(prefix), "weight"] = weight
    kept.attrs["n_excluded"] = int(held_out.sum())
    return kept


def tokenise(sequence: str) -> np.ndarray:
    """Ids of ``<cls> residues <eos>``: ndarray, dtype=uint8, shape=(L + 2,)."""
    letters = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)
    return np.concatenate([[CLS], _LETTER_IDS[letters], [EOS]]).astype(np.uint8)


_LETTER_IDS = np.full(256, UNK, dtype=np.uint8)
for _id, _letter in enumerate(VOCABULARY):
    if len(_letter) == 1:
        _LETTER_IDS[ord(_letter)] = _id


def read_sequences(path: Path, wanted: set[str]) -> dict[str, str]:
    """Sequences of the wanted proteins from a FASTA file with one line per sequence."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        names = (line[1:].strip() for line in file)
        return {name: line.strip() for name, line in zip(names, file, strict=False) if name in wanted}


def sequences_of(path: Path, rows: pd.DataFrame) -> list[str]:
    """Sequences of the proteins of `rows`, in their order.

    Raises
    ------
    ValueError
        If a protein of the index has no sequence.
    """
    texts = read_sequences(path, set(rows["protein"]))
    if missing := [name for name in rows["protein"] if name not in texts]:
        raise ValueError(f"{len(missing)} proteins of the index have no sequence, the first is {missing[0]}.")
    return [texts[name] for name in rows["protein"]]
