"""What every classifier is, and how one is built from stored weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn

from esm2amp_core.errors import BundleError
from esm2amp_core.models.pairwise import Pairwise

State = Mapping[str, Tensor]
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class Scores:
    """Outcome of one forward pass over B pairs.

    Attributes
    ----------
    logits : Tensor, shape=(B,)
        Probability = sigmoid(logit).
    attention : tuple of Tensor, each shape=(B, H, 2T, 2T)
        Per layer and head: row i says how much token i takes from each token; rows sum to 1.
        Empty for classifiers without attention.
    """

    logits: Tensor
    attention: tuple[Tensor, ...] = ()


class Classifier(nn.Module, ABC):
    """Reads the tokens of a pair, gives one logit.

    The constructor takes the layer sizes by name, each with the published value as default, and
    the dropout rate where the body has dropout. `sizes` keeps them, so that a bundle can be written.

    Attributes
    ----------
    feature_set : str
        Key of `features.FEATURE_SETS`: the tokens it reads of each protein.
    is_symmetric : bool
        True where the score of (A, B) is that of (B, A) by construction.
    reads_set_of : str or None
        Of what the tokens are a set from which some may be missing: ``pair`` (any but the last one),
        ``protein`` (of each protein any but its last one), None where every token is needed.
    subsets_are_cheap : bool
        True where most of the work is the same for all subsets of a pair's tokens; see `on_subsets`.
    sizes : dict of str to int
        As the constructor takes them; ``width`` is the embedding width D.
    """

    feature_set: ClassVar[str]
    is_symmetric: ClassVar[bool]
    reads_set_of: ClassVar[str | None] = None
    subsets_are_cheap: ClassVar[bool] = False
    sizes: dict[str, int]

    @abstractmethod
    def forward(self, tokens: Tensor, present: Tensor | None = None) -> Scores:
        """Score pairs.

        Parameters
        ----------
        tokens : Tensor, dtype=float32, shape=(B, 2T, D)
            The T tokens of protein A, then those of B, in the order of the feature set.
        present : Tensor, dtype=bool, shape=(B, 2T), optional
            False for tokens to go without, as `reads_set_of` allows; all are read where it is absent.
        """

    def on_subsets(self, tokens: Tensor) -> Callable[[Tensor], Tensor]:
        """The logit of one pair as a function of which of its tokens are present.

        An architecture overrides it where subsets can share work, or small ones need less of it.

        Parameters
        ----------
        tokens : Tensor, dtype=float32, shape=(2T, D)

        Returns
        -------
        callable
            Takes `present`, dtype=bool, shape=(M, 2T), as `forward` allows; gives logits, shape=(M,).
        """
        return lambda present: self(tokens.expand(len(present), -1, -1), present).logits

    def pairwise(self, dtype: torch.dtype) -> Pairwise:
        """How it scores many pairs of few proteins, for inference: the same numbers as `forward`.

        An architecture overrides it where work belongs to one protein or can be done in `dtype`.

        Parameters
        ----------
        dtype : torch.dtype
            Of the matrix products. Architectures that say nothing of it compute in float32.
        """
        return Pairwise(lambda first, second: self(torch.cat([*first, *second], dim=1)).logits)

    @classmethod
    @abstractmethod
    def sizes_from(cls, state: State) -> dict[str, int]:
        """Layer sizes as the tensors of a state dict show them.

        Tensors cannot show the number of attention heads: it is the published 8.

        Raises
        ------
        BundleError
            If a tensor that tells a size is missing or not of the expected rank.
        """

    @classmethod
    def from_state(cls, sizes: Mapping[str, int], state: State) -> Self:
        """A classifier with stored weights, ready to score.

        Raises
        ------
        BundleError
            If names or shapes do not fit; the details list every one that does not.
        """
        try:
            with torch.device("meta"):  # no memory, no random numbers: these weights are replaced at once
                classifier = cls(**sizes)
        except ValueError as error:
            raise BundleError(str(error), hint="The stated sizes contradict each other.") from None
        return with_weights(classifier, state, what="The weights do not fit the architecture",
                            hint="Check that the architecture is the one the weights were trained with.")


def mean_present(tokens: Tensor, present: Tensor | None) -> Tensor:
    """Mean (B, D) of the tokens (B, T, D) that are present (B, T)."""
    if present is None:
        return tokens.mean(dim=1)
    weights = present.to(tokens.dtype) / present.sum(dim=1, keepdim=True)  # (B, T)
    return torch.einsum("btd,bt->bd", tokens, weights)


def with_weights(network: Network, state: State, *, what: str, hint: str = "") -> Network:
    """The network with stored weights in the place of its own, ready to compute.

    Parameters
    ----------
    network : nn.Module
        Of the right sizes; it may lie on the device ``meta``.
    state : mapping of str to Tensor
    what, hint : str
        How an error begins where they do not fit, and what to do then.

    Raises
    ------
    BundleError
        If names or shapes do not fit; the details list every one that does not.
    """
    if problems := _misfits(network, state):
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise BundleError(f"{what}: {'; '.join(problems[:3])}{more}.", hint=hint, details=problems)
    network.load_state_dict(dict(state), strict=True, assign=True)
    return network.eval().requires_grad_(False)


def _misfits(network: nn.Module, state: State) -> list[str]:
    """Every way in which a state dict does not fit, one phrase each; empty if it fits."""
    wanted = network.state_dict()
    missing = [f"{name!r} is missing" for name in wanted if name not in state]
    surplus = [f"{name!r} is not part of it" for name in state if name not in wanted]
    misshaped = [
        f"{name!r} has shape {tuple(state[name].shape)} where {tuple(tensor.shape)} is needed"
        for name, tensor in wanted.items()
        if name in state and state[name].shape != tensor.shape
    ]
    return missing + surplus + misshaped


def shape_of(state: State, name: str, rank: int = 2) -> tuple[int, ...]:
    """Shape of a tensor that tells a size.

    Raises
    ------
    BundleError
        If it is missing or has another rank, or an axis of length 0.
    """
    if name not in state:
        raise BundleError(
            f"The weights have no {name!r}.", hint="They belong to another architecture, or are incomplete."
        )
    shape = tuple(state[name].shape)
    if len(shape) != rank or 0 in shape:
        raise BundleError(f"{name!r} has shape {shape}; a shape of {rank} axes is needed.")
    return shape


def count_layers(state: State, prefix: str) -> int:
    """How many different numbers follow `prefix` in the names of a state dict."""
    numbers = {name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)}
    return len(numbers)
