"""The numbers of a picture as a table, to be kept as CSV."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from esm2amp_core.explanations import Explanation
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_parts import residue_values


def token_table(parts: Mapping[str, Explanation], pair: PairTokens) -> pd.DataFrame:
    """One line per token: protein, residues (inclusive, from 1), and each method's value and magnitude."""
    ranges = [pair.residues(token) or (pd.NA, pd.NA) for token in pair.tokens]
    frame = pd.DataFrame({
        "token": pair.tokens, "protein": [pair.name(token) for token in pair.tokens],
        "start": pd.array([start for start, _ in ranges], dtype="Int64"),
        "end": pd.array([end for _, end in ranges], dtype="Int64"),
    })  # fmt: skip
    for method, part in parts.items():
        frame[f"{method}_value"], frame[f"{method}_magnitude"] = part.value[0], part.magnitude[0]
    return frame


def matrix_table(matrix: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """A square matrix with its names."""
    frame = pd.DataFrame(matrix, columns=list(names))
    frame.insert(0, "token", list(names))
    return frame


def swarm_table(values: np.ndarray, pairs: pd.DataFrame, tokens: tuple[str, ...]) -> pd.DataFrame:
    """One line per pair, with a method's value for each token."""
    about = pairs[["row", "protein_a", "protein_b", "probability", "interacts"]].reset_index(drop=True)
    return pd.concat([about, pd.DataFrame(values, columns=list(tokens))], axis=1)


def residue_table(part: Explanation, pair: PairTokens, sequences: tuple[str, str]) -> pd.DataFrame:
    """One line per residue of both proteins."""
    frames = []
    for side, name, sequence in zip("AB", pair.names, sequences, strict=True):
        values = residue_values(part, side)
        if values is not None:
            frames.append(pd.DataFrame({"side": side, "protein": name, "residue": list(sequence),
                                        "position": range(1, len(sequence) + 1), "value": values}))
    return pd.concat(frames, ignore_index=True)
