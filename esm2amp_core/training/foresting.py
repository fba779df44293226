"""Training the random forest of AE_RF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
import torch
from sklearn.ensemble import RandomForestClassifier

from esm2amp_core.evaluation.measures import measure
from esm2amp_core.progress import Report, silent
from esm2amp_core.surrogates.surrogate import swapped

STAGE, SEARCH_STAGE = "Growing the forest", "Searching the forest's settings"
TREES_AT_ONCE = 5
SEARCH_TREES = 30
"""Trees of a trial's forest: enough to tell settings apart."""


@dataclass(frozen=True, kw_only=True)
class ForestSettings:
    """Choices of a forest.

    Attributes
    ----------
    trees, leaves : int
        Number of trees; leaves of each at most, which bounds the file's size (22 bytes per node).
    samples_leaf : int
        Training pairs in a leaf at least.
    features : float
        Share of the numbers that a split may choose from.
    seed : int
    """

    trees: int = 100
    leaves: int = 256
    samples_leaf: int = 20
    features: float = 0.05
    seed: int = 0


def grow(
    rows: np.ndarray, labels: np.ndarray, settings: ForestSettings, *, report: Report = silent
) -> RandomForestClassifier:
    """A forest that reads every pair in both orders.

    Parameters
    ----------
    rows : ndarray, dtype=float32, shape=(N, 2T * latent)
    labels : ndarray, dtype=int, shape=(N,)
    settings : ForestSettings
    report : Report
    """
    both, twice = np.concatenate([rows, swapped(rows)]), np.concatenate([labels, labels]).astype(np.int64)
    forest = RandomForestClassifier(
        n_estimators=0, max_leaf_nodes=settings.leaves, min_samples_leaf=settings.samples_leaf,
        max_features=settings.features, random_state=settings.seed % 2**32, warm_start=True,
        n_jobs=torch.get_num_threads(),
    )  # fmt: skip
    while forest.n_estimators < settings.trees:  # the same trees as in one go
        report(STAGE, forest.n_estimators, settings.trees)
        forest.n_estimators = min(settings.trees, forest.n_estimators + TREES_AT_ONCE)
        forest.fit(both, twice)
    report(STAGE, settings.trees, settings.trees)
    forest.warm_start, forest.n_jobs = False, None
    return forest


def search(
    rows: np.ndarray,
    labels: np.ndarray,
    judge: Callable[[RandomForestClassifier], float],
    settings: ForestSettings,
    n_trials: int,
    *,
    report: Report = silent,
) -> tuple[ForestSettings, list[dict[str, Any]]]:
    """The settings that `judge` likes best (Optuna's TPE), and what was tried.

    The number of trees and of leaves is not searched: more are better, and cost time and space.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize",
                                sampler=optuna.samplers.TPESampler(seed=settings.seed % 2**32))
    study.enqueue_trial({"samples_leaf": settings.samples_leaf, "features": settings.features})
    for number in range(n_trials):
        report(SEARCH_STAGE, number, n_trials)
        trial = study.ask()
        tried = replace(
            settings, trees=min(settings.trees, SEARCH_TREES),
            samples_leaf=trial.suggest_int("samples_leaf", 2, 200, log=True),
            features=trial.suggest_float("features", 0.01, 0.5, log=True),
        )  # fmt: skip

        def inner(stage: str, done: int, total: int, number: int = number) -> None:
            report(SEARCH_STAGE, number, n_trials)  # may raise to stop

        study.tell(trial, judge(grow(rows, labels, tried, report=inner)))
    report(SEARCH_STAGE, n_trials, n_trials)
    found = [{**trial.params, "auroc": trial.value} for trial in study.trials]
    return replace(settings, **study.best_params), found


def auroc(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Area under the ROC curve."""
    return measure(labels, probabilities)["auroc"]
