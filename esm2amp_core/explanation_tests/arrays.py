"""What all tests have in common: arrays with names, kept in an ``.npz``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from typing import ClassVar, Self

import numpy as np
import pandas as pd

FORMAT = 2


class Arrays(ABC):
    """A dataclass of arrays, names and numbers that becomes an ``.npz`` and is read from one.

    Attributes
    ----------
    SHAPES : mapping of str to str
        One letter per axis of each array or list of names; the same letter means the same length.
    """

    SHAPES: ClassVar[Mapping[str, str]]

    def __post_init__(self) -> None:
        lengths: dict[str, int] = {}
        for name, letters in self.SHAPES.items():
            shape = np.shape(getattr(self, name))
            if len(shape) != len(letters) or any(
                lengths.setdefault(letter, length) != length
                for letter, length in zip(letters, shape, strict=True)
            ):
                raise ValueError(f"{type(self).__name__}: {name} has shape {shape}, not {letters} {lengths}.")

    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """What was found, as a table for people."""

    def frames(self) -> dict[str, pd.DataFrame]:
        """All tables for people, by what the names of their files end with."""
        return {"": self.frame()}

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Contents of an ``.npz``."""
        return {"format": np.array(FORMAT)} | {
            field.name: np.array(getattr(self, field.name), dtype=str if _is_names(field.type) else None)
            for field in fields(self)
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Read what `to_arrays` gave.

        Raises
        ------
        KeyError, ValueError
            If an array is missing, shapes disagree, or a newer program wrote them.
        """
        if int(arrays["format"]) != FORMAT:
            raise ValueError(f"format {arrays['format']} is not {FORMAT}")
        found = {}
        for field in fields(cls):
            array = arrays[field.name]
            found[field.name] = (
                tuple(array.tolist()) if _is_names(field.type) else array.item() if not array.ndim else array
            )
        return cls(**found)


def _is_names(annotation: object) -> bool:
    return str(annotation).startswith("tuple")


def known_mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Mean of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    return np.where(count, np.where(known, values, 0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def long_frame(axes: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One line per position of arrays that share their axes."""
    index = pd.MultiIndex.from_product([list(labels) for labels in axes.values()], names=list(axes))
    columns = {name: np.ravel(array) for name, array in arrays.items()}
    return pd.DataFrame(columns, index=index).reset_index()
