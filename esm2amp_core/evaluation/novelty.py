"""Pairs by how many of their proteins the model was trained on.

C1 both, C2 one, C3 none: Park and Marcotte, Nat. Methods 2012;9:1134, doi 10.1038/nmeth.2259. A protein is
seen if the very same chain was trained on, whatever its name; one that is merely alike counts as new.
"""

from __future__ import annotations

import numpy as np

from esm2amp_core.trust import Seen

CLASSES = (Seen.BOTH.value, Seen.ONE.value, Seen.NONE.value)


def classes(seen: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Class of each pair.

    Parameters
    ----------
    seen : ndarray, dtype=bool, shape=(n,)
        Of proteins, whether they were trained on.
    a, b : ndarray, dtype=int, shape=(N,)
        Numbers of the two proteins of each pair.

    Returns
    -------
    ndarray of str, shape=(N,)
        One of `CLASSES`.
    """
    return np.array(CLASSES)[2 - seen[a].astype(int) - seen[b]]
