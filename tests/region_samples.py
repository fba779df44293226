"""Hand-made proteins, regions and importances whose answers are known."""

import numpy as np
import pandas as pd

from esm2amp_core.annotations.region import TABLE, Annotations, Region
from esm2amp_core.explanation_files import TOKEN_COLUMNS
from esm2amp_core.features import SEGMENTS, segment_bounds
from esm2amp_core.regions.selection import LOW, TOP, Selection


def make_annotations(*regions, source=TABLE, **lengths):
    """Annotations from (protein, type, start, end), and lengths of proteins that the source states."""
    return Annotations(tuple(Region(*region) for region in regions), source, lengths)


def token_frame(pairs, lengths, importance):
    """METHOD.csv of pairs of proteins: importance(row, side, segment) is the magnitude of each segment."""
    rows = []
    for row, proteins in enumerate(pairs, start=1):
        for side, protein in enumerate(proteins):
            bounds = segment_bounds(lengths[protein])
            for i, segment in enumerate(SEGMENTS):
                value = importance(row, side, i)
                rows.append((row, *proteins, f"{'AB'[side]}.{segment}", protein, bounds[i] + 1, bounds[i + 1],
                             -value, value))
    return pd.DataFrame(rows, columns=list(TOKEN_COLUMNS))


def residue_frame(pairs, lengths, importance):
    """The same for single residues."""
    rows = [
        (row, *proteins, f"{'AB'[side]}.residue{i}", protein, i, i, -importance(row, side, i),
         importance(row, side, i))
        for row, proteins in enumerate(pairs, start=1) for side, protein in enumerate(proteins)
        for i in range(1, lengths[protein] + 1)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(TOKEN_COLUMNS))


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
