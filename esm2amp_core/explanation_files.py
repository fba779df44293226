"""The folder that an explanation becomes, and how it is read.

``summary.json`` tells the model, the settings and what each method checked; ``pairs.parquet`` the pairs, as
``pairs.csv`` does for people; ``METHOD.npz`` and ``METHOD.csv`` hold the numbers, ``faithfulness.npz`` and
its like the tests of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.features import token_stretch
from esm2amp_core.files.npz import read_npz
from esm2amp_core.files.result_folder import SUMMARY as SUMMARY
from esm2amp_core.files.result_folder import ResultFormat
from esm2amp_core.sequences import residue_range

FORMAT = 1
PAIRS, PAIRS_TABLE = "pairs.parquet", "pairs.csv"
PAIR_COLUMNS = ("row", "protein_a", "protein_b", "length_a", "length_b", "logit", "probability",
                "interacts")
TOKEN_COLUMNS = ("row", "protein_a", "protein_b", "token", "protein", "start", "end", "value", "magnitude")
_FORMAT = ResultFormat("explanation", FORMAT, "Explain the pairs again.", {
    "tokens": list, "methods": dict, "unavailable": dict, "model": dict, "settings": dict, "versions": dict,
    "left_out": list,
})  # fmt: skip


@dataclass(frozen=True)
class ExplanationFolder:
    """An explanation on disk; each part is read when asked for."""

    folder: Path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Model, settings, methods with their checks, methods left out with their reasons.

        Raises
        ------
        JobError
            If it cannot be read, or a newer program wrote it.
        """
        summary = _FORMAT.read_summary(self.folder)
        if not all(isinstance(token, str) for token in summary["tokens"]):
            raise _FORMAT.damaged(self.folder / SUMMARY)
        return summary

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """One line per explained pair: `PAIR_COLUMNS`."""
        path = self.folder / PAIRS
        try:
            return pd.read_parquet(path, columns=list(PAIR_COLUMNS))
        except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
            raise _FORMAT.damaged(path) from error

    @property
    def tokens(self) -> tuple[str, ...]:
        """Names of a pair's tokens."""
        return tuple(self.summary["tokens"])

    @property
    def methods(self) -> list[str]:
        """Methods that have numbers here, in the order in which people see them."""
        return [method for method in METHODS if method in self.summary["methods"]]

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Contents of ``NAME.npz``.

        Raises
        ------
        JobError
            If there is no such file, or it cannot be read.
        """
        path = self.folder / f"{name}.npz"
        try:
            return read_npz(path)
        except ValueError as error:
            raise _FORMAT.damaged(path) from error

    def has(self, name: str) -> bool:
        """True where ``NAME.npz`` was written."""
        return (self.folder / f"{name}.npz").is_file()

    def explanation(self, method: str) -> Explanation:
        """What one method says.

        Raises
        ------
        JobError
            If it cannot be read.
        """
        try:
            return Explanation.from_arrays(method, self.arrays(method))
        except (KeyError, ValueError, TypeError) as error:
            raise _FORMAT.damaged(self.folder / f"{method}.npz") from error


def token_frame(explanation: Explanation, pairs: pd.DataFrame, tokens: Sequence[str]) -> pd.DataFrame:
    """One line per pair and token: `TOKEN_COLUMNS`; start and end are inclusive, from 1.

    Parameters
    ----------
    explanation : Explanation
    pairs : DataFrame
        `PAIR_COLUMNS`, in the order of the explanation's pairs.
    tokens : sequence of str, length=2T
    """
    if "residues" in {axis.name for axis in explanation.axes}:
        return _residue_frame(explanation, pairs)
    N, T = len(pairs), len(tokens)
    frame = pairs.loc[pairs.index.repeat(T), ["row", "protein_a", "protein_b"]].reset_index(drop=True)
    sides = [token.partition(".")[0].lower() for token in tokens]
    frame["token"] = np.tile(np.array(tokens, dtype=object), N)
    frame["protein"] = np.column_stack([pairs[f"protein_{side}"] for side in sides]).ravel()
    ranges = [
        token_range(token, length)
        for lengths in zip(pairs["length_a"], pairs["length_b"], strict=True)
        for token, length in ((token, lengths["ab".index(side)])
                              for token, side in zip(tokens, sides, strict=True))
    ]
    for position, name in enumerate(("start", "end")):
        ends = [None if found is None else found[position] for found in ranges]
        frame[name] = pd.array(ends, dtype="Int64")
    frame["value"], frame["magnitude"] = explanation.value.ravel(), explanation.magnitude.ravel()
    return frame[list(TOKEN_COLUMNS)]


def token_range(token: str, length: int) -> tuple[int, int] | None:
    """First and last residue, inclusive from 1, that ``A.segment3`` stands for in a chain of this length."""
    stretch = token_stretch(token.partition(".")[2], int(length))
    return None if stretch is None else residue_range(*stretch)


def _residue_frame(explanation: Explanation, pairs: pd.DataFrame) -> pd.DataFrame:
    """One line per residue; columns as in `TOKEN_COLUMNS`."""
    of = explanation.arrays
    by_row = pairs.set_index("row")
    rows, sides, positions = of["row_of_residue"], of["protein_of_residue"], of["position_of_residue"]
    frame = by_row.loc[rows, ["protein_a", "protein_b"]].reset_index()
    frame["token"] = [f"{side}.residue{position}" for side, position in zip(sides, positions, strict=True)]
    frame["protein"] = np.where(sides == "A", frame["protein_a"], frame["protein_b"])
    frame["start"] = frame["end"] = positions
    frame["value"], frame["magnitude"] = explanation.values, of["magnitude_of_residue"]
    return frame[list(TOKEN_COLUMNS)]
