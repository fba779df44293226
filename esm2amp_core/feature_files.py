"""Pooled features as files that other programs read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from esm2amp_core.features import POOLED_TOKENS, SEGMENTS, ProteinFeatures
from esm2amp_core.files.whole_file import known_suffix, whole_file, why_unwritable
from esm2amp_core.sequences import Protein

SUFFIXES = (".npz", ".h5")


def check_suffix(path: Path) -> None:
    """Refuse a file name whose ending says no known format.

    Raises
    ------
    UserError
        With the known endings.
    """
    known_suffix(path, SUFFIXES, "features")


def write_features(proteins: Sequence[Protein], features: ProteinFeatures, path: Path) -> None:
    """Write one entry per protein, in the order given, whole or not at all.

    Parameters
    ----------
    proteins : sequence of Protein, length=N
        Each with features; ids may repeat.
    features : ProteinFeatures
    path : Path
        ``.npz``: arrays ids (N,), cls, eos, mean (N, D), segments (N, 10, D), float32.
        ``.h5``: the table of the ESM2_AMP scripts, key "df": Entry, ESM2_cls0 ..., ESM2_eos0 ...,
        ESM2_mean0 ..., ESM2_segment0_mean0 ...

    Raises
    ------
    UserError
        If the format is unknown, or the file cannot be written.
    """
    write = _write_npz if known_suffix(path, SUFFIXES, "features") == ".npz" else _write_h5
    rows = features.rows()
    values = features.values[[rows[protein.digest] for protein in proteins]]
    ids = [protein.id for protein in proteins]
    with whole_file(path) as part:
        write(ids, values, part)


def _write_npz(ids: list[str], values: np.ndarray, path: Path) -> None:
    """Values (N, 13, D) as one array per kind of token."""
    single = {token: values[:, POOLED_TOKENS.index(token)] for token in ("cls", "eos", "mean")}
    segments = values[:, [POOLED_TOKENS.index(token) for token in SEGMENTS]]
    np.savez(path, ids=np.array(ids, dtype=str), **single, segments=segments)


def _write_h5(ids: list[str], values: np.ndarray, path: Path) -> None:
    """Values (N, 13, D) as the wide table of the published scripts."""
    from tables import HDF5ExtError

    # The published names: ESM2_cls0, but ESM2_segment0_mean0.
    names = [f"ESM2_{token}_mean" if token in SEGMENTS else f"ESM2_{token}" for token in POOLED_TOKENS]
    columns = [f"{name}{i}" for name in names for i in range(values.shape[2])]
    table = pd.DataFrame(values.reshape(len(ids), -1), columns=columns)
    table.insert(0, "Entry", pd.Series(ids, dtype=object))
    table.columns = table.columns.astype(object)
    try:
        table.to_hdf(path, key="df", mode="w")
    except HDF5ExtError as error:  # of a full disk, too: the library's own word does not tell
        raise OSError(why_unwritable(path.parent, str(error))) from None
