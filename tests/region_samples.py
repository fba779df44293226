"""Hand-made proteins, regions and importances whose answers are known."""

import numpy as np
import pandas as pd

from esm2amp_core import explanation_files
from esm2amp_core.annotations.region import TABLE, Annotations, Region
from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.regions.selection import LOW, TOP, Selection


def make_annotations(*regions, source=TABLE, **lengths):
    """Annotations from (protein, type, start, end), and lengths of proteins that the source states."""
    stated = {protein: {length: 1} for protein, length in lengths.items()}
    return Annotations(tuple(Region(*region) for region in regions), source, stated)


def token_frame(pairs, lengths, importance):
    """METHOD.csv as it is written; importance(row, side, segment) is a magnitude, its negative the value."""
    rows = np.arange(1, len(pairs) + 1)
    tokens = FEATURE_SETS["segments"].pair_tokens
    magnitude = np.array([[importance(row, *divmod(i, 10)) for i in range(20)] for row in rows], float)
    axes = (Axis("pairs", tuple(rows.tolist())), Axis("tokens", tokens))
    explanation = Explanation("attention", -magnitude, axes, -magnitude, magnitude)
    return explanation_files.token_frame(explanation, _pair_frame(pairs, lengths), tokens)


def residue_frame(pairs, lengths, importance):
    """The same for single residues, as residue_gradients.csv has them."""
    places = [(row, "AB"[side], i) for row, proteins in enumerate(pairs, start=1)
              for side, protein in enumerate(proteins) for i in range(1, lengths[protein] + 1)]
    magnitude = np.array([importance(row, "AB".index(side), i) for row, side, i in places], float)
    names = ("row_of_residue", "protein_of_residue", "position_of_residue")
    arrays = {name: np.array(column) for name, column in zip(names, zip(*places, strict=True), strict=True)}
    none = np.zeros((len(pairs), 20))
    explanation = Explanation("residue_gradients", -magnitude, (Axis("residues", tuple(range(len(places)))),),
                              none, none, arrays=arrays | {"magnitude_of_residue": magnitude})
    return explanation_files.token_frame(explanation, _pair_frame(pairs, lengths), ())


def _pair_frame(pairs, lengths):
    frame = pd.DataFrame(pairs, columns=["protein_a", "protein_b"])
    frame.insert(0, "row", np.arange(1, len(pairs) + 1))
    return frame.assign(**{f"length_{side}": frame[f"protein_{side}"].map(lengths) for side in "ab"})


def random_selections(random, n_pairs, n_proteins, k=3):
    """Top and low segments of random pairs of different proteins, and the proteins of each pair."""
    both = np.array([random.choice(n_proteins, 2, replace=False) for _ in range(n_pairs)])
    drawn = np.array([random.choice(20, 2 * k, replace=False) for _ in range(n_pairs)])
    selections = []
    for name, part in ((TOP, drawn[:, :k]), (LOW, drawn[:, k:])):
        side, unit = np.divmod(part.ravel(), 10)
        pair = np.repeat(np.arange(n_pairs), k)
        selections.append(Selection(name, n_pairs, pair, np.tile(np.arange(1, k + 1), n_pairs), side,
                                    both[pair, side], unit, np.full(len(pair), np.nan)))
    return selections, both
