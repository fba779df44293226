"""Parts of an explanation that pictures are drawn of: one pair, or the mean of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from esm2amp_core.explanations import METHODS, Axis, Explanation

MEAN, ROLLOUT = "mean", "rollout"
"""Instead of a layer or a head: the mean of all; layers followed one after the other."""
UNITS = {"attention": "weight", "gini": "share", "tree_shap": "probability"}
"""What the values of a method are measured in, briefly; those of the others are logits."""


class Bars(NamedTuple):
    """What one method says of each token.

    Attributes
    ----------
    title : str
    values : ndarray, shape=(2T,)
        NaN where it says nothing.
    unit : str
    signed : bool
        Bars above zero speak for the interaction, below against it.
    muted : bool
        True where nothing should be read from it: its bars are grey.
    """

    title: str
    values: np.ndarray
    unit: str
    signed: bool
    muted: bool = False


def part_of(explanation: Explanation, positions: Sequence[int]) -> Explanation:
    """One pair, or the mean of several: an explanation of one pair again.

    Parameters
    ----------
    explanation : Explanation
        Of N pairs.
    positions : sequence of int
        Which of them. Residues are kept where it is one.
    """
    which, N = np.asarray(positions, dtype=int), len(explanation.value)
    names = [axis.name for axis in explanation.axes]
    residues = _residues_of(explanation, which)

    def mean(array: np.ndarray) -> np.ndarray:
        return array[which].mean(axis=0, keepdims=True)

    def kept(array: np.ndarray) -> np.ndarray | None:
        if residues is not None and array.shape[:1] == residues.shape:
            return array[residues]
        numeric = array.ndim and len(array) == N and array.dtype.kind in "fiub"
        return mean(array) if numeric else array

    values, axes = explanation.values, explanation.axes
    if "residues" in names:
        values = values[residues]
        at = [i for i, keep in enumerate(residues) if keep]
        axes = tuple(Axis(axis.name, tuple(axis.labels[i] for i in at)) for axis in axes)
    elif names[:1] == ["pairs"]:
        values = mean(values)
        row = explanation.axes[0].labels[which[0]] if len(which) == 1 else 0
        axes = (Axis("pairs", (row,)), *axes[1:])
    totals = {name: None if array is None else mean(array)
              for name, array in (("base_values", explanation.base_values), ("outputs", explanation.outputs))}
    return Explanation(
        explanation.method, values, axes,
        value=mean(explanation.value), magnitude=mean(explanation.magnitude),
        arrays={name: kept(array) for name, array in explanation.arrays.items()},
        checks={name: mean(check) for name, check in explanation.checks.items()},
        settings=explanation.settings, **totals,
    )  # fmt: skip


def has_token_matrix(explanation: Explanation) -> bool:
    """True where the method's numbers run over tokens twice."""
    return [axis.name for axis in explanation.axes].count("tokens") == 2


def has_interactions(explanation: Explanation) -> bool:
    """True where the method tells how segments work together."""
    return "interactions" in explanation.arrays


def is_additive(explanation: Explanation) -> bool:
    """True where base value + values = output."""
    return explanation.base_values is not None and explanation.outputs is not None


def has_residues(explanation: Explanation) -> bool:
    """True where there is a number per residue."""
    return "residues" in [axis.name for axis in explanation.axes]


def token_matrix(part: Explanation, layer: int | str = MEAN, head: int | str = MEAN) -> np.ndarray:
    """Token by token, of one layer and head, numbered from 1, or of their means: ndarray, shape=(2T, 2T).

    Parameters
    ----------
    part : Explanation
        As `part_of` gives it.
    layer : int or str
        A label of the axis ``layers``, `MEAN` or `ROLLOUT`.
    head : int or str
        A label of the axis ``heads``, or `MEAN`; of no account for `ROLLOUT`.
    """
    if layer == ROLLOUT:
        return part.arrays[ROLLOUT][0]
    matrix = part.values
    for name, wanted in (("heads", head), ("layers", layer)):
        at = [axis.name for axis in part.axes].index(name)
        # Heads come after layers and go first, so that positions of what is left stay as they are.
        labels = part.axes[at].labels
        matrix = matrix.mean(axis=at) if wanted == MEAN else matrix.take(labels.index(wanted), axis=at)
    return matrix[0]


def labels_of(part: Explanation, name: str) -> tuple[str | int, ...]:
    """Labels of an axis; none where the method has no such axis."""
    return next((axis.labels for axis in part.axes if axis.name == name), ())


def token_values(part: Explanation) -> tuple[np.ndarray, bool]:
    """What a part says of each token, shape=(2T,), and whether it is signed."""
    signed = METHODS[part.method].signed
    return (part.value if signed else part.magnitude)[0], signed


def unit_of(method: str) -> str:
    """A word beside an axis."""
    return UNITS.get(method, "logit")


def bars_of(part: Explanation, *, title: str = "", muted: bool = False) -> Bars:
    """What a part says, as bars; `title` instead of the method's."""
    values, signed = token_values(part)
    return Bars(title or METHODS[part.method].title, values, unit_of(part.method), signed, muted)


def residue_values(part: Explanation, side: str) -> np.ndarray | None:
    """One number per residue of a protein: ndarray, shape=(L,); None where the method has none."""
    return _by_place(part, side, part.values) if has_residues(part) else None


def residue_magnitudes(part: Explanation, side: str) -> np.ndarray | None:
    """How important each residue is, whatever its sign; as `residue_values`."""
    return _by_place(part, side, part.arrays["magnitude_of_residue"]) if has_residues(part) else None


def _by_place(part: Explanation, side: str, numbers: np.ndarray) -> np.ndarray | None:
    own = part.arrays["protein_of_residue"] == side
    order = np.argsort(part.arrays["position_of_residue"][own], kind="stable")
    return numbers[own][order] if own.any() else None


def _residues_of(explanation: Explanation, which: np.ndarray) -> np.ndarray | None:
    """Which residues belong to the one pair that is meant; none of them where several are."""
    if not has_residues(explanation):
        return None
    rows = explanation.arrays["row_of_residue"]
    if len(which) != 1:
        return np.zeros(len(rows), dtype=bool)
    order = list(dict.fromkeys(rows.tolist()))
    return rows == order[which[0]]
