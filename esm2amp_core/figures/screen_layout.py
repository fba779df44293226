"""Where the nodes of a network are drawn."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

STEPS = 80
DENSE = 0.8
"""How much the attraction of an edge falls with its ends' other edges: 0 not at all, 1 in proportion."""
GAP = 0.7
"""Room around each connected part, in lengths of an edge."""


def lay_out(n_nodes: int, edges: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Positions of nodes so that connected ones lie near each other; the same for the same edges.

    Each connected part is laid out by forces (Fruchterman & Reingold 1991), then the parts are put in rows,
    the largest first.

    Parameters
    ----------
    n_nodes : int
    edges : ndarray, dtype=int, shape=(M, 2)
        Numbers of nodes.
    seed : int

    Returns
    -------
    ndarray, dtype=float64, shape=(n_nodes, 2)
        An edge is about 1 long.
    """
    links = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n_nodes, n_nodes))
    n_parts, part_of = connected_components(links, directed=False)
    order = np.argsort(part_of, kind="stable")
    parts = np.split(order, np.searchsorted(part_of[order], np.arange(1, n_parts)))
    edges_of = _edges_by_part(edges, part_of, n_parts)
    local = np.empty(n_nodes, np.int64)
    drawn = []
    for number, nodes in enumerate(parts):
        local[nodes] = np.arange(len(nodes))
        drawn.append(_place_part(len(nodes), local[edges_of[number]], seed))
    positions = np.empty((n_nodes, 2))
    for nodes, place in zip(parts, _in_rows(drawn), strict=True):
        positions[nodes] = place
    return positions


def _edges_by_part(edges: np.ndarray, part_of: np.ndarray, n_parts: int) -> list[np.ndarray]:
    part = part_of[edges[:, 0]]
    order = np.argsort(part, kind="stable")
    return np.split(edges[order], np.searchsorted(part[order], np.arange(1, n_parts)))


def _place_part(n_nodes: int, edges: np.ndarray, seed: int) -> np.ndarray:
    """A connected part: stars, which most small ones are, as they are drawn by hand; others by forces."""
    degree = np.bincount(edges.ravel(), minlength=n_nodes)
    if n_nodes == 1:
        return np.zeros((1, 2))
    if n_nodes == 2:
        return np.array([[0.0, 0.0], [1.0, 0.0]])
    if degree.max() == n_nodes - 1 and (degree == 1).sum() == n_nodes - 1:
        return _star(degree)
    return _by_forces(n_nodes, edges, degree, seed)


def _star(degree: np.ndarray) -> np.ndarray:
    """The hub in the middle of its leaves."""
    n_leaves = len(degree) - 1
    angle = 2 * np.pi * np.arange(n_leaves) / n_leaves
    radius = max(1.0, 0.4 * n_leaves / (2 * np.pi))  # leaves are at least 0.4 apart
    places = np.zeros((len(degree), 2))
    places[degree == 1] = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return places


def _by_forces(n_nodes: int, edges: np.ndarray, degree: np.ndarray, seed: int) -> np.ndarray:
    """Nodes repel each other by 1 / distance, edges attract by distance squared; steps grow shorter.

    Where both ends have many edges, each attracts the less: dense parts would otherwise shrink to a point.
    Nodes with many edges repel the more (Jacomy *et al.* 2014): baits with the same partners would otherwise
    lie on each other.
    """
    size = np.sqrt(n_nodes)
    charge = np.sqrt(degree / degree.mean()).astype(np.float32)
    places = np.random.default_rng(seed).uniform(-size / 2, size / 2, (n_nodes, 2)).astype(np.float32)
    first, second = edges[edges[:, 0] != edges[:, 1]].T
    strength = degree[edges[edges[:, 0] != edges[:, 1]]].min(1).astype(np.float32) ** -DENSE
    for step in range(STEPS):
        longest = size * 0.2 * (1 - step / STEPS) + 0.02
        # Sums over all pairs as matrix products: a table of all differences would be slow and large.
        squares = (places**2).sum(1)
        near = squares[:, None] + squares - 2 * places @ places.T
        np.maximum(near, 0.01, out=near)
        np.reciprocal(near, out=near)
        np.fill_diagonal(near, 0)
        near *= charge
        near *= charge[:, None]
        push = places * near.sum(1)[:, None] - near @ places
        apart = places[first] - places[second]
        pull = apart * (strength * np.linalg.norm(apart, axis=1))[:, None]
        for axis in range(2):
            push[:, axis] -= np.bincount(first, pull[:, axis], n_nodes)
            push[:, axis] += np.bincount(second, pull[:, axis], n_nodes)
        push -= 0.05 * places  # towards the middle, or distant arms would drift away
        length = np.maximum(np.linalg.norm(push, axis=1), 1e-6)
        places += push * (np.minimum(length, longest) / length)[:, None]
    # Lying, not standing: names are written from left to right, and windows are wide.
    places = places.astype(np.float64) - places.mean(0)
    return places @ np.linalg.svd(places, full_matrices=False)[2].T


def _in_rows(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Parts moved beside each other, in rows of about the same width; the answer in the order given."""
    boxes = [np.ptp(part, axis=0) + GAP for part in parts]
    widest = max(box[0] for box in boxes)
    row_width = max(widest, 1.5 * np.sqrt(sum(box.prod() for box in boxes)))
    moved: list[np.ndarray] = [np.empty((0, 2))] * len(parts)
    x, top, height = 0.0, 0.0, 0.0
    for number in sorted(range(len(parts)), key=lambda i: -boxes[i][1]):
        width, tall = boxes[number]
        if x and x + width > row_width:
            x, top, height = 0.0, top - height, 0.0
        part = parts[number]
        moved[number] = part - [part[:, 0].min() - x, part[:, 1].max() - top]
        x, height = x + width, max(height, tall)
    return moved
