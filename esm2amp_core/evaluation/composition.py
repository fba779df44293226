"""What a protein is made of, without order beyond neighbours: features of the baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esm2amp_core.sequences import Protein

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
N_FEATURES = 1 + 20 + 400
_NUMBER = np.full(256, 20, dtype=np.int64)
_NUMBER[np.frombuffer(AMINO_ACIDS.encode(), dtype=np.uint8)] = np.arange(20)


def composition(proteins: Sequence[Protein]) -> np.ndarray:
    """Length and composition of each protein.

    Returns
    -------
    ndarray, dtype=float32, shape=(n, 421)
        Logarithm of the length; share of each of the 20 amino acids; share of each of the 400 pairs of
        neighbours, first letter slowest, alphabetically. Other letters count in the length alone.
    """
    values = np.zeros((len(proteins), N_FEATURES), dtype=np.float32)
    for row, protein in zip(values, proteins, strict=True):
        numbers = _NUMBER[np.frombuffer(protein.sequence.encode("ascii"), dtype=np.uint8)]
        pairs = np.bincount(numbers[:-1] * 21 + numbers[1:], minlength=441).reshape(21, 21)[:20, :20]
        row[0] = np.log(len(numbers))
        row[1:21] = np.bincount(numbers, minlength=21)[:20] / len(numbers)
        row[21:] = pairs.ravel() / max(len(numbers) - 1, 1)
    return values
