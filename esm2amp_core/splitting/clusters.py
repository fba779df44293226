"""Proteins that are linked by similarity, directly or through others."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from esm2amp_core.splitting.search import Hits


def cluster(n: int, hits: Hits) -> np.ndarray:
    """Connected components of similar proteins.

    Parameters
    ----------
    n : int
        Proteins, of which `hits` speaks by place.
    hits : Hits

    Returns
    -------
    ndarray, dtype=int64, shape=(n,)
        Number of each protein's cluster; clusters are numbered by their first protein.
    """
    links = sparse.coo_matrix((np.ones(len(hits)), (hits.query, hits.target)), shape=(n, n))
    _, numbers = connected_components(links, directed=False)
    _, first, inverse = np.unique(numbers, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
