"""The authors' published forests and autoencoders, turned into files that can be checked.

Their forests are pickles written with joblib: read plainly, such a file may run any program. This reader
builds what a forest consists of and refuses every other name in the file; still it is called only when a
person says that they trust the file, and what comes out passes the same checks as any forest.
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from joblib.numpy_pickle import NumpyArrayWrapper, NumpyUnpickler
from joblib.numpy_pickle_utils import _validate_fileobject_and_memmap as _unpacked
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.tree._tree import Tree
from torch import Tensor

from esm2amp_core.errors import BundleError
from esm2amp_core.models.checkpoint import read_checkpoint
from esm2amp_core.surrogates.autoencoder import Autoencoder
from esm2amp_core.surrogates.forest_file import DAMAGED, check_forest
from esm2amp_core.surrogates.tree_checks import check_tree

MAX_BYTES = 8 * 1024**3
TRUSTED = (
    "sklearn.ensemble._forest.RandomForestClassifier", "sklearn.tree._classes.DecisionTreeClassifier",
    "sklearn.tree._tree.Tree", "joblib.numpy_pickle.NumpyArrayWrapper", "numpy.ndarray", "numpy.dtype",
    "numpy.core.multiarray._reconstruct", "numpy._core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar",
)  # fmt: skip
"""The only names that a published forest may ask for."""


class _PlainArray(NumpyArrayWrapper):
    """An array of numbers; one of objects would be a pickle of its own, read without a look."""

    def read(self, *arguments: Any, **options: Any) -> np.ndarray:
        if self.dtype.hasobject or self.subclass is not np.ndarray:
            raise pickle.UnpicklingError("it asks for an array of objects")
        return super().read(*arguments, **options)


class _StoredTree:
    """Takes the place of a tree until its arrays are checked."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments, self.state = arguments, None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def to_tree(self, n_features: int, name: str) -> Tree:
        """The tree itself."""
        check_tree(self.arguments, self.state, n_features, name)
        tree = Tree(*self.arguments)
        tree.__setstate__(self.state)
        return tree


class _ForestUnpickler(NumpyUnpickler):
    """Knows what a forest consists of, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        wanted = f"{module}.{name}"
        if wanted not in TRUSTED:
            raise pickle.UnpicklingError(f"it asks for {wanted}, and a forest needs no such thing")
        stand_ins = {"NumpyArrayWrapper": _PlainArray, "Tree": _StoredTree}
        return stand_ins.get(name) or super().find_class(module, name)


def read_published_forest(path: Path, n_features: int) -> RandomForestClassifier:
    """A forest from a pickle that a person trusts.

    Raises
    ------
    BundleError
        If the file asks for anything else than a forest, cannot be read by this version of scikit-learn, or
        is not a forest for pairs of `n_features` numbers.
    """
    if not path.is_file():
        raise BundleError(f"There is no file {str(path)!r}.", hint="Check its name and folder.")
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(f"{path.name} has {path.stat().st_size / 1024**3:.1f} GiB: it is no forest.")
    try:
        with path.open("rb") as file, _unpacked(file, str(path)) as (unpacked, _):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InconsistentVersionWarning)  # the checks below decide
                forest = _ForestUnpickler(str(path), unpacked, ensure_native_byte_order=True).load()
                _put_trees(forest, n_features, path.name)
        check_forest(forest, n_features, path.name)
    except (*DAMAGED, pickle.UnpicklingError, ImportError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise BundleError(
            f"{path.name} was not opened: {reason}.",
            hint="It must hold a RandomForestClassifier of scikit-learn 1.3 or newer.",
        ) from None
    forest.n_jobs, forest.verbose = None, 0
    return forest


def _put_trees(forest: Any, n_features: int, name: str) -> None:
    """Put checked trees in the place of the stored ones."""
    if type(forest) is not RandomForestClassifier:
        raise BundleError(f"{name} holds a {type(forest).__name__}, not a RandomForestClassifier.")
    for number, estimator in enumerate(forest.estimators_, start=1):
        if isinstance(estimator.tree_, _StoredTree):  # one object may stand there twice
            estimator.tree_ = estimator.tree_.to_tree(n_features, f"Tree {number} of {name}")


def read_published_autoencoder(path: Path) -> Autoencoder:
    """The autoencoder of a published ``.pth`` file; nothing in it is executed.

    Raises
    ------
    BundleError
        If it does not hold one.
    """
    state = read_checkpoint(path)
    plain: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.endswith(".weight_orig"):
            layer = name.removesuffix(".weight_orig")
            plain[f"{layer}.weight"] = _divided(state, layer, path.name)
        elif name.endswith(".activation.beta"):  # one number, under the name of every block
            plain["slope"] = tensor
        elif not name.endswith((".weight_u", ".weight_v")):
            plain[name] = tensor
    return Autoencoder.from_stored(plain)


def _divided(state: dict[str, Tensor], layer: str, name: str) -> Tensor:
    """A weight divided by its largest singular value, as torch's spectral norm does it."""
    weight, u, v = (state.get(f"{layer}.weight_{part}") for part in ("orig", "u", "v"))
    fitting = u is not None and v is not None and (len(u), len(v)) == tuple(weight.shape)
    sigma = torch.dot(u, weight @ v) if fitting else torch.zeros(())
    if not sigma > 0:
        raise BundleError(f"{name} is no published autoencoder: {layer} is not spectral-normalised.")
    return weight / sigma
