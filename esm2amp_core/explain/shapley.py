"""Shapley values and interactions of any game of n players, from the values of all coalitions or of some.

Weights: Shapley 1953; interaction index: Grabisch and Roubens, Int. J. Game Theory 1999;28:547,
doi 10.1007/s001820050125. From some coalitions: weighted least squares with the values of the empty and the
full coalition held fixed (KernelSHAP: Lundberg and Lee 2017, arXiv 1705.07874; Covert and Lee 2021, arXiv
2012.01536), here with a term for every pair of players. What that model leaves over is spread by the
definition's own weights, each coalition drawn standing for those that were not (Fumagalli et al. 2023,
arXiv 2303.01179); for the Shapley values this last step adds exactly nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import comb, factorial
from typing import Self

import numpy as np

from esm2amp_core.errors import UserError

MOST_PLAYERS = 20
"""Up to which all coalitions are taken: about a million."""
_ROWS = 65_536
MOST_DRAWN = 65_536
_FEWEST_DRAWN = 50
"""Pairs of drawn coalitions below which a standard error means little."""


@dataclass(frozen=True)
class ShapleyValues:
    """What each player, and each pair of players together, adds.

    Attributes
    ----------
    base, output : float
        Values of the empty and of the full coalition; ``base + values.sum() == output``.
    values : ndarray, dtype=float64, shape=(n,)
    interactions : ndarray, dtype=float64, shape=(n, n)
        Symmetric, diagonal 0: how much more two players add together than each by itself, on average over
        what others are present (Shapley interaction index). Above zero they support, below zero replace
        each other.
    value_errors, interaction_errors : ndarray, same shapes
        Standard errors; 0 where all coalitions were taken.
    """

    base: float
    output: float
    values: np.ndarray
    interactions: np.ndarray
    value_errors: np.ndarray
    interaction_errors: np.ndarray


def all_coalitions(n: int) -> np.ndarray:
    """Every coalition: ndarray, dtype=bool, shape=(2^n, n); row r holds player i where r has bit i."""
    rows = np.arange(2**n, dtype="<u4").view(np.uint8).reshape(-1, 4)
    return np.unpackbits(rows, axis=1, bitorder="little", count=n).astype(bool)


def exact(values: np.ndarray) -> ShapleyValues:
    """Shapley values from the values of `all_coalitions`, in their order.

    Raises
    ------
    ValueError
        If their number is no power of two from 4 to 2^`MOST_PLAYERS`.
    """
    n = len(values).bit_length() - 1
    if len(values) != 2**n or not 2 <= n <= MOST_PLAYERS:
        raise ValueError(f"{len(values)} values are not those of all coalitions of 2 to {MOST_PLAYERS}.")
    found, together = _sums(all_coalitions(n), values - values[0])
    return ShapleyValues(float(values[0]), float(values[-1]), found, together,
                         np.zeros(n), np.zeros((n, n)))  # fmt: skip


@dataclass(frozen=True)
class Design:
    """Which coalitions are taken where all are too many; it depends on three numbers alone.

    Attributes
    ----------
    present : ndarray, dtype=bool, shape=(M, n)
        First the empty and the full one, then all of 1, n - 1, 2 and n - 2 players, then those that were
        drawn, each followed by its complement.
    stands_for : ndarray, dtype=float64, shape=(M,)
        How many coalitions each one represents; 1 for those that were not drawn.
    n_drawn : int
        Pairs of a coalition and its complement that were drawn.
    """

    present: np.ndarray
    stands_for: np.ndarray
    n_drawn: int

    @classmethod
    def draw(cls, n: int, size: int, *, seed: int) -> Self:
        """Draw coalitions for `n` players (at least 6), at most `size` in all.

        Raises
        ------
        UserError
            If `size` is too small for so many players, or above `MOST_DRAWN`.
        """
        if size > MOST_DRAWN:
            raise UserError(f"{size:,} coalitions are too many to draw.",
                            hint=f"Take at most {MOST_DRAWN:,}, or 0 to leave it to the program.")
        kept = np.vstack([_of_sizes(n, small) for small in (0, 1, 2)])
        n_drawn = (size - 2 * len(kept)) // 2
        if n_drawn < _FEWEST_DRAWN:
            raise UserError(f"{size:,} coalitions are too few for {n} tokens.",
                            hint=f"Take at least {2 * (len(kept) + _FEWEST_DRAWN):,}.")
        random = np.random.default_rng(seed)
        sizes = np.arange(3, n - 2)
        share = 1 / (sizes * (n - sizes))
        share = share / share.sum()
        # One number per stratum of equal width: the sizes come in the shares wanted, not by luck.
        even = (np.arange(n_drawn) + random.random(n_drawn)) / n_drawn
        size_drawn = sizes[np.minimum(np.searchsorted(share.cumsum(), even), len(sizes) - 1)]
        ranks = random.random((n_drawn, n)).argsort(axis=1).argsort(axis=1)
        drawn = ranks < size_drawn[:, None]
        n_of_size = np.array([comb(n, int(s)) for s in size_drawn])
        stands_for = n_of_size / share[size_drawn - 3] / (2 * n_drawn)
        return cls(np.vstack([_paired(kept), _paired(drawn)]),
                   np.concatenate([np.ones(2 * len(kept)), stands_for.repeat(2)]), n_drawn)  # fmt: skip

    def solve(self, values: np.ndarray) -> ShapleyValues:
        """Shapley values from the values (M,) of the coalitions."""
        n, base, output = self.present.shape[1], float(values[0]), float(values[1])
        first, second = np.triu_indices(n, k=1)
        terms, inverse, leverage = self._fit
        inner = slice(2, None)
        weighted = terms.T @ (self._weights * (values[inner] - base))
        coefficients = (inverse @ np.append(weighted, output - base))[:-1]
        left = np.zeros(len(values))
        left[inner] = values[inner] - base - terms @ coefficients
        pairwise = np.zeros((n, n))
        pairwise[first, second] = coefficients[n:]
        pairwise += pairwise.T
        _, more = _sums(self.present, self.stands_for * left)
        shapley = coefficients[:n] + pairwise.sum(axis=1) / 2
        shapley += (output - base - shapley.sum()) / n  # rounding only
        left[inner] /= 1 - leverage  # as if the coalition had not been fitted
        return ShapleyValues(base, output, shapley, pairwise + more, *self._errors(left))

    @property
    def _weights(self) -> np.ndarray:
        """Shapley kernel of every coalition but the empty and the full one, for all that it stands for."""
        n, sizes = self.present.shape[1], self.present[2:].sum(axis=1)
        kernel = np.array([np.inf, *((n - 1) / (comb(n, s) * s * (n - s)) for s in range(1, n)), np.inf])
        return kernel[sizes] * self.stands_for[2:]

    @cached_property
    def _fit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Terms (M - 2, P) of the model, inverse (P + 1, P + 1) of its equations, leverage (M - 2,)."""
        players = self.present[2:].astype(float)
        first, second = np.triu_indices(players.shape[1], k=1)
        terms = np.hstack([players, players[:, first] * players[:, second]])
        P = terms.shape[1]
        equations = np.ones((P + 1, P + 1))  # the last one: all coefficients add up to output - base
        equations[:P, :P] = (terms.T * self._weights) @ terms
        equations[P, P] = 0
        inverse = np.linalg.inv(equations)
        leverage = self._weights * ((terms @ inverse[:P, :P]) * terms).sum(axis=1)
        return terms, inverse, leverage.clip(0, 0.99)

    def _errors(self, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Standard errors of values and interactions, from how differently the drawn pairs pull at them."""
        drawn = slice(len(left) - 2 * self.n_drawn, None)
        present, left = self.present[drawn], (self.stands_for * left)[drawn]
        n = present.shape[1]
        sums, squares = [np.zeros(n), np.zeros((n, n))], [np.zeros(n), np.zeros((n, n))]
        for start in range(0, len(left), 4096):
            pulls = _shares(present[start : start + 4096], left[start : start + 4096])
            for k, pull in enumerate(pulls):
                pull = pull[::2] + pull[1::2]
                sums[k] += pull.sum(axis=0)
                squares[k] += (pull**2).sum(axis=0)
        K = self.n_drawn
        value_errors, interaction_errors = (
            np.sqrt(np.maximum(square - total**2 / K, 0) * K / (K - 1))
            for total, square in zip(sums, squares, strict=True)
        )
        return value_errors, interaction_errors


def _of_sizes(n: int, size: int) -> np.ndarray:
    """All coalitions of 0, 1 or 2 of n players."""
    if size == 2:
        first, second = np.triu_indices(n, k=1)
        return np.eye(n, dtype=bool)[first] | np.eye(n, dtype=bool)[second]
    return np.eye(n, dtype=bool) if size else np.zeros((1, n), dtype=bool)


def _paired(coalitions: np.ndarray) -> np.ndarray:
    """Each coalition followed by its complement."""
    return np.stack([coalitions, ~coalitions], axis=1).reshape(-1, coalitions.shape[1])


def _size_weights(n: int) -> tuple[np.ndarray, ...]:
    """Weights by a coalition's size s = 0 ... n, all of them positive.

    Shapley value, player inside and outside; interaction, both inside, one of them, none.
    """
    return (
        _quotients(n, n, -1, 0), _quotients(n, n, 0, -1),
        _quotients(n, n - 1, -2, 0), _quotients(n, n - 1, -1, -1), _quotients(n, n - 1, 0, -2),
    )  # fmt: skip


def _quotients(n: int, below: int, inside: int, outside: int) -> np.ndarray:
    """``(s + inside)! (n - s + outside)! / below!`` for s = 0 ... n; 0 where a factorial does not exist."""
    return np.array([
        factorial(s + inside) * factorial(n - s + outside) / factorial(below)
        if s + inside >= 0 and n - s + outside >= 0 else 0.0
        for s in range(n + 1)
    ])  # fmt: skip


def _sums(present: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values (n,) and interactions (n, n): sums over coalitions, by the definitions' weights.

    With z the coalition as zeros and ones, the weight of a value in player i's is ``inside z_i - outside
    (1 - z_i)``, and in the interaction of i and j ``both z_i z_j - one (z_i + z_j - 2 z_i z_j) + none (1 -
    z_i)(1 - z_j)``: three matrix products serve all of them.
    """
    n = present.shape[1]
    inside, outside, both, one, none = _size_weights(n)
    single, double, linear, rest = np.zeros(n), np.zeros((n, n)), np.zeros(n), 0.0
    for start in range(0, len(present), _ROWS):
        z, v = present[start : start + _ROWS].astype(float), values[start : start + _ROWS]
        size = present[start : start + _ROWS].sum(axis=1)
        single += z.T @ ((inside + outside)[size] * v) - outside[size] @ v
        double += (z.T * ((both + 2 * one + none)[size] * v)) @ z
        linear += z.T @ ((one + none)[size] * v)
        rest += none[size] @ v
    return single, _off_diagonal(double - linear[:, None] - linear[None, :] + rest)


def _shares(present: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What each coalition adds to the results of `_sums`: (M, n) and (M, n, n)."""
    size, z = present.sum(axis=1), present.astype(float)
    inside, outside, both, one, none = (w[size] * values for w in _size_weights(present.shape[1]))
    single = z * inside[:, None] - (1 - z) * outside[:, None]
    i, j = z[:, :, None], z[:, None, :]
    both, one, none = (w[:, None, None] for w in (both, one, none))
    return single, _off_diagonal(both * i * j - one * (i + j - 2 * i * j) + none * (1 - i) * (1 - j))


def _off_diagonal(matrices: np.ndarray) -> np.ndarray:
    return matrices * (1 - np.eye(matrices.shape[-1])) + 0.0  # no -0
