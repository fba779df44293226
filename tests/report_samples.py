"""Labelled pairs with scores, and the report that they give, without a model."""

import numpy as np
import pandas as pd

from esm2amp_core.evaluation.evaluating import Evaluation, Known, Settings, evaluate
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import RESULT_COLUMNS
from esm2amp_core.sequences import Protein

LETTERS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))


def make_proteins(n, *, seed=0, prefix="P"):
    """Proteins of 20 to 60 residues whose content of the letter K differs."""
    random = np.random.default_rng(seed)
    proteins = {}
    for number in range(n):
        share = np.full(20, 1.0)
        share[8] = random.uniform(0, 8)
        letters = random.choice(LETTERS, random.integers(20, 60), p=share / share.sum())
        proteins[f"{prefix}{number:03}"] = Protein(f"{prefix}{number:03}", "".join(letters))
    return proteins


def make_pairs(proteins, n_rows, *, seed=0, label=None):
    """Labelled pairs; a pair interacts if both proteins are rich in K, or as `label(a, b)` says."""
    random = np.random.default_rng(seed)
    names = list(proteins)
    rich = {name: proteins[name].sequence.count("K") / len(proteins[name].sequence) > 0.17 for name in names}
    rows = []
    for row in range(1, n_rows + 1):
        a, b = random.choice(names, 2, replace=False)
        rows.append((row, a, b, int(label(a, b) if label else rich[a] == rich[b])))
    frame = pd.DataFrame(rows, columns=["row", "protein_a", "protein_b", "label"])
    return PairTable(frame, proteins)


def make_scores(pairs, *, seed=0, strength=1.0, n_errors=0):
    """Predictions that know the labels, more or less; the last rows are errors."""
    random = np.random.default_rng(seed)
    frame = pairs.frame
    logits = strength * (2 * frame["label"] - 1) + random.normal(size=len(frame))
    probability = 1 / (1 + np.exp(-logits.to_numpy()))
    bad = np.arange(len(frame)) >= len(frame) - n_errors
    probability[bad] = np.nan
    scores = frame[["row", "protein_a", "protein_b"]].assign(
        probability=probability, logit=np.where(bad, np.nan, logits),
        interacts=pd.array(probability >= 0.5, dtype="boolean"), status=np.where(bad, "error", "ok"),
        message=np.where(bad, "The sequence is too long.", ""),
    )  # fmt: skip
    return scores[list(RESULT_COLUMNS)].assign(label=frame["label"])


def make_evaluation(*, n_rows=200, train=None, title="Sample", n_resamples=100, **scores) -> Evaluation:
    """A whole evaluation of made-up predictions."""
    proteins = make_proteins(40)
    pairs = make_pairs(proteins, n_rows)
    return evaluate(
        make_scores(pairs, **scores), proteins, threshold=0.5, title=title,
        model={"name": "sample", "title": "A sample", "digest": "0" * 64}, data={"pairs_file": "pairs.tsv"},
        known=Known(pairs=train), settings=Settings(n_resamples=n_resamples),
    )  # fmt: skip
