"""The units that matter most and least in each pair of a job."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.regions.selection import Selection
from esm2amp_core.regions.units import Units


@dataclass(frozen=True)
class ImportantUnits:
    """Top and low units of N pairs.

    Attributes
    ----------
    pairs : DataFrame, one line per pair
        ``row``, ``protein_a``, ``protein_b``, and every other column of the file that is the same in all
        lines of a pair.
    units : Units
    top, low : Selection
    ties : ndarray, dtype=bool, shape=(N,)
        Pairs in which equal importances had to be told apart by their order in the chains.
    """

    pairs: pd.DataFrame
    units: Units
    top: Selection
    low: Selection
    ties: np.ndarray

    @property
    def proteins(self) -> np.ndarray:
        """Numbers of the two proteins of each pair in `units`: ndarray, dtype=int64, shape=(N, 2)."""
        number = {name: i for i, name in enumerate(self.units.names)}
        return np.column_stack([self.pairs[f"protein_{side}"].map(number) for side in "ab"])
