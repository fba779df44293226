"""What a reader has to know of the pairs besides the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core.evaluation.numbered import NumberedPairs, pair_keys
from esm2amp_core.predictions import Status

FEW_PROTEINS = 30


def data_facts(scores: pd.DataFrame, pairs: NumberedPairs) -> dict[str, Any]:
    """Numbers of rows, pairs and proteins."""
    keys = pair_keys(pairs.indexed)
    facts: dict[str, Any] = {
        "n_rows": len(scores),
        "n_scored": len(pairs.frame),
        "n_left_out": len(scores) - len(pairs.frame),
        "n_positive": int(pairs.indexed.labels.sum()),
        "n_proteins": len(np.union1d(pairs.indexed.a, pairs.indexed.b)),
        "n_repeated": len(keys) - len(np.unique(keys)),
        "classes_from": pairs.seen_from,
    }
    if pairs.train is not None:
        facts |= {"n_train": len(pairs.train),
                  "n_also_in_training": int(np.isin(keys, pair_keys(pairs.train)).sum())}
    return facts


def left_out(scores: pd.DataFrame) -> tuple[dict[str, Any], ...]:
    """Rows without a score, each with its reason."""
    rows = scores.loc[scores["status"] == Status.ERROR, ["row", "protein_a", "protein_b", "message"]]
    return tuple(
        {"row": int(row), "protein_a": str(a), "protein_b": str(b), "reason": str(message)}
        for row, a, b, message in rows.itertuples(index=False)
    )


def notes(scores: pd.DataFrame, pairs: NumberedPairs) -> tuple[str, ...]:
    """What a reader has to know to judge the figures."""
    facts, texts = data_facts(scores, pairs), []
    if facts["n_left_out"]:
        texts.append(f"{facts['n_left_out']:,} of {facts['n_rows']:,} rows could not be scored and are in no "
                     "figure; each is listed with its reason.")
    if facts["n_repeated"]:
        texts.append(f"{facts['n_repeated']:,} rows repeat a pair of another row, by sequence; all count.")
    if facts.get("n_also_in_training"):
        texts.append(f"{facts['n_also_in_training']:,} of the scored pairs are also training pairs: the "
                     "model may simply remember them. The figures are too good.")
    if pairs.train is None:
        texts.append("The baselines could not be run: they learn from the model's training pairs, and none "
                     "were given (esm2amp evaluate --train-pairs). So it is not known how much of these "
                     "figures composition, or counting, would reach as well.")
    if pairs.seen is None:
        texts.append("It is not known which proteins the model was trained on, so the pairs could not be "
                     "told apart by how new their proteins are.")
    if facts["n_proteins"] < FEW_PROTEINS:
        texts.append(f"Only {facts['n_proteins']} proteins: intervals from so few are rough and somewhat "
                     "too narrow.")
    return tuple(texts)
