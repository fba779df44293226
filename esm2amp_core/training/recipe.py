"""Which classifier is trained, and how: the choices that a person or a search makes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import torch

from esm2amp_core.errors import UserError
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.classifier import Classifier
from esm2amp_core.training.fit import FitSettings

PUBLISHED_RATES = {
    "amps": (1.2188e-4, 2.9516e-4), "amp_cse": (9.589e-5, 0.019146), "dpm": (9.8765e-6, 0.015248),
}  # fmt: skip
"""Learning rate and weight decay that the publication's search found. For `gru` and `mean` it names none:
they take those of `amps`, whose tokens they read."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """An architecture with its sizes, and the settings of its training.

    Attributes
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    sizes : mapping of str to int
        As the architecture's constructor takes them, ``width`` left out; published ones where absent.
    dropout : float or None
        None for the architecture's own rate.
    settings : FitSettings

    Raises
    ------
    UserError
        If a name or a value makes no sense; the hint says which do.
    """

    architecture: str = "amps"
    sizes: Mapping[str, int] = field(default_factory=dict)
    dropout: float | None = None
    settings: FitSettings = field(default_factory=FitSettings)

    def __post_init__(self) -> None:
        known = size_names(self.architecture)
        for name, size in self.sizes.items():
            if name not in known or type(size) is not int or size < 1:
                raise UserError(f"{self.architecture} has no size {name}={size!r}.",
                                hint=f"Its sizes are {', '.join(known)}: whole numbers from 1.")
        if self.dropout is not None and not has_dropout(self.architecture):
            raise UserError(f"{self.architecture} has no dropout.", hint="Leave the option out.")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise UserError(f"The dropout rate is {self.dropout}.", hint="It lies from 0 to below 1.")
        check_settings(self.settings)

    @classmethod
    def published(cls, architecture: str, **changes: Any) -> Self:
        """The published rate and weight decay of an architecture; `changes` are fields of `FitSettings`."""
        size_names(architecture)
        rate, weight_decay = PUBLISHED_RATES.get(architecture, PUBLISHED_RATES["amps"])
        settings = FitSettings(**{"rate": rate, "weight_decay": weight_decay, **changes})
        return cls(architecture=architecture, settings=settings)

    def with_body(self, sizes: Mapping[str, int], dropout: float | None) -> Self:
        """The same training of a classifier with other sizes."""
        return replace(self, sizes=dict(sizes), dropout=dropout)

    def build(self, width: int) -> Classifier:
        """A classifier for features of that width; the seed decides its weights.

        Raises
        ------
        UserError
            If its sizes contradict each other.
        """
        options = {} if self.dropout is None else {"dropout": self.dropout}
        torch.manual_seed(self.settings.seed)
        try:
            return resolve(self.architecture)(width=width, **self.sizes, **options)
        except ValueError as error:
            raise UserError(str(error), hint="Choose other sizes.") from None
        except (RuntimeError, TypeError, MemoryError, OverflowError):  # of PyTorch, for what no memory holds
            raise UserError(f"A classifier of the sizes {self.sizes} is too large for this machine's memory.",
                            hint="Choose smaller sizes.") from None

    def facts(self) -> dict[str, Any]:
        """Plain values for the card of a model."""
        facts = {"architecture": self.architecture, "sizes": dict(self.sizes), **asdict(self.settings)}
        return facts if self.dropout is None else {**facts, "dropout": self.dropout}


def size_names(architecture: str) -> tuple[str, ...]:
    """Sizes that an architecture takes beside the width of the features.

    Raises
    ------
    UserError
        If there is no such architecture.
    """
    if architecture not in ARCHITECTURES:
        raise UserError(f"There is no architecture {architecture!r}.",
                        hint=f"Known: {', '.join(ARCHITECTURES)}.")
    return tuple(name for name in _parameters(architecture) if name not in ("self", "width", "dropout"))


def has_dropout(architecture: str) -> bool:
    """True where the body of an architecture has dropout."""
    return "dropout" in _parameters(architecture)


def check_settings(settings: FitSettings) -> None:
    """Refuse settings that cannot be meant.

    Raises
    ------
    UserError
    """
    whole = ("batch_pairs", "epochs", "patience")
    if bad := [name for name in whole if getattr(settings, name) < 1]:
        raise UserError(f"{bad[0]} is {getattr(settings, bad[0])}.", hint="Give a whole number above 0.")
    for allowed, what, value, hint in (
        (0 < settings.rate < 10, "learning rate (--rate)", settings.rate, "It lies above 0 and below 10."),
        (0 <= settings.weight_decay < 10, "weight decay (--weight-decay)", settings.weight_decay,
         "It lies from 0 to below 10."),
        (settings.clip_norm > 0, "gradient's largest norm", settings.clip_norm, "It lies above 0."),
        (0 <= settings.averaging < 1, "decay of the average (--averaging)", settings.averaging,
         "It lies from 0 to below 1."),
        (settings.seed >= 0, "seed (--seed)", settings.seed, "It is a whole number from 0."),
    ):  # fmt: skip
        if not allowed:
            raise UserError(f"The {what} is {value}.", hint=hint)


def _parameters(architecture: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(resolve(architecture).__init__).parameters
