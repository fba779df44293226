"""From logits to probabilities that mean what they say: of pairs scored 0.8, eight in ten interact."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from esm2amp_core.errors import BundleError

METHODS = ("none", "temperature", "isotonic")
CERTAIN = 1e-15
"""Probabilities stay this far from 0 and 1: nothing predicted is certain."""
FOLDS = 5
MIN_STEP = 50
"""Pairs on which each step of an isotonic fit rests at least."""


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) without overflow; missing stays missing."""
    with np.errstate(invalid="ignore"):  # a missing logit is nothing to warn of
        return np.exp(-np.logaddexp(0.0, -x))


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """The inverse of `sigmoid`."""
    return np.log(probabilities) - np.log1p(-probabilities)


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A rising function from a classifier's logit to a probability.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    temperature : float
        ``sigmoid(logit / temperature)``; for "isotonic", the slope beyond the outermost knots.
    knot_logits, knot_probabilities : tuple of float, length=K
        For "isotonic": points of the function, both strictly rising. Between them the log-odds run
        straight, so that two pairs with different logits hardly ever share a probability.
    n_pairs : int
        Labelled pairs it was fitted on.
    log_loss : mapping of str to float
        Mean cross-entropy in nats that each method reached on pairs held out from its fit.

    Raises
    ------
    BundleError
        If the values make no function of this kind: they may come from a bundle made by others.
    """

    method: str = "none"
    temperature: float = 1.0
    knot_logits: tuple[float, ...] = ()
    knot_probabilities: tuple[float, ...] = ()
    n_pairs: int = 0
    log_loss: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        x, y = np.array(self.knot_logits, dtype=float), np.array(self.knot_probabilities, dtype=float)
        rising = x.ndim == y.ndim == 1 and (np.diff(x) > 0).all() and (np.diff(y) > 0).all()
        inside = np.isfinite(x).all() and (y > 0).all() and (y < 1).all()
        if self.method not in METHODS or not (math.isfinite(self.temperature) and self.temperature > 0):
            raise BundleError(f"Calibration by {self.method!r} with temperature {self.temperature}.",
                              hint=f"Known are {', '.join(METHODS)}; the temperature lies above 0.")
        if not isinstance(self.n_pairs, int) or not isinstance(self.log_loss, Mapping):
            raise BundleError("The calibration does not say on how many pairs and how well it was fitted.")
        if len(x) != len(y) or not (rising and inside) or (len(x) > 0) != (self.method == "isotonic"):
            raise BundleError("The knots of the calibration make no rising function between 0 and 1.",
                              hint="Calibrate the model again.")

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities, same shape as `logits`; never 0 or 1, missing where a logit is."""
        x = np.asarray(logits, dtype=np.float64)
        if self.method != "isotonic":
            return np.clip(sigmoid(x / self.temperature), CERTAIN, 1 - CERTAIN)
        knots = np.array(self.knot_logits)
        inside = np.clip(x, knots[0], knots[-1])
        odds = np.interp(inside, knots, log_odds(np.array(self.knot_probabilities)))
        return np.clip(sigmoid(odds + (x - inside) / self.temperature), CERTAIN, 1 - CERTAIN)

    def __str__(self) -> str:
        if self.method == "none":
            return "Not calibrated."
        name = "Isotonic regression" if self.method == "isotonic" else f"Temperature {self.temperature:.3g}"
        losses = ", ".join(f"{method} {loss:.4f}" for method, loss in self.log_loss.items())
        held_out = f" Log loss on pairs held out from the fit: {losses}." if losses else ""
        return f"{name}, fitted on {self.n_pairs:,} validation pairs.{held_out}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = asdict(self).items()
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The calibration that `to_dict` wrote.

        Raises
        ------
        BundleError
            If it is none.
        """
        try:
            knots = {name: tuple(map(float, values.get(name, ())))
                     for name in ("knot_logits", "knot_probabilities")}
            return cls(**{**values, **knots})
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise BundleError(f"The calibration cannot be read: {error}.") from None


def fit_calibration(labels: np.ndarray, logits: np.ndarray, groups: np.ndarray | None = None) -> Calibration:
    """The better of temperature and isotonic calibration.

    Parameters
    ----------
    labels, logits : ndarray, shape=(N,)
        0 or 1, and the score, of pairs the classifier was not trained on.
    groups : ndarray, shape=(N, 2) or (N,), optional
        The two proteins of each pair, or its cluster. A method is then judged on pairs of which no
        protein was in its fit.

    Returns
    -------
    Calibration
        Fitted on all pairs, by the method with the lower log loss on held-out ones.

    Raises
    ------
    ValueError
        If only one label occurs or a logit is not finite.
    """
    labels, logits = np.asarray(labels, dtype=float), np.asarray(logits, dtype=float)
    if len(np.unique(labels)) != 2 or not np.isfinite(logits).all():
        raise ValueError("Calibration needs pairs of both labels, all of them scored.")
    fits = {"temperature": fit_by_temperature, "isotonic": fit_by_isotonic}
    losses: dict[str, list[np.ndarray]] = {name: [] for name in fits}
    for fitted, held_out in _folds(labels, groups):
        for name, fit in fits.items():
            probabilities = fit(labels[fitted], logits[fitted]).probabilities(logits[held_out])
            losses[name].append(-np.log(np.where(labels[held_out] == 1, probabilities, 1 - probabilities)))
    means = {name: float(np.concatenate(parts).mean()) for name, parts in losses.items() if parts}
    best = fits[min(means, key=means.get, default="temperature")]
    return replace(best(labels, logits), n_pairs=len(labels), log_loss=means)


def _folds(labels: np.ndarray, groups: np.ndarray | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs to fit on and pairs held out, as masks; pairs with a group on both sides are neither."""
    members = np.arange(len(labels)) if groups is None else np.asarray(groups)
    names, member = np.unique(members.reshape(len(labels), -1), return_inverse=True)
    fold_of = np.random.default_rng(0).permutation(len(names)) % FOLDS
    folds = fold_of[member.reshape(len(labels), -1)]  # (N, groups per pair)
    for fold in range(FOLDS):
        fitted, held_out = (folds != fold).all(axis=1), (folds == fold).all(axis=1)
        if held_out.any() and len(np.unique(labels[fitted])) == 2:
            yield fitted, held_out


def fit_by_temperature(labels: np.ndarray, logits: np.ndarray) -> Calibration:
    """Calibration by one number; arguments as for `fit_calibration`."""
    return Calibration(method="temperature", temperature=fit_temperature(labels, logits))


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """The temperature under which ``sigmoid(logit / temperature)`` fits the labels best.

    Parameters
    ----------
    labels, logits : ndarray, shape=(N,)
        Of pairs the classifier was not trained on.

    Returns
    -------
    float
        From 0.1 to 10, to a relative precision of 0.1 %.
    """
    low, high = np.log(0.1), np.log(10.0)
    golden = (np.sqrt(5.0) - 1.0) / 2.0
    # Golden-section search: the loss has one minimum in the logarithm of the temperature.
    while high - low > 1e-3:
        left, right = high - golden * (high - low), low + golden * (high - low)
        if _loss_at(left, labels, logits) < _loss_at(right, labels, logits):
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))


def _loss_at(log_temperature: float, labels: np.ndarray, logits: np.ndarray) -> float:
    cooled = logits / np.exp(log_temperature)
    return float(np.mean(np.logaddexp(0.0, cooled) - labels * cooled))


def fit_by_isotonic(labels: np.ndarray, logits: np.ndarray) -> Calibration:
    """Calibration by a rising curve; arguments as for `fit_calibration`.

    The steps of isotonic regression become knots at their centres ("centred" isotonic regression, Oron
    and Flournoy 2017), so that the curve rises everywhere and keeps the ranking. Every step rests on
    `MIN_STEP` pairs and is drawn half a pair towards 1/2, which keeps it from 0 and 1.
    """
    centres, heights, weights = _merge_small(*_steps(logits, labels, np.ones(len(labels))))
    drawn_in = (heights * weights + 0.5) / (weights + 1)
    centres, heights, _ = _steps(centres, drawn_in, weights)  # light steps may now be out of order
    return Calibration(method="isotonic", temperature=fit_temperature(labels, logits),
                       knot_logits=tuple(centres.tolist()), knot_probabilities=tuple(heights.tolist()))


def _steps(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Isotonic regression of y on x as its steps: centre, height and weight of each, rising."""
    from sklearn.isotonic import IsotonicRegression  # heavy, and only needed where something is fitted

    heights = IsotonicRegression().fit(x, y, sample_weight=weights).predict(x)
    _, step = np.unique(heights.round(12), return_inverse=True)
    total = np.bincount(step, weights)
    return np.bincount(step, weights * x) / total, np.bincount(step, weights * y) / total, total


def _merge_small(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join neighbouring steps until each weighs `MIN_STEP`; a light rest joins the last one."""
    before = np.cumsum(weights) - weights
    group = np.zeros(len(weights), dtype=int)
    start = 0.0
    for i in range(1, len(weights)):
        enough = before[i] - start >= MIN_STEP and before[-1] + weights[-1] - before[i] >= MIN_STEP
        group[i] = group[i - 1] + enough
        start = before[i] if enough else start
    total = np.bincount(group, weights)
    return np.bincount(group, weights * x) / total, np.bincount(group, weights * y) / total, total
