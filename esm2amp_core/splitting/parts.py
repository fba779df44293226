"""Which cluster goes to which part, so that parts get their shares of the pairs and few pairs are lost."""

from __future__ import annotations

import numpy as np
from scipy import sparse

ROUNDS = 20
TOLERANCE = 0.01
"""How far a part may be from its share for the sake of pairs that would be lost. Without such room no cluster
can move, as each move changes the shares."""
STRICTNESS = 10.0
"""How much a share beyond that weighs against the share of pairs lost."""


def assign_clusters(
    first: np.ndarray, second: np.ndarray, shares: tuple[float, ...], *, n: int, seed: int
) -> np.ndarray:
    """Divide clusters between parts.

    A pair counts for a part if both its clusters are in it; otherwise it is lost. Clusters are first dealt
    out at random, the large ones to the large parts, then moved one by one where that improves shares or
    keeps more pairs, until nothing improves.

    Parameters
    ----------
    first, second : ndarray, dtype=int, shape=(N,)
        The clusters of each pair.
    shares : tuple of float
        Of the pairs kept, for each part; they add up to 1.
    n : int
        Number of clusters.
    seed : int

    Returns
    -------
    ndarray, dtype=int64, shape=(n,)
        Part of each cluster.
    """
    random = np.random.default_rng(seed)
    inner = np.bincount(first[first == second], minlength=n)  # (n,): pairs within a cluster
    outer = first != second
    links = sparse.coo_matrix((np.ones(outer.sum()), (first[outer], second[outer])), shape=(n, n)).tocsr()
    links = (links + links.T).tocsr()  # (n, n): pairs between two clusters
    parts = _deal(inner + links.sum(axis=1).A1, shares, random)
    kept = np.array([inner[parts == part].sum() for part in range(len(shares))], float)
    same = outer & (parts[first] == parts[second])
    kept += np.bincount(parts[first[same]], minlength=len(shares))
    for _ in range(ROUNDS):
        moved = False
        for cluster in random.permutation(n).tolist():
            row = slice(links.indptr[cluster], links.indptr[cluster + 1])
            near = np.bincount(parts[links.indices[row]], links.data[row], minlength=len(shares))
            moved |= _move(cluster, parts, kept, near + inner[cluster], shares, len(first))
        if not moved:
            break
    return parts


def _deal(pairs: np.ndarray, shares: tuple[float, ...], random: np.random.Generator) -> np.ndarray:
    """Parts of clusters that touch `pairs` pairs each: wherever most is missing, the large clusters first."""
    # With a share s of the proteins, a part gets about s * s of random pairs.
    wanted = np.sqrt(shares)
    missing = wanted / wanted.sum() * pairs.sum()
    parts = np.zeros(len(pairs), np.int64)
    shuffled = random.permutation(len(pairs))
    for cluster in shuffled[np.argsort(-pairs[shuffled], kind="stable")].tolist():
        parts[cluster] = np.argmax(np.where(wanted > 0, missing, -np.inf))
        missing[parts[cluster]] -= pairs[cluster]
    return parts


def _move(
    cluster: int, parts: np.ndarray, kept: np.ndarray, gains: np.ndarray, shares: tuple[float, ...],
    total: int,
) -> bool:
    """Move one cluster to the best part; True if that is another one. `gains`: pairs it would add to each."""
    here = parts[cluster]
    best, best_kept, best_value = here, kept, _value(kept, shares, total)
    for part in range(len(shares)):
        if part != here and shares[part]:
            changed = kept.copy()
            changed[here] -= gains[here]
            changed[part] += gains[part]
            if (value := _value(changed, shares, total)) > best_value + 1e-12:
                best, best_kept, best_value = part, changed, value
    parts[cluster], kept[:] = best, best_kept
    return best != here


def _value(kept: np.ndarray, shares: tuple[float, ...], total: int) -> float:
    """Share of the pairs that is kept, less what the parts' distance from their shares costs."""
    if not (n_kept := kept.sum()):
        return -STRICTNESS
    beyond = np.maximum(np.abs(kept / n_kept - shares) - TOLERANCE, 0)
    return n_kept / total - STRICTNESS * float(beyond.sum()) / 2
