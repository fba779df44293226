"""Which tokens come first: one ranking, by the numbers that bars and colours show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from esm2amp_core.explanations import Explanation
from esm2amp_core.figures.explanation_parts import token_values

_EQUAL = 1e-9
"""Shares of a method's total that differ by less are equal."""


class Leaders(NamedTuple):
    """Tokens that nothing tells apart.

    Attributes
    ----------
    tokens : tuple of str
    votes : int
        Methods that have them among their first.
    """

    tokens: tuple[str, ...]
    votes: int


def shares_of(part: Explanation) -> np.ndarray:
    """What share each token has in the sizes of all drawn values, whatever their signs: shape=(2T,).

    All 0 where every value is; 0 where the method says nothing.
    """
    sizes = np.nan_to_num(np.abs(token_values(part)[0]))
    total = sizes.sum()
    return sizes / total if total else sizes


def places_of(part: Explanation) -> np.ndarray:
    """Places by the size of the drawn value, from 1: ndarray, dtype=int64, shape=(2T,).

    Equal tokens share the best place of theirs.
    """
    shares = shares_of(part)
    return 1 + (shares[None, :] > shares[:, None] + _EQUAL).sum(axis=1)


def leaders_of(parts: Sequence[Explanation], tokens: Sequence[str], count: int = 3) -> list[Leaders]:
    """Tokens that most methods have among their first `count`; those with as many votes by their mean share.

    Parameters
    ----------
    parts : sequence of Explanation
        What each method says of one pair, as `part_of` gives it.
    tokens : sequence of str, length=2T
    count : int
        Of tokens; more where the last ones are equal.
    """
    shares = np.array([shares_of(part) for part in parts])
    votes, share = _votes(parts, count), shares.mean(axis=0)
    found: list[Leaders] = []
    last = np.inf
    for i in np.lexsort((-share, -votes)):
        if found and votes[i] == found[-1].votes and last - share[i] <= _EQUAL:
            found[-1] = Leaders((*found[-1].tokens, tokens[i]), int(votes[i]))
        elif not votes[i] or sum(len(one.tokens) for one in found) >= count:
            break
        else:
            found.append(Leaders((tokens[i],), int(votes[i])))
            last = share[i]
    return found


def others_as_often(parts: Sequence[Explanation], leaders: Sequence[Leaders], count: int = 3) -> int:
    """Tokens beside the leaders that as many methods have among their first as the last leader."""
    named = sum(len(one.tokens) for one in leaders if one.votes == leaders[-1].votes)
    return int((_votes(parts, count) == leaders[-1].votes).sum()) - named if leaders else 0


def _votes(parts: Sequence[Explanation], count: int) -> np.ndarray:
    """How many methods have each token among their first: shape=(2T,)."""
    return np.array([(places_of(part) <= count) & (shares_of(part) > 0) for part in parts]).sum(axis=0)
