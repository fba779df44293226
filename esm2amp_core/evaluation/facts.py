"""What a reader has to know of the pairs besides the figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core.evaluation.numbered import NumberedPairs
from esm2amp_core.predictions import Status
from esm2amp_core.same_pairs import Repeats, find_repeats, pair_keys

FEW_PROTEINS = 30
_EXAMPLES = 3


def data_facts(scores: pd.DataFrame, pairs: NumberedPairs) -> dict[str, Any]:
    """Numbers of rows, pairs and proteins."""
    keys, repeats = pair_keys(pairs.indexed.a, pairs.indexed.b), _repeats(pairs)
    facts: dict[str, Any] = {
        "n_rows": len(scores),
        "n_scored": len(pairs.frame),
        "n_left_out": len(scores) - len(pairs.frame),
        "n_positive": int(pairs.indexed.labels.sum()),
        "n_proteins": len(np.union1d(pairs.indexed.a, pairs.indexed.b)),
        "n_repeated": len(repeats.places),
        "n_contradicting": len(repeats.contradictions),
        "classes_from": pairs.seen_from,
    }
    if pairs.train is not None:
        facts |= {"n_train": len(pairs.train),
                  "n_also_in_training": int(np.isin(keys, pair_keys(pairs.train.a, pairs.train.b)).sum())}
    return facts


def _repeats(pairs: NumberedPairs) -> Repeats:
    return find_repeats(pair_keys(pairs.indexed.a, pairs.indexed.b), pairs.indexed.labels)


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
                     "figure; the report lists each with its reason.")
    texts += _repeat_notes(pairs)
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


def _repeat_notes(pairs: NumberedPairs) -> list[str]:
    """Rows that repeat a pair, and pairs that are said both to interact and not to."""
    found, frame, texts = _repeats(pairs), pairs.frame, []
    if n := len(found.places):
        shown = [f"row {row:,}" for row in frame["row"].iloc[found.places[:_EXAMPLES]]]
        texts.append(f"{n:,} {'row repeats' if n == 1 else 'rows repeat'} an earlier pair, by sequence and "
                     f"in either order ({_listed(shown, n)}). Each row counts.")
    if n := len(found.contradictions):
        first = np.sort(found.contradictions[:_EXAMPLES], axis=1).tolist()
        rows, a, b = (frame[name].tolist() for name in ("row", "protein_a", "protein_b"))
        shown = [f"rows {rows[one]:,} and {rows[other]:,}: {a[one]} and {b[one]}" for one, other in first]
        texts.append(f"Contradictory labels: {n:,} {'pair is' if n == 1 else 'pairs are'} labelled both 1 "
                     f"and 0 ({_listed(shown, n)}). One of the two is wrong, and counts against any model: "
                     "keep the right one and evaluate again.")
    return texts


def _listed(shown: list[str], n: int) -> str:
    """The first of `n` things, in words."""
    return "; ".join(shown) + (f"; and {n - len(shown):,} more" if n > len(shown) else "")
