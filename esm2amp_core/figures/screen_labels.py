"""On which side of its node a name is written, and which names are not: those that would lie on others."""

from __future__ import annotations

import numpy as np

WIDTH, HEIGHT = 690, 530
"""Pixels over which nodes are spread: what a window of 1,000 leaves. A larger one puts more between them."""
LETTER, LINE = 6.8, 14
"""Pixels of a letter and of a line of the names."""
SIDES = {"top center": (0, 1), "bottom center": (0, -1), "middle right": (1, 0), "middle left": (-1, 0)}
"""Plotly's words for where a name stands, and the direction from the node."""


def choose_sides(
    places: np.ndarray, ends: np.ndarray, n_letters: np.ndarray, sizes: np.ndarray, order: np.ndarray,
    n_certain: int,
) -> np.ndarray:  # fmt: skip
    """A side for each name so that no two overlap; each stands rather where its node has no edges.

    Parameters
    ----------
    places : ndarray, shape=(N, 2)
        Of the nodes; stretched to the picture's width and height.
    ends : ndarray, dtype=int, shape=(M, 2)
        Of each edge, numbers of nodes.
    n_letters : ndarray, dtype=int, shape=(N,)
    sizes : ndarray, shape=(N,)
        Diameters of the nodes in pixels.
    order : ndarray, dtype=int
        Nodes to be named; the first ones have the choice.
    n_certain : int
        So many of the first are named although a node lies below, if no other name does.

    Returns
    -------
    ndarray, dtype=object, shape=(N,)
        A key of `SIDES`; empty for a name that is not written.
    """
    extent = np.ptp(places, axis=0)
    at = (places - places.min(0)) / np.where(extent > 0, extent, 1) * (WIDTH, HEIGHT)
    away = _away_from_neighbours(at, ends)
    half = np.column_stack([sizes, sizes]) / 2
    written = np.empty((0, 2)), np.empty((0, 2))
    sides = np.full(len(places), "", dtype=object)
    for rank, node in enumerate(order):
        size = np.array([n_letters[node] * LETTER, LINE]) / 2
        free = []
        for side, direction in SIDES.items():
            middle = at[node] + np.array(direction) * (half[node] + size)
            if _overlaps(middle, size, *written).any():
                continue
            n_below = np.delete(_overlaps(middle, size, at, half), node).sum()
            if not n_below or rank < n_certain:
                free.append((n_below, -away[node] @ direction, side, middle))
        if free:
            *_, sides[node], middle = min(free, key=lambda found: found[:2])
            written = np.vstack([written[0], middle]), np.vstack([written[1], size])
    return sides


def _away_from_neighbours(at: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Of each node, the direction opposite to the mean of its edges' directions."""
    along = at[ends[:, 1]] - at[ends[:, 0]]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    away = np.zeros_like(at)
    np.add.at(away, ends[:, 0], -along)
    np.add.at(away, ends[:, 1], along)
    return away


def _overlaps(middle: np.ndarray, half: np.ndarray, middles: np.ndarray, halves: np.ndarray) -> np.ndarray:
    """Which of some boxes a box overlaps, by middles and half sizes: ndarray, dtype=bool."""
    return (np.abs(middles - middle) < halves + half).all(1)
