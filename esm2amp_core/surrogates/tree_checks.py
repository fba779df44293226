"""Is a stored decision tree a tree? Asked of its arrays before scikit-learn gets them.

Scikit-learn follows node indices without looking whether they exist, and so does TreeSHAP: a file could make
them read and write anywhere in memory, or walk in circles.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.tree._tree import NODE_DTYPE

from esm2amp_core.errors import BundleError

LEAF = -1
MAX_DEPTH = 256
"""TreeSHAP calls itself once per level."""
STATE = {"max_depth", "node_count", "nodes", "values"}
_CLOSE = 1e-6


def check_tree(arguments: Any, state: Any, n_features: int, name: str) -> None:
    """Refuse what scikit-learn's `Tree` must not be made of.

    Parameters
    ----------
    arguments : tuple
        Of its constructor: features, classes of each output, outputs.
    state : mapping
        As `Tree.__getstate__` gives it.
    n_features : int
        Numbers of a pair that the tree may read.
    name : str
        For people.

    Raises
    ------
    BundleError
    """
    _check_arguments(arguments, n_features, name)
    if not isinstance(state, Mapping) or set(state) != STATE:
        raise _refusal(name, f"it does not consist of {', '.join(sorted(STATE))}")
    nodes, values = state["nodes"], state["values"]
    for array in (nodes, values):
        if not isinstance(array, np.ndarray) or not array.flags["C_CONTIGUOUS"]:
            raise _refusal(name, "its nodes or values are not stored row by row")
    if nodes.dtype != NODE_DTYPE or nodes.ndim != 1 or not len(nodes):
        raise _refusal(name, f"its nodes have shape {nodes.shape} or unknown fields")
    if values.dtype != np.float64 or values.shape != (len(nodes), 1, 2):
        raise _refusal(name, f"its values are {values.dtype} of shape {values.shape}, "
                             f"not float64 of shape {(len(nodes), 1, 2)}")
    if not _is_integer(state["node_count"]) or state["node_count"] != len(nodes):
        raise _refusal(name, f"it has {len(nodes):,} nodes, not {state['node_count']!r}")
    depth = _depth(nodes, name)
    if not _is_integer(state["max_depth"]) or state["max_depth"] != depth:
        raise _refusal(name, f"its depth is {depth}, not {state['max_depth']!r}")
    _check_splits(nodes, n_features, name)
    _check_weights(nodes, name)
    if not (np.isfinite(values).all() and (values >= 0).all()
            and np.allclose(values.sum(axis=2), 1, rtol=0, atol=_CLOSE)):  # fmt: skip
        raise _refusal(name, "the shares of its classes are not numbers from 0 to 1 that add up to 1")


def _check_arguments(arguments: Any, n_features: int, name: str) -> None:
    plain = isinstance(arguments, tuple) and len(arguments) == 3
    if not plain or not _is_integer(arguments[0]) or arguments[0] != n_features:
        raise _refusal(name, f"it does not read {n_features:,} numbers")
    classes, outputs = arguments[1:]
    right = (isinstance(classes, np.ndarray) and classes.dtype == np.int64 and classes.shape == (1,)
             and classes[0] == 2 and _is_integer(outputs) and outputs == 1)  # fmt: skip
    if not right:
        raise _refusal(name, "it does not answer one question with two classes")


def _depth(nodes: np.ndarray, name: str) -> int:
    """Longest way from the root to a leaf, where every node is reached in exactly one way."""
    left, right = nodes["left_child"], nodes["right_child"]
    if ((left == LEAF) != (right == LEAF)).any():
        raise _refusal(name, "a node has only one child")
    for children in (left, right):
        if ((children != LEAF) & ((children < 1) | (children >= len(nodes)))).any():
            raise _refusal(name, "a node leads to one that does not exist")
    reached, level = np.zeros(len(nodes), dtype=np.int64), np.zeros(1, dtype=np.int64)
    for depth in range(MAX_DEPTH + 1):
        np.add.at(reached, level, 1)
        if reached.max() > 1:
            raise _refusal(name, "two ways lead to one node")
        inner = level[left[level] != LEAF]
        level = np.concatenate([left[inner], right[inner]])
        if not len(level):
            if not reached.all():
                raise _refusal(name, "no way leads to some of its nodes")
            return depth
    raise _refusal(name, f"it is deeper than {MAX_DEPTH} levels")


def _check_splits(nodes: np.ndarray, n_features: int, name: str) -> None:
    inner = nodes[nodes["left_child"] != LEAF]
    if ((inner["feature"] < 0) | (inner["feature"] >= n_features)).any():
        raise _refusal(name, f"a node asks for a number beyond the {n_features:,} of a pair")
    if not np.isfinite(inner["threshold"]).all():
        raise _refusal(name, "a threshold is infinite or missing")
    if (nodes["missing_go_to_left"] > 1).any():
        raise _refusal(name, "a node does not say where missing numbers go")


def _check_weights(nodes: np.ndarray, name: str) -> None:
    """TreeSHAP divides by the training pairs that reached a node."""
    weights, counts = nodes["weighted_n_node_samples"], nodes["n_node_samples"]
    inner = nodes["left_child"] != LEAF
    children = weights[nodes["left_child"][inner]] + weights[nodes["right_child"][inner]]
    sound = (np.isfinite(weights).all() and (weights > 0).all() and (counts > 0).all()
             and np.allclose(children, weights[inner], rtol=_CLOSE))  # fmt: skip
    if not sound:
        raise _refusal(name, "its counts of training pairs contradict each other")
    if not (np.isfinite(nodes["impurity"]).all() and (nodes["impurity"] >= -_CLOSE).all()):
        raise _refusal(name, "an impurity is not a number from 0 on")


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def _refusal(name: str, reason: str) -> BundleError:
    return BundleError(f"{name} was not opened: {reason}.",
                       hint="Train it again, or get the file from its source again.")
