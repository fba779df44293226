"""Empirical p-values, and what they are worth where several are looked at side by side."""

from __future__ import annotations

import numpy as np

SIGNIFICANT = 0.05


def empirical_p(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Share of null values (..., R) that reach each of the values (..., V), one added to both counts.

    Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 2010;9:39, doi 10.2202/1544-6115.1585: a p-value from
    draws is never 0.
    """
    reached = (null[..., None, :] >= values[..., :, None]).sum(axis=-1)
    return (1 + reached) / (1 + null.shape[-1])


def holm(p_values: np.ndarray) -> np.ndarray:
    """P-values corrected for how many stand side by side along the last axis; NaN stays, and is not counted.

    Holm, Scand. J. Stat. 1979;6:65: the chance that any of them is below a level by chance alone is at most
    that level, whatever the tests have to do with each other. Never below the p-value itself.
    """
    order = np.argsort(p_values, axis=-1)  # NaN come last
    n_tests = np.isfinite(p_values).sum(axis=-1, keepdims=True)
    times = np.maximum(n_tests - np.arange(p_values.shape[-1]), 1)
    stepped = np.maximum.accumulate(np.take_along_axis(p_values, order, axis=-1) * times, axis=-1)
    corrected = np.empty_like(p_values)
    np.put_along_axis(corrected, order, np.minimum(stepped, 1), axis=-1)
    return corrected


def fewest_draws(n_tests: int) -> int:
    """From how many null values on the best of so many tests can be significant after `holm`."""
    return int(np.ceil(n_tests / SIGNIFICANT)) - 1
