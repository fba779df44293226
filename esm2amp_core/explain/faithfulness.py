"""Deletion and insertion curves: does the score follow the tokens that a method calls important?

As in Petsiuk et al. 2018 (arXiv 1806.07421), with tokens in the place of pixels and random orders beside.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from esm2amp_core.evaluation.intervals import resample
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.coalitions import Game, rows_of
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explanation_tests.faithfulness import Faithfulness
from esm2amp_core.explanation_tests.p_values import SIGNIFICANT, empirical_p, fewest_draws, holm
from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.progress import Report, silent

FEW_PAIRS, ORDERS_OF_FEW, ORDERS_OF_MANY = 50, 200, 20
"""Random orders: the first number for up to so many pairs, the second for more; or what M methods need."""
LEAST_DIFFERENCE = 0.1
"""Logits between a pair and the baseline, below which there is nothing to be faithful to."""
FEWEST_FOR_INTERVAL = 10
STAGE = "Testing explanations"


def measure_faithfulness(
    subject: Subject,
    pairs: PairFeatures,
    explanations: Mapping[str, Explanation],
    settings: ExplainSettings | None = None,
    report: Report = silent,
) -> Faithfulness:
    """Take tokens away, and add them, in the order of each method and in random orders.

    Signed methods rank tokens by how much they speak for the score's side of the baseline, the others by
    magnitude. The random orders are the same for every pair, and every second one is the first's reverse;
    they are as many as the best of the methods needs to be told from chance, or more (`fewest_draws`).

    Parameters
    ----------
    subject : Subject
    pairs : PairFeatures
    explanations : mapping of str to Explanation
        Of these pairs.
    settings : ExplainSettings, optional
    report : Report

    Raises
    ------
    ValueError
        If an explanation is one of other pairs or tokens.
    """
    settings = settings or ExplainSettings()
    N, n, M = len(pairs), len(subject.token_names), len(explanations)
    if wrong := [method for method, found in explanations.items() if found.value.shape != (N, n)]:
        raise ValueError(f"{wrong[0]} explains {explanations[wrong[0]].value.shape}, not {(N, n)}.")
    n_orders = settings.random_orders or (ORDERS_OF_FEW if N <= FEW_PAIRS else ORDERS_OF_MANY)
    n_orders = max(n_orders, fewest_draws(M))
    at_random = _random_orders(n, n_orders, settings.seed)
    curves, random, scores, random_scores, differences = [], [], [], [], np.empty(N)
    for i in range(N):
        report(STAGE, i, N)
        game = Game(subject, pairs, i)
        ends = game.values(np.array([np.zeros(n, dtype=bool), np.ones(n, dtype=bool)]))
        differences[i] = ends[1] - ends[0]
        orders = np.array([_order(method, found, i, differences[i])
                           for method, found in explanations.items()]).reshape(M, n)  # fmt: skip
        here = (STAGE, i, N)
        within = lambda *_, here=here: report(*here)  # noqa: E731  it may be stopped there too
        found = _curves(game, np.vstack([orders, at_random]), within)  # (2, M + R, K)
        chance = found[:, M:]
        # Both ends are the same for every order: the mean of the steps between is the area.
        gains = (found - chance.mean(axis=1, keepdims=True)).sum(axis=2) / n * [[-1], [1]]  # (2, M + R)
        is_clear = abs(differences[i]) >= LEAST_DIFFERENCE
        gains = gains / differences[i] if is_clear else np.full_like(gains, np.nan)
        curves.append(found[:, :M])
        random.append(np.stack([chance.mean(axis=1), *np.quantile(chance, [0.025, 0.975], axis=1)], axis=1))
        scores.append(np.vstack([gains, gains.mean(axis=0)])[:, :M])
        random_scores.append(gains[:, M:].mean(axis=0))
    report(STAGE, N, N)
    score, by_chance = np.array(scores)[:, 2], np.array(random_scores)  # (N, M), (N, R)
    known = np.isfinite(by_chance).all(axis=1)
    p_values = np.where(known[:, None], empirical_p(score, by_chance), np.nan)
    curves, random = np.array(curves), np.array(random)
    better = holm(p_values[known]) <= SIGNIFICANT
    mean, low, high = _mean_over_pairs(pairs.index[known], score[known], settings.seed)
    _, share_low, share_high = _mean_over_pairs(pairs.index[known], better.astype(float), settings.seed)
    mean_p = empirical_p(mean, by_chance[known].mean(axis=0)) if known.any() else np.full(M, np.nan)
    return Faithfulness(
        tuple(explanations), pairs.rows, curves[:, 0], curves[:, 1], random[:, 0], random[:, 1], differences,
        *np.array(scores).transpose(1, 0, 2), np.quantile(by_chance, [0.025, 0.975], axis=1).T, p_values,
        mean, low, high, mean_p, share_low, share_high, n_orders,
    )  # fmt: skip


def _order(method: str, explanation: Explanation, i: int, difference: float) -> np.ndarray:
    """Tokens of pair `i`, the most important first."""
    signed = METHODS[method].signed
    importance = explanation.value[i] * np.sign(difference) if signed else explanation.magnitude[i]
    return np.argsort(-importance, kind="stable")


def _random_orders(n: int, count: int, seed: int) -> np.ndarray:
    """Orders (count, n) of n tokens, each followed by its reverse."""
    forward = np.random.default_rng(seed).random(((count + 1) // 2, n)).argsort(axis=1)
    return np.stack([forward, forward[:, ::-1]], axis=1).reshape(-1, n)[:count]


def _curves(game: Game, orders: np.ndarray, report: Report) -> np.ndarray:
    """Logits (2, R, K): deletion and insertion by each of the orders (R, n)."""
    R, n = orders.shape
    added = orders.argsort(axis=1)[:, None, :] < np.arange(n + 1)[:, None]  # (R, K, n)
    distinct, (deletion, insertion) = rows_of([~added.reshape(-1, n), added.reshape(-1, n)])
    values = game.values(distinct, report)
    return np.stack([values[deletion], values[insertion]]).reshape(2, R, n + 1)


def _mean_over_pairs(
    index: np.ndarray, score: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (M,) of numbers (N, M) of pairs, and the ends of its interval by proteins."""
    N, M = score.shape
    if not N:
        return tuple(np.full((3, M), np.nan))
    mean = score.mean(axis=0)
    if N < FEWEST_FOR_INTERVAL:
        return mean, *np.full((2, M), np.nan)

    def weighted(weights: np.ndarray) -> dict[str, np.ndarray]:
        total = weights.sum(axis=1)
        means = np.divide(weights @ score, total[:, None], out=np.full((len(weights), M), np.nan),
                          where=total[:, None] > 0)
        return {str(k): means[:, k] for k in range(M)}

    replicates = resample(weighted, index[:, 0], index[:, 1], seed=seed)
    ends = [replicates.interval(str(k), mean[k]) for k in range(M)]
    low, high = (np.array([getattr(end, name) for end in ends]) for name in ("low", "high"))
    return mean, low, high
