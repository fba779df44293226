"""What every explainer owes its reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from esm2amp_core.errors import UserError
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.progress import Report, silent

BASELINES = ("background", "zero")
FEWEST_ORDERS = 20
"""Random orders from which on one in twenty can be told from chance, where one method is judged."""
MOST_SEED = 2**32 - 1
"""Every generator of random numbers takes it, also several times as large."""


@dataclass(frozen=True, kw_only=True)
class ExplainSettings:
    """Choices that all methods share.

    Attributes
    ----------
    seed : int
        Of every random number; from 0 on.
    baseline : str
        What pairs are compared with: ``background``, the mean of the bundle's training proteins, or ``zero``.
    coalitions : int
        Of a pair's tokens, for Shapley values: fewer are faster and less exact. 0: all where that is cheap or
        on an accelerator, else a number with which a pair takes seconds; from 2^(2T) on, all of them, which
        at most 20 tokens have in reach.
    random_orders : int
        Per pair, beside which deletion and insertion curves are seen; from 20 on. 0: 200 where pairs are few.
        At least 20 per method are taken (less one), which is what judging them side by side needs.

    Raises
    ------
    UserError
        If there is no such baseline, or a number is out of its range.
    """

    seed: int = 0
    baseline: str = "background"
    coalitions: int = 0
    random_orders: int = 0

    def __post_init__(self) -> None:
        if self.baseline not in BASELINES:
            raise UserError(f"There is no baseline {self.baseline!r}.",
                            hint=f"Choose one of {', '.join(BASELINES)}.")
        if not 0 <= self.seed <= MOST_SEED:
            raise UserError(f"The seed {self.seed} is not a number from 0 to {MOST_SEED}.",
                            hint="Take any other one, such as 0.")
        if self.coalitions < 0 or self.random_orders < 0 or 0 < self.random_orders < FEWEST_ORDERS:
            raise UserError(f"{self.coalitions} coalitions, {self.random_orders} random orders: too few.",
                            hint=f"Take 0 for the usual numbers, or at least {FEWEST_ORDERS} orders.")


class Explainer(ABC):
    """Says why a model gave pairs their scores.

    The same input and settings give the same numbers, but for rounding whichever pairs stand beside a pair.
    The model is left as it was: no hook, no gradient, no changed weight.

    Parameters
    ----------
    subject : Subject
    settings : ExplainSettings
    """

    method: ClassVar[str]

    def __init__(self, subject: Subject, settings: ExplainSettings | None = None) -> None:
        self.subject, self.settings = subject, settings or ExplainSettings()

    @classmethod
    def why_not(cls, subject: Subject) -> str:
        """Why this method cannot explain this model, in one sentence; empty where it can."""
        return ""

    @abstractmethod
    def explain(self, pairs: PairFeatures, report: Report = silent) -> Explanation:
        """Explain pairs, some at a time; `report` may raise to stop."""

    def pair_axis(self, pairs: PairFeatures) -> Axis:
        """The axis of pairs, labelled with their rows."""
        return Axis("pairs", tuple(int(row) for row in pairs.rows))

    @property
    def token_axis(self) -> Axis:
        """The axis of a pair's tokens."""
        return Axis("tokens", self.subject.token_names)
