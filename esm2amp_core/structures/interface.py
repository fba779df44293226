"""Residues of two chains that touch."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from esm2amp_core.structures.structure import Chain

CUTOFF = 5.0
"""Å between heavy atoms; at most that far apart is in contact."""


def in_contact(first: Chain, second: Chain, *, cutoff: float = CUTOFF) -> tuple[np.ndarray, np.ndarray]:
    """Residues of each chain with a heavy atom within `cutoff` Å of one of the other chain.

    Parameters
    ----------
    first, second : Chain
        Of R and S residues.
    cutoff : float

    Returns
    -------
    tuple of ndarray, dtype=bool, shapes=(R,) and (S,)
    """
    return _touching(first, second, cutoff), _touching(second, first, cutoff)


def _touching(chain: Chain, other: Chain, cutoff: float) -> np.ndarray:
    touching = np.zeros(len(chain.residues), dtype=bool)
    if len(chain.coordinates) and len(other.coordinates):
        bound = np.nextafter(cutoff, np.inf)  # the tree finds what is nearer than its bound
        distances, _ = cKDTree(other.coordinates).query(chain.coordinates, distance_upper_bound=bound)
        touching[chain.residue_of_atom[np.isfinite(distances)]] = True
    return touching
