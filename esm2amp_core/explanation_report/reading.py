"""What page and report read from an explanation's folder: one pair, groups of pairs, tests."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from esm2amp_core.errors import JobError
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_tests.arrays import Arrays
from esm2amp_core.explanation_tests.faithfulness import Faithfulness
from esm2amp_core.figures.explanation_pair import PairTokens

Test = TypeVar("Test", bound=Arrays)
ALL, INTERACTING, NOT_INTERACTING = "all", "interacting", "not-interacting"
GROUPS = {ALL: "All pairs", INTERACTING: "Called interacting", NOT_INTERACTING: "Not called interacting"}


def groups_of(folder: ExplanationFolder) -> dict[str, list[int]]:
    """Positions in `folder.pairs` of each group that has any, by the keys of `GROUPS`."""
    called = folder.pairs["interacts"].fillna(False).to_numpy(dtype=bool)
    members = {ALL: np.ones_like(called), INTERACTING: called, NOT_INTERACTING: ~called}
    return {name: np.flatnonzero(which).tolist() for name, which in members.items() if which.any()}


def position_of(folder: ExplanationFolder, row: int) -> int:
    """Where a row stands in `folder.pairs`.

    Raises
    ------
    ValueError
        If it was not explained.
    """
    return folder.pairs["row"].tolist().index(row)


def pair_of(folder: ExplanationFolder, position: int) -> PairTokens:
    """Tokens of the pair at a position of `folder.pairs`, with names and lengths."""
    pair = folder.pairs.iloc[position]
    names = (str(pair["protein_a"]), str(pair["protein_b"]))
    return PairTokens(folder.tokens, names, (int(pair["length_a"]), int(pair["length_b"])))


def read_test(folder: ExplanationFolder, kind: type[Test]) -> Test | None:
    """A test of the explanations, from the file that bears its name; None where it was not made.

    Raises
    ------
    JobError
        If the file is damaged.
    """
    name = kind.__name__.lower()
    if not folder.has(name):
        return None
    try:
        return kind.from_arrays(folder.arrays(name))
    except (KeyError, ValueError, TypeError) as error:
        raise JobError(f"{name}.npz of the explanation is damaged.",
                       hint="Explain the pairs again.") from error


def tested_at(rows: np.ndarray, row: int | None) -> int | None:
    """Where a row stands among the tested ones; None where it was not tested, or all are meant (None)."""
    return rows.tolist().index(row) if row in rows.tolist() else None


def no_better_than_random(folder: ExplanationFolder, row: int | None) -> list[str]:
    """Methods that tell nothing of a pair, or of all pairs (None), as far as that was tested."""
    found = read_test(folder, Faithfulness)
    at = None if found is None else tested_at(found.rows, row)
    if found is None or (at is None and row is not None):
        return []
    better = found.better_on_average if at is None else found.better_than_random[at]
    return [method for method, good in zip(found.methods, better, strict=True) if not good]
