"""What a classifier sees on average: the features of some training proteins, kept with its bundle.

Explanations ask how a pair differs from this background: it is the baseline of Integrated Gradients, and it
stands in for tokens that are left out where a classifier needs something in their place.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from esm2amp_core.errors import BundleError
from esm2amp_core.files.npz import read_npz

MOST_PROTEINS = 200
_TOKENS, _VALUES = "tokens", "values"


@dataclass(frozen=True)
class Background:
    """Features of training proteins.

    Attributes
    ----------
    tokens : tuple of str, length=T
        Names of a protein's tokens, as in the bundle's feature set.
    values : ndarray, dtype=float32, shape=(K, T, D)
    """

    tokens: tuple[str, ...]
    values: np.ndarray

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[1] != len(self.tokens) or not len(self.values):
            raise ValueError(f"Values of shape {self.values.shape} do not fit {len(self.tokens)} tokens.")

    @classmethod
    def of(cls, tokens: tuple[str, ...], values: np.ndarray, *, seed: int = 0) -> Self:
        """A background of at most `MOST_PROTEINS` of the proteins with features `values` (P, T, D)."""
        chosen = np.arange(len(values))
        if len(values) > MOST_PROTEINS:
            chosen = np.sort(np.random.default_rng(seed).choice(len(values), MOST_PROTEINS, replace=False))
        return cls(tokens, np.asarray(values[chosen], dtype=np.float32))

    @property
    def mean(self) -> np.ndarray:
        """The average protein: ndarray, dtype=float32, shape=(T, D)."""
        return self.values.mean(axis=0)

    def to_bytes(self) -> bytes:
        """Contents of the bundle's file; values keep 11 bits."""
        file = io.BytesIO()
        np.savez_compressed(file, **{_TOKENS: np.array(self.tokens), _VALUES: self.values.astype(np.float16)})
        return file.getvalue()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `to_bytes` wrote.

        Raises
        ------
        BundleError
            If the file cannot be read, or a value is not a number.
        """
        try:
            file = read_npz(path)
            tokens, values = tuple(map(str, file[_TOKENS])), file[_VALUES].astype(np.float32)
            if not np.isfinite(values).all():
                raise ValueError("a value is not a number")
            return cls(tokens, values)
        except (ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{path} cannot be read: {error}.",
                              hint="Restore the file, or install the model again.") from None
