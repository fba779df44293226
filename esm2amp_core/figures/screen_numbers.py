"""What pictures and tables of a screen share: which proteins are sticky, and the bars of its histogram."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from esm2amp_core.screen_files import BY_REFERENCE

STICKY_DISTANCE = 2.0
"""Spreads above the usual from which a protein's own average counts as unusually high."""
FEWEST_PROTEINS = 20
"""Fewer proteins of a role do not tell what is usual among them."""
NORMAL_MAD = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


def find_sticky(proteins: pd.DataFrame, fewest_partners: int) -> pd.Series:
    """Proteins that score high whatever they are paired with.

    A protein's mean logit is compared with those of the proteins that met the same partners: the baits met
    the library, the library the baits, or both the same reference proteins. Median and median absolute
    deviation stand for the usual and its spread, so that the sticky ones do not decide what is usual.

    Parameters
    ----------
    proteins : DataFrame
        `screen_files.PROTEIN_COLUMNS`.
    fewest_partners : int
        A mean over fewer, be they partners or reference proteins, is not judged.

    Returns
    -------
    Series, dtype=bool
        By protein; False also where it cannot be told.
    """
    judged = proteins[proteins["n_background"] >= fewest_partners]
    by_role = judged.groupby("role")["mean_logit"]
    usual = by_role.transform("median")
    spread = NORMAL_MAD * (judged["mean_logit"] - usual).abs().groupby(judged["role"]).transform("median")
    distance = (judged["mean_logit"] - usual) / spread.where(spread > 0)
    high = (distance >= STICKY_DISTANCE) & (by_role.transform("size") >= FEWEST_PROTEINS)
    return high.reindex(proteins.index, fill_value=False).set_axis(proteins["protein"])


def find_baits(proteins: pd.DataFrame) -> pd.Series:
    """Baits, also those that are in the library; nobody where every protein meets every other one.

    Parameters
    ----------
    proteins : DataFrame
        `screen_files.PROTEIN_COLUMNS`, all of a screen.

    Returns
    -------
    Series, dtype=bool
        By protein.
    """
    role = proteins["role"]
    is_bait = (role != "library") & bool((role != "bait and library").any())
    return is_bait.set_axis(proteins["protein"])


def met(protein: Mapping[str, Any]) -> str:
    """With whom the scores behind a protein's mean are, in words: ``100 reference proteins``."""
    kind = "reference proteins" if protein["background"] == BY_REFERENCE else "partners"
    return f"{protein['n_background']:,.0f} {kind}"


class ScoreBars(NamedTuple):
    """Bars of a histogram.

    Attributes
    ----------
    left, right : ndarray, dtype=float64, shape=(n,)
        Probabilities.
    pairs : ndarray, dtype=int64, shape=(n,)
    """

    left: np.ndarray
    right: np.ndarray
    pairs: np.ndarray


def score_bars(histogram: pd.DataFrame, per_bar: int = 2) -> ScoreBars:
    """The counts of a screen, so many neighbouring intervals in a bar.

    Parameters
    ----------
    histogram : DataFrame
        `screen_files.HISTOGRAM_COLUMNS`.
    per_bar : int
    """
    starts = np.arange(0, len(histogram), per_bar)
    left, right = histogram["from"].to_numpy(float), histogram["to"].to_numpy(float)
    pairs = np.add.reduceat(histogram["pairs"].to_numpy(np.int64), starts)
    return ScoreBars(left[starts], right[np.minimum(starts + per_bar, len(histogram)) - 1], pairs)
