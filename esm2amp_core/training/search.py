"""Which settings a search may try: the published ranges, or a person's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from optuna.trial import BaseTrial

from esm2amp_core.errors import UserError
from esm2amp_core.training.recipe import Recipe, size_names


@dataclass(frozen=True)
class Range:
    """Values of one setting.

    Attributes
    ----------
    low, high : float
        Both included.
    step : int
        Distance of the values of a layer size; 0 for a real number, whose logarithm is drawn evenly.

    Raises
    ------
    UserError
        If it holds no value.
    """

    low: float
    high: float
    step: int = 0

    def __post_init__(self) -> None:
        if not (0 < self.low <= self.high and self.step >= 0):
            raise UserError(f"The range {self} is none.",
                            hint="Write LOW:HIGH, both above 0, LOW not above HIGH.")

    def suggest(self, trial: BaseTrial, name: str) -> float | int:
        """The value that a trial tries."""
        if self.step:
            return trial.suggest_int(name, int(self.low), int(self.high), step=self.step)
        return trial.suggest_float(name, self.low, self.high, log=True)

    def __str__(self) -> str:
        return f"{self.low:g}:{self.high:g}" + (f":{self.step}" if self.step else "")


RATES = {"rate": Range(1e-5, 1e-3), "weight_decay": Range(1e-4, 1e-2)}
_AMPS = {**RATES, "hidden1": Range(480, 640, 160), "hidden2": Range(80, 320, 80)}
PUBLISHED = {
    "amps": _AMPS,
    "amp_cse": {**_AMPS, "weight_decay": Range(1e-4, 1e-1)},
    "gru": _AMPS,
    "mean": _AMPS,
    "dpm": {
        "rate": Range(1e-6, 1e-5), "weight_decay": Range(1e-3, 1e-1), "hidden1": Range(960, 1280, 320),
        "hidden2": Range(320, 640, 160), "hidden3": Range(40, 160, 60),
    },
}  # fmt: skip
"""As published (doi 10.1093/bib/bbaf434); `gru` and `mean` have those of `amps`, whose tokens they read."""


def ranges_for(recipe: Recipe, own: Mapping[str, Range]) -> dict[str, Range]:
    """What is searched: the published ranges, a person's own in their place; never what the recipe fixes.

    Raises
    ------
    UserError
        If a range is of something that the architecture does not have, or is fixed too.
    """
    known = (*RATES, *size_names(recipe.architecture))
    for name in own:
        if name not in known:
            raise UserError(f"{recipe.architecture} has no {name!r} to search.",
                            hint=f"It has {', '.join(known)}.")
        if name in recipe.sizes:
            raise UserError(f"{name} is both fixed and searched.", hint="Leave one of the two out.")
    sized = {name: range_ if range_.step or name in RATES else replace(range_, step=1)
             for name, range_ in own.items()}
    ranges = {**PUBLISHED.get(recipe.architecture, RATES), **sized}
    return {name: range_ for name, range_ in ranges.items() if name not in recipe.sizes}


def with_values(recipe: Recipe, values: Mapping[str, float | int]) -> Recipe:
    """The recipe with the values that a trial tried."""
    rates = {name: value for name, value in values.items() if name in RATES}
    sizes = {name: int(value) for name, value in values.items() if name not in RATES}
    return replace(recipe, sizes={**recipe.sizes, **sizes}, settings=replace(recipe.settings, **rates))
