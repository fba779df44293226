"""Scored pairs and training pairs over one list of proteins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.errors import PairError
from esm2amp_core.evaluation.baselines import IndexedPairs
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import Status
from esm2amp_core.reference import TrainingReference
from esm2amp_core.sequences import Protein

LABEL = "label"


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the model's training.

    Attributes
    ----------
    pairs : PairTable or None
        Labelled training pairs: the baselines learn from them.
    reference : TrainingReference or None
        The training proteins stored with the bundle.
    """

    pairs: PairTable | None = None
    reference: TrainingReference | None = None


@dataclass(frozen=True, kw_only=True)
class NumberedPairs:
    """Scored pairs by the numbers of their proteins; equal chains are one protein, whatever their names.

    Attributes
    ----------
    frame : DataFrame, length=N
        The rows that have a score.
    proteins : list of Protein, length=n
        Those of the scored and of the training pairs.
    indexed : IndexedPairs, length=N
    train : IndexedPairs or None
    seen : ndarray, dtype=bool, shape=(n,), or None
        Which proteins were trained on, where that is known.
    seen_from : str
        How it is known.
    """

    frame: pd.DataFrame
    proteins: list[Protein]
    indexed: IndexedPairs
    train: IndexedPairs | None
    seen: np.ndarray | None
    seen_from: str = ""


def number_pairs(scores: pd.DataFrame, proteins: Mapping[str, Protein], known: Known) -> NumberedPairs:
    """Number the proteins of predictions, and of what is known of the model's training.

    Raises
    ------
    PairError
        If no row was scored, or the scored rows or the training pairs have one label only.
    """
    frame = scores[scores["status"] != Status.ERROR].reset_index(drop=True)
    if frame.empty:
        raise PairError("No row could be scored, so nothing can be measured.",
                        hint="The message of each row says why.")
    labels = frame[LABEL].to_numpy(int)
    if len(np.unique(labels)) != 2:
        only = "interact" if labels[0] else "do not interact"
        raise PairError(f"All {len(frame):,} pairs that could be scored {only}.",
                        hint="Measuring needs pairs of both labels, 1 and 0.")
    numbers: dict[str, int] = {}
    listed: list[Protein] = []

    def number_of(protein: Protein) -> int:
        if protein.digest not in numbers:
            numbers[protein.digest] = len(listed)
            listed.append(protein)
        return numbers[protein.digest]

    def index(table: pd.DataFrame, known_proteins: Mapping[str, Protein]) -> IndexedPairs:
        of_name = {name: number_of(known_proteins[name])
                   for name in pd.unique(table[["protein_a", "protein_b"]].to_numpy().ravel())}  # fmt: skip
        a, b = (table[side].map(of_name).to_numpy(np.int64) for side in ("protein_a", "protein_b"))
        return IndexedPairs(a, b, table[LABEL].to_numpy(int))

    indexed, train, seen, seen_from = index(frame, proteins), None, None, ""
    if known.pairs is not None:
        table, given = known.pairs.frame, known.pairs.proteins
        usable = table["protein_a"].isin(given) & table["protein_b"].isin(given)
        train = index(table[usable], given)
        if len(np.unique(train.labels)) != 2:
            raise PairError("The training pairs with sequences do not have both labels.",
                            hint="Give the pairs the model was trained on, and their sequences.")
    if known.reference is not None:
        seen = np.array([known.reference.seen(protein) for protein in listed])
        seen_from = "the list of training proteins stored with the model"
    elif train is not None:
        seen = np.isin(np.arange(len(listed)), np.concatenate([train.a, train.b]))
        seen_from = "the training pairs given"
    return NumberedPairs(frame=frame, proteins=listed, indexed=indexed, train=train, seen=seen,
                         seen_from=seen_from)
