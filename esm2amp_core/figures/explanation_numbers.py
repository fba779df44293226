"""What the pictures of an explanation are drawn of: computed once, for the screen and for paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

STEPS = 10
"""Bars of a waterfall besides those of chosen tokens and the one that sums up all others."""
SPREAD = 0.36
"""How far points of a swarm stand aside at most; rows are 1 apart."""
SIZES_AND_SIGNS = ("how much", "how much, and for or against")
"""What two tables of agreement compare: importance, and values with their signs."""


class Steps(NamedTuple):
    """The way from a base value to an output.

    Attributes
    ----------
    labels : list of str
        From the top; a token's name, or how many others the last bar sums up.
    tokens : list of str
        Empty for the bar of the others.
    starts, values : ndarray
        Where each bar begins and how far it goes.
    """

    labels: list[str]
    tokens: list[str]
    starts: np.ndarray
    values: np.ndarray


def count_steps(
    values: np.ndarray, tokens: Sequence[str], base: float, *, most: int = STEPS, chosen: Sequence[str] = ()
) -> Steps:
    """The largest steps and the chosen ones, largest first, then all others in one.

    Parameters
    ----------
    values : ndarray, shape=(2T,)
    tokens : sequence of str, length=2T
    base : float
    most : int
        Of the largest steps are shown one by one.
    chosen : sequence of str
        Tokens that are shown one by one in any case.
    """
    order = np.argsort(-np.abs(values), kind="stable")
    alone = np.array([place < most or tokens[i] in chosen for place, i in enumerate(order)], dtype=bool)
    if (~alone).sum() == 1:  # it takes as much room under its own name
        alone[:] = True
    first, others = order[alone], order[~alone]
    names = [tokens[i] for i in first]
    sizes = [float(values[i]) for i in first]
    labels = list(names)
    if len(others):
        labels.append(f"{len(others)} others")
        names.append("")
        sizes.append(float(values[others].sum()))
    sizes = np.array(sizes)
    starts = base + np.concatenate([[0.0], np.cumsum(sizes)[:-1]])
    return Steps(labels, names, starts, sizes)


def colour_range(values: np.ndarray, *, signed: bool) -> tuple[float, float]:
    """Between which values colours run: from 0 to the largest, or as far on both sides of 0."""
    known = np.abs(values[np.isfinite(values)])
    largest = float(known.max(initial=0)) or 1.0
    return (-largest if signed else 0.0), largest


def spread(values: np.ndarray, *, bins: int = 40) -> np.ndarray:
    """How far each point steps aside for those of about the same value: shape=(N,), within `SPREAD`.

    Points without a value stay where they are.
    """
    aside = np.zeros(len(values))
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return aside
    low, width = values[known].min(), float(np.ptp(values[known]))
    which = np.zeros(len(known), int) if not width else ((values[known] - low) / width * bins).astype(int)
    most = np.bincount(which).max()
    for one in np.unique(which):
        at = known[which == one]
        aside[at] = (np.arange(len(at)) - (len(at) - 1) / 2) / most
    return 2 * SPREAD * aside


class ControlCounts(NamedTuple):
    """Controls per interval of probability.

    Attributes
    ----------
    edges : ndarray, shape=(n + 1,)
        Around every control; one of them is the pair's own probability, so that each interval lies on one
        side of it.
    counts : dict of str to ndarray, shape=(n,)
        By kind of control.
    """

    edges: np.ndarray
    counts: dict[str, np.ndarray]


def count_controls(nulls: Mapping[str, np.ndarray], own: float, *, bins: int = 24) -> ControlCounts:
    """Count each kind's probabilities, which may be none or NaN, in the same intervals."""
    known = {kind: values[np.isfinite(values)] for kind, values in nulls.items()}
    every = np.concatenate([*known.values(), [own] if np.isfinite(own) else []])
    if not len(every):
        every = np.array([0.0, 1.0])
    room = 0.04 * (float(np.ptp(every)) or 0.1)
    low, high = max(0.0, every.min() - room), min(1.0, every.max() + room)
    edges = np.linspace(low, high, bins + 1)
    if np.isfinite(own):
        width = (high - low) / bins
        below, above = np.ceil((own - low) / width), np.ceil((high - own) / width)
        # Where the pair itself is at 1, what is as high still needs an interval that begins there.
        edges = np.clip(own + width * np.arange(-below, max(above, 1) + 1), low, high if above else None)
    return ControlCounts(edges, {kind: np.histogram(values, edges)[0] for kind, values in known.items()})
