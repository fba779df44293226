"""Empirical p-values, and what they are worth where several are looked at side by side."""

from __future__ import annotations

import numpy as np


def empirical_p(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Share of null values (..., R) that reach each of the values (..., V), one added to both counts.

    Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 2010;9:39, doi 10.2202/1544-6115.1585: a p-value from
    draws is never 0.
    """
    reached = (null[..., None, :] >= values[..., :, None]).sum(axis=-1)
    return (1 + reached) / (1 + null.shape[-1])
