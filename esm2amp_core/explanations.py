"""Explanations of predictions: arrays whose axes have names, and what each method's numbers mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

_CHECK = "check_"


@dataclass(frozen=True)
class Method:
    """A way to explain, in words.

    Attributes
    ----------
    title : str
    shows, not_shown : str
        One plain sentence each: what its picture says, and what must not be read into it.
    signed : bool
        True where a value may speak against the interaction.
    """

    title: str
    shows: str
    not_shown: str
    signed: bool


METHODS = {
    "attention": Method(
        "Attention",
        "How much each segment takes from each other one inside the classifier; a segment's importance is "
        "the weight it receives.",
        "Attention says where the model looked, not whether that raised or lowered the score. It compares "
        "what segments contain, not where they lie, and it is no contact map.",
        signed=False,
    ),
    "integrated_gradients": Method(
        "Integrated Gradients",
        "How much each segment moved the score away from that of an average training protein; above zero "
        "it speaks for the interaction, below zero against it. The values add up to the difference.",
        "It follows the model, not biology: a segment can matter to the model without touching the partner.",
        signed=True,
    ),
    "token_shapley": Method(
        "Shapley values",
        "What each segment adds to the score on average over all ways of leaving other segments out. The "
        "values add up exactly to the score's distance from that of an average training protein.",
        "Proteins without some of their segments do not exist; the values describe the model's arithmetic.",
        signed=True,
    ),
    "tree_shap": Method(
        "Forest: TreeSHAP",
        "What each segment adds to the answer of a random forest, a second model of the segments (AE_RF).",
        "It explains the forest, not the classifier that gave the score; how well the two agree is told with "
        "the settings.",
        signed=True,
    ),
    "gini": Method(
        "Forest: Gini importance",
        "How much each segment helped that forest to tell its training pairs apart: the same for every pair.",
        "It says nothing about this pair in particular.",
        signed=False,
    ),
    "deep_shap": Method(
        "Network: DeepSHAP",
        "What each segment adds to the answer of a dense network, a second model of the segments (AE_DNN).",
        "It explains that network, not the classifier that gave the score; how well the two agree is told "
        "with the settings.",
        signed=True,
    ),
    "residue_gradients": Method(
        "Residue gradients",
        "Integrated Gradients carried on through the language model: how much each residue moved the score.",
        "Neighbouring residues share what they say, so single letters are less certain than stretches.",
        signed=True,
    ),
}
"""Every method, in the order in which people see them; `explain.EXPLAINERS` names the code of each."""
RESIDUES = "residue_gradients"
"""The method that leads to single residues: slow, so that it is asked for separately."""


@dataclass(frozen=True)
class Axis:
    """One axis of an array: what it runs over, and the label of each position."""

    name: str
    labels: tuple[str | int, ...]


@dataclass(frozen=True)
class Explanation:
    """What one method says about N pairs of 2T tokens.

    Attributes
    ----------
    method : str
        Key of `METHODS`.
    values : ndarray
        The method's own numbers.
    axes : tuple of Axis
        One per axis of `values`: ``pairs`` (labels: row numbers), ``layers``, ``heads``, ``tokens``,
        ``residues``.
    value : ndarray, dtype=float64, shape=(N, 2T)
        One number per token. Signed where the method is; for these, and where `base_values` are given,
        base value + sum over tokens = output.
    magnitude : ndarray, dtype=float64, shape=(N, 2T)
        How much a token matters, whatever its sign; not below 0.
    base_values, outputs : ndarray, dtype=float64, shape=(N,), or None
        What the values start from and add up to, on the scale that `settings` tells as ``scale``.
    arrays : dict of str to ndarray
        More of the method's numbers, e.g. ``interactions`` (N, 2T, 2T).
    checks : dict of str to ndarray, shape=(N,)
        What the method says of its own correctness, per pair, e.g. ``completeness_gap``.
    settings : dict
        Plain values that make it repeatable: baseline, steps, seed, scale.

    Raises
    ------
    ValueError
        If shapes disagree.
    """

    method: str
    values: np.ndarray
    axes: tuple[Axis, ...]
    value: np.ndarray
    magnitude: np.ndarray
    base_values: np.ndarray | None = None
    outputs: np.ndarray | None = None
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    checks: Mapping[str, np.ndarray] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = tuple(len(axis.labels) for axis in self.axes)
        if self.values.shape != shape:
            raise ValueError(f"{self.method}: values {self.values.shape} do not fit axes {shape}.")
        if self.value.shape != self.magnitude.shape or self.value.ndim != 2:
            raise ValueError(f"{self.method}: {self.value.shape} values, {self.magnitude.shape} magnitudes.")
        per_pair = {"base_values": self.base_values, "outputs": self.outputs, **self.checks}
        for name, array in per_pair.items():
            if array is not None and array.shape != (len(self.value),):
                raise ValueError(f"{self.method}: {name} {array.shape} for {len(self.value)} pairs.")

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Contents of an ``.npz``: ``values``, one array per axis, and the other fields."""
        arrays = {
            "values": self.values, "axes": np.array([axis.name for axis in self.axes]),
            **{axis.name: np.array(axis.labels) for axis in self.axes},
            "value": self.value, "magnitude": self.magnitude, **self.arrays,
            **{f"{_CHECK}{name}": check for name, check in self.checks.items()},
            "settings": np.array(json.dumps(dict(self.settings))),
        }  # fmt: skip
        totals = {"base_values": self.base_values, "outputs": self.outputs}
        return arrays | {name: array for name, array in totals.items() if array is not None}

    @classmethod
    def from_arrays(cls, method: str, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `to_arrays` gave.

        Raises
        ------
        KeyError, ValueError
            If an array is missing, or shapes disagree.
        """
        left = dict(arrays)
        names = left.pop("axes").tolist()
        axes = tuple(Axis(name, tuple(arrays[name].tolist())) for name in names)
        for name in set(names):
            del left[name]
        own = {name: left.pop(name) for name in ("values", "value", "magnitude")}
        totals = {name: left.pop(name, None) for name in ("base_values", "outputs")}
        settings = json.loads(str(left.pop("settings")))
        checks = {name.removeprefix(_CHECK): left.pop(name) for name in list(left) if name.startswith(_CHECK)}
        return cls(method, axes=axes, arrays=left, checks=checks, settings=settings, **own, **totals)
