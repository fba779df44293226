"""Tests of explanations: does what they say hold for the model, and would they say it of anything?

The arrays are made by the modules of the same names in ``explain``; reading them needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Self

import numpy as np
import pandas as pd

FORMAT = 1
SIGNIFICANT = 0.05
ALIKE = 0.5
"""Rank correlation from which an explanation is too much like that of a model that learned nothing."""
CONTROLS = {
    "b_shuffled": "A with the residues of B in random order",
    "b_random": "A with random proteins of B's length",
    "a_shuffled": "the residues of A in random order, with B",
    "a_random": "random proteins of A's length, with B",
}
"""What stands in the place of a pair, in words."""


class Arrays:
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


@dataclass(frozen=True)
class Faithfulness(Arrays):
    """What happens to the score when tokens go, or come, in the order that a method calls important.

    N pairs, M methods, K = 2T + 1 steps. A score is the area between a method's curve and the mean of random
    orders, in units of the pair's logit minus that of the baseline pair: above 0 is better than random.

    Attributes
    ----------
    methods : tuple of str, length=M
    rows : ndarray, dtype=int64, shape=(N,)
    deletion, insertion : ndarray, dtype=float64, shape=(N, M, K)
        Logit after k tokens, the most important first, were taken from the pair, or added to nothing.
    random_deletion, random_insertion : ndarray, shape=(N, 3, K)
        Mean of random orders, and where their central 95 % begin and end.
    difference : ndarray, shape=(N,)
        Logit of the pair minus that of the baseline pair.
    deletion_score, insertion_score, score : ndarray, shape=(N, M)
        `score` is the mean of the two; NaN where the difference is too small to be divided.
    random_score : ndarray, shape=(N, 2)
        Between which scores the central 95 % of random orders lie.
    p_values : ndarray, shape=(N, M)
        Share of random orders with at least this score, one added to both counts.
    mean_score, mean_low, mean_high : ndarray, shape=(M,)
        Mean over pairs with its 95 % interval by proteins; the ends are NaN for fewer than ten pairs.
    mean_p_values : ndarray, shape=(M,)
        The same share for the mean over all pairs.
    n_orders : int
        Random orders per pair.
    """

    methods: tuple[str, ...]
    rows: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray
    difference: np.ndarray
    deletion_score: np.ndarray
    insertion_score: np.ndarray
    score: np.ndarray
    random_score: np.ndarray
    p_values: np.ndarray
    mean_score: np.ndarray
    mean_low: np.ndarray
    mean_high: np.ndarray
    mean_p_values: np.ndarray
    n_orders: int

    SHAPES = {
        "methods": "M", "rows": "N", "deletion": "NMK", "insertion": "NMK", "random_deletion": "NBK",
        "random_insertion": "NBK", "difference": "N", "deletion_score": "NM", "insertion_score": "NM",
        "score": "NM", "random_score": "NE", "p_values": "NM", "mean_score": "M", "mean_low": "M",
        "mean_high": "M", "mean_p_values": "M",
    }  # fmt: skip

    @property
    def better_than_random(self) -> np.ndarray:
        """For which pairs a method does better than random orders: ndarray, dtype=bool, shape=(N, M)."""
        return self.p_values <= SIGNIFICANT  # NaN is not

    @property
    def better_on_average(self) -> np.ndarray:
        """Which methods do better over all pairs: ndarray, dtype=bool, shape=(M,)."""
        return (self.mean_p_values <= SIGNIFICANT) & ~(self.mean_low <= 0)

    def scores(self) -> pd.DataFrame:
        """One line per pair and method."""
        columns = ("deletion_score", "insertion_score", "score", "p_values")
        frame = _long({"row": self.rows, "method": self.methods},
                      {name: getattr(self, name) for name in columns})
        M = len(self.methods)
        frame["random_low"], frame["random_high"] = (self.random_score[:, end].repeat(M) for end in (0, 1))
        frame["better_than_random"] = self.better_than_random.ravel()
        return frame.rename(columns={"p_values": "p_value"})

    def frame(self) -> pd.DataFrame:
        """One line per pair, method, curve and step, with what random orders do there."""
        steps = range(self.deletion.shape[2])
        parts = []
        for curve in ("deletion", "insertion"):
            part = _long({"row": self.rows, "method": self.methods, "tokens_changed": steps},
                         {"logit": getattr(self, curve)})
            random = getattr(self, f"random_{curve}").repeat(len(self.methods), axis=0)  # (N M, 3, K)
            for i, name in enumerate(("random_mean", "random_low", "random_high")):
                part[name] = random[:, i].ravel()
            part.insert(2, "curve", curve)
            parts.append(part)
        return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class Agreement(Arrays):
    """How alike methods rank a pair's tokens.

    Attributes
    ----------
    methods : tuple of str, length=M
    rows : ndarray, dtype=int64, shape=(N,)
    correlations : ndarray, dtype=float64, shape=(N, M, M)
        Spearman rank correlations of magnitudes; NaN where a method ranks nothing.
    """

    methods: tuple[str, ...]
    rows: np.ndarray
    correlations: np.ndarray

    SHAPES = {"methods": "M", "rows": "N", "correlations": "NMM"}

    @property
    def mean(self) -> np.ndarray:
        """Mean over the pairs for which it is known: ndarray, shape=(M, M)."""
        return _mean(self.correlations, axis=0)

    def frame(self) -> pd.DataFrame:
        """One line per pair and two methods, each two once."""
        frame = _long({"row": self.rows, "method": self.methods, "other": self.methods},
                      {"rank_correlation": self.correlations})
        place = {method: i for i, method in enumerate(self.methods)}
        return frame[frame["method"].map(place) < frame["other"].map(place)].reset_index(drop=True)


@dataclass(frozen=True)
class Randomisation(Arrays):
    """How much explanations resemble those of the same model with its weights shuffled.

    Attributes
    ----------
    methods : tuple of str, length=M
    reasons : tuple of str, length=M
        Why a method was not checked; empty where it was.
    rows : ndarray, dtype=int64, shape=(N,)
    correlations : ndarray, dtype=float64, shape=(M, R, N)
        Spearman rank correlation between the sizes of what a method says of each token, of the model and of
        its r-th shuffle; size: the value without its sign. NaN where unknown.
    magnitude_correlations : ndarray, shape=(M, R, N)
        The same between the magnitudes. They may show a token's distance from the baseline more than the
        model, as those of Integrated Gradients do.
    """

    methods: tuple[str, ...]
    reasons: tuple[str, ...]
    rows: np.ndarray
    correlations: np.ndarray
    magnitude_correlations: np.ndarray

    SHAPES = {"methods": "M", "reasons": "M", "rows": "N", "correlations": "MRN",
              "magnitude_correlations": "MRN"}  # fmt: skip

    @property
    def mean(self) -> np.ndarray:
        """Mean over shuffles and pairs: ndarray, shape=(M,), NaN for methods that were not checked."""
        return _mean(self.correlations, axis=(1, 2))

    @property
    def passes(self) -> np.ndarray:
        """True where a method looks clearly different without what the model learned: dtype=bool, (M,)."""
        return self.mean < ALIKE

    def frame(self) -> pd.DataFrame:
        """One line per method, shuffle and pair."""
        draws = range(1, self.correlations.shape[1] + 1)
        return _long({"method": self.methods, "shuffle": draws, "row": self.rows},
                     {"rank_correlation": self.correlations,
                      "magnitude_rank_correlation": self.magnitude_correlations})


@dataclass(frozen=True)
class Controls(Arrays):
    """One pair beside pairs that cannot interact for what they are: C kinds of control, n of each.

    Attributes
    ----------
    kinds : tuple of str, length=C
        Keys of `CONTROLS`.
    tokens : tuple of str, length=2T
    methods : tuple of str, length=M
    logit, probability : float
        Of the pair.
    null_logits, null_probabilities : ndarray, dtype=float64, shape=(C, n)
    p_values : ndarray, shape=(C,)
        Share of controls with at least the pair's logit, one added to both counts.
    token_values : ndarray, shape=(M, 2T)
        Of the pair: size of what the methods say about each token.
    null_largest : ndarray, shape=(M, C, E)
        The largest of these in each of the first E controls of a kind.
    token_p_values : ndarray, shape=(M, C, 2T)
        Share of controls whose largest is at least the token's: valid for all tokens at once.
    """

    kinds: tuple[str, ...]
    tokens: tuple[str, ...]
    methods: tuple[str, ...]
    logit: float
    probability: float
    null_logits: np.ndarray
    null_probabilities: np.ndarray
    p_values: np.ndarray
    token_values: np.ndarray
    null_largest: np.ndarray
    token_p_values: np.ndarray

    SHAPES = {
        "kinds": "C", "tokens": "T", "methods": "M", "logit": "", "probability": "", "null_logits": "Cn",
        "null_probabilities": "Cn", "p_values": "C", "token_values": "MT", "null_largest": "MCE",
        "token_p_values": "MCT",
    }  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """One line per control, below one for the pair itself."""
        n = self.null_logits.shape[1]
        own = pd.DataFrame({"kind": ["pair"], "number": [0], "logit": [self.logit],
                            "probability": [self.probability]})  # fmt: skip
        null = _long({"kind": self.kinds, "number": range(1, n + 1)},
                     {"logit": self.null_logits, "probability": self.null_probabilities})
        return pd.concat([own, null], ignore_index=True)

    def token_frame(self) -> pd.DataFrame:
        """One line per method, kind of control and token."""
        frame = _long({"method": self.methods, "kind": self.kinds, "token": self.tokens},
                      {"p_value": self.token_p_values})
        sizes = np.broadcast_to(self.token_values[:, None], self.token_p_values.shape)
        frame.insert(3, "size", sizes.ravel())
        return frame


def empirical_p(values: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Share of null values (..., R) that reach each of the values (..., V), one added to both counts.

    Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 2010;9:39, doi 10.2202/1544-6115.1585: a p-value from
    draws is never 0.
    """
    reached = (null[..., None, :] >= values[..., :, None]).sum(axis=-1)
    return (1 + reached) / (1 + null.shape[-1])


def _mean(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Mean of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    return np.where(count, np.where(known, values, 0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def _long(axes: Mapping[str, object], arrays: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One line per position of arrays that share their axes."""
    index = pd.MultiIndex.from_product([list(labels) for labels in axes.values()], names=list(axes))
    columns = {name: np.ravel(array) for name, array in arrays.items()}
    return pd.DataFrame(columns, index=index).reset_index()
