"""Random forests in skops files, read without believing them.

A skops file is a zip archive of arrays and a ``schema.json`` that says which objects to build. Before skops
builds any: the schema may name the few types below and no other, one number stands for one object, and the
arrays of every tree pass `tree_checks`. Then nothing that scikit-learn does with the forest can leave it.
"""

from __future__ import annotations

import io
import json
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import skops
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.tree import DecisionTreeClassifier
from sklearn.tree._tree import Tree
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from esm2amp_core.errors import BundleError
from esm2amp_core.surrogates.tree_checks import check_tree

SCHEMA = "schema.json"
TREE = "sklearn.tree._tree.Tree"
MAX_BYTES, MAX_UNPACKED = 1 * 1024**3, 4 * 1024**3
TYPES = {
    "ObjectNode": {"sklearn.ensemble._forest.RandomForestClassifier",
                   "sklearn.tree._classes.DecisionTreeClassifier"},
    "TreeNode": {TREE}, "DictNode": {"builtins.dict"}, "ListNode": {"builtins.list"},
    "TupleNode": {"builtins.tuple"}, "JsonNode": {"builtins.str"}, "TypeNode": {"builtins.str"},
    "NdArrayNode": {"numpy.ndarray", "numpy.int64", "numpy.float64"},
}  # fmt: skip
"""What a forest consists of, by the way in which skops builds it."""
DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, MemoryError, OSError, RecursionError, ValueError, TypeError,
    LookupError, AttributeError, ArithmeticError, NotImplementedError, RuntimeError,
    InconsistentVersionWarning, UnsupportedTypeException, UntrustedTypesFoundException,
)  # fmt: skip
"""What zipfile, numpy, skops and scikit-learn raise on files that are none of theirs."""


def save_forest(forest: RandomForestClassifier, path: Path) -> None:
    """Write a forest of two classes, 0 and 1.

    Raises
    ------
    BundleError
        If it is not one that `load_forest` would take.
    """
    check_forest(forest, forest.n_features_in_, path.name)
    skops.io.dump(forest, path, compression=zipfile.ZIP_DEFLATED)


def load_forest(path: Path, n_features: int) -> RandomForestClassifier:
    """Read a forest that gives probabilities of the classes 0 and 1.

    Parameters
    ----------
    path : Path
    n_features : int
        Numbers of a pair.

    Raises
    ------
    BundleError
        If the file is damaged, was made by another version, or holds anything but such a forest.
    """
    name = path.name
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BundleError(f"{name} has {path.stat().st_size:,} bytes: it is no forest.")
        content = path.read_bytes()  # read once, so that what is built is what was checked
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED:
                raise BundleError(f"{name} would unpack to more than {MAX_UNPACKED / 1024**3:.0f} GiB.")
            _check_archive(archive, n_features, name)
        with warnings.catch_warnings():
            warnings.simplefilter("error", InconsistentVersionWarning)
            forest = skops.io.loads(content, trusted=[TREE])
        check_forest(forest, n_features, name)
    except DAMAGED as error:
        raise BundleError(f"{name} is not a forest, or is damaged or of another version ({_words(error)}).",
                          hint="Train it again, or install the model again.") from None
    forest.n_jobs, forest.verbose = None, 0
    return forest


def check_forest(forest: Any, n_features: int, name: str) -> None:
    """Refuse anything but a forest of sound trees for the classes 0 and 1.

    Raises
    ------
    BundleError
    """
    if type(forest) is not RandomForestClassifier:
        raise BundleError(f"{name} holds a {type(forest).__name__}, not a RandomForestClassifier.")
    trees = forest.__dict__.get("estimators_")
    if not isinstance(trees, list) or {type(tree) for tree in trees} != {DecisionTreeClassifier}:
        raise BundleError(f"{name} holds a forest without trees.")
    for part in (forest, *trees):
        facts = (part.n_features_in_, part.n_outputs_, int(part.n_classes_), list(part.classes_))
        if facts != (n_features, 1, 2, [0, 1]):
            raise BundleError(
                f"{name} holds a forest that reads {part.n_features_in_} numbers and tells apart "
                f"{list(part.classes_)}; needed are {n_features:,} numbers and the classes 0 and 1.",
                hint="It belongs to other features, or was trained with other labels.",
            )
    for number, estimator in enumerate(trees, start=1):
        if type(estimator.tree_) is not Tree:
            raise BundleError(f"{name} holds a tree that is a {type(estimator.tree_).__name__}.")
        _, arguments, state = estimator.tree_.__reduce__()
        check_tree(arguments, state, n_features, f"Tree {number} of {name}")


def _check_archive(archive: zipfile.ZipFile, n_features: int, name: str) -> None:
    """Look at everything that skops would build."""
    schema = json.loads(archive.read(SCHEMA))
    if schema.get("_skops_version") != skops.__version__:
        raise BundleError(f"{name} was written by skops {schema.get('_skops_version')}; "
                          f"here is {skops.__version__}.", hint="Train it again with this program.")
    by_number: dict[Any, Any] = {}
    trees = 0
    for node in _nodes(schema):
        kind = f"{node.get('__module__')}.{node.get('__class__')}"
        if kind not in TYPES.get(node.get("__loader__"), ()):
            raise BundleError(f"{name} was not opened: it asks for {kind}, and a forest needs no such thing.",
                              hint="Files that bring other things along are refused.")
        # Skops builds an object once and takes it again wherever its number stands.
        contents = _without_numbers(node)
        if by_number.setdefault(node.get("__id__"), contents) != contents:
            raise BundleError(f"{name} was not opened: one number stands for two objects in it.")
        if node["__loader__"] == "TreeNode":
            trees += 1
            arguments = tuple(_plain(archive, part) for part in node["__reduce__"]["args"]["content"])
            state = {key: _plain(archive, part) for key, part in node["content"]["content"].items()}
            check_tree(arguments, state, n_features, f"Tree {trees} of {name}")


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a schema, each before its parts."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            if {"__class__", "__module__", "__loader__"} & set(value):
                yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _without_numbers(value: Any) -> Any:
    """The same contents, whatever numbers the objects in it have."""
    if isinstance(value, dict):
        return {key: _without_numbers(part) for key, part in value.items() if key != "__id__"}
    return [_without_numbers(part) for part in value] if isinstance(value, list) else value


def _plain(archive: zipfile.ZipFile, node: dict[str, Any]) -> Any:
    """An array or a JSON value, as skops would build it."""
    if node["__loader__"] == "JsonNode":
        return json.loads(node["content"])
    if node["__loader__"] != "NdArrayNode" or node["type"] != "numpy" or node["__class__"] != "ndarray":
        raise ValueError("a part of a tree is neither a number nor an array")
    return np.load(io.BytesIO(archive.read(node["file"])), allow_pickle=False)


def _words(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
