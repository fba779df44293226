"""What is explained: pairs as tokens, and a model as a function of them that has gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from esm2amp_core.background import Background
from esm2amp_core.embed.base import Embedder
from esm2amp_core.features import FeatureSet, ProteinFeatures
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.sequences import Protein


@dataclass(frozen=True)
class PairFeatures:
    """Pairs with the tokens that a classifier reads; gathered from the proteins' features when needed.

    Attributes
    ----------
    rows : ndarray, dtype=int64, shape=(N,)
        Row of each pair in the table it came from.
    proteins : tuple of Protein, length=P
    index : ndarray, dtype=int64, shape=(N, 2)
        Positions in `proteins` of each pair's A and B.
    values : ndarray, dtype=float32, shape=(P, T, D)
    feature_set : FeatureSet
    """

    rows: np.ndarray
    proteins: tuple[Protein, ...]
    index: np.ndarray
    values: np.ndarray
    feature_set: FeatureSet

    def __post_init__(self) -> None:
        if self.index.shape != (len(self.rows), 2) or len(self.values) != len(self.proteins):
            raise ValueError(f"{len(self.rows)} rows, index {self.index.shape}, {len(self.values)} proteins.")

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(
        cls, pairs: Mapping[int, tuple[Protein, Protein]], features: ProteinFeatures, feature_set: FeatureSet
    ) -> PairFeatures:
        """Pairs by row, with features made of their proteins."""
        proteins = {protein.digest: protein for pair in pairs.values() for protein in pair}
        position, row_of = {digest: i for i, digest in enumerate(proteins)}, features.rows()
        index = np.array([[position[a.digest], position[b.digest]] for a, b in pairs.values()], np.int64)
        values = features.select(feature_set)[[row_of[digest] for digest in proteins]]
        return cls(np.array(list(pairs), np.int64), tuple(proteins.values()), index.reshape(-1, 2), values,
                   feature_set)

    def tokens(self, which: slice | Sequence[int] = slice(None)) -> Tensor:
        """Tokens of A, then of B: Tensor, dtype=float32, shape=(n, 2T, D)."""
        return torch.from_numpy(self.values[self.index[which]]).flatten(1, 2)

    def select(self, which: slice | Sequence[int]) -> PairFeatures:
        """Some of the pairs."""
        return PairFeatures(self.rows[which], self.proteins, self.index[which], self.values, self.feature_set)

    def pair(self, i: int) -> tuple[Protein, Protein]:
        """The two proteins of pair `i`."""
        a, b = self.index[i]
        return self.proteins[a], self.proteins[b]


@dataclass(frozen=True)
class Subject:
    """A model under explanation.

    Attributes
    ----------
    bundle : ModelBundle
    background : Background or None
        None where the bundle does not tell what its training proteins look like.
    embedder : Embedder or None
        The language model, for methods that go back to residues.
    """

    bundle: ModelBundle
    background: Background | None = None
    embedder: Embedder | None = None

    @property
    def device(self) -> torch.device:
        """Where the classifier computes."""
        return next(self.bundle.classifier.parameters()).device

    @property
    def feature_set(self) -> FeatureSet:
        """The tokens of each protein."""
        return self.bundle.manifest.features

    @property
    def token_names(self) -> tuple[str, ...]:
        """``A.segment0`` and so on, 2T of them."""
        return self.feature_set.pair_tokens

    @cached_property
    def baseline(self) -> Tensor:
        """The average pair: Tensor, shape=(2T, D); zeros where the bundle has no background."""
        T, D = len(self.feature_set.tokens), self.bundle.manifest.sizes["width"]
        one = torch.zeros(T, D) if self.background is None else torch.from_numpy(self.background.mean)
        return one.repeat(2, 1).to(self.device)

    @property
    def baseline_words(self) -> str:
        """What the baseline is, for people and provenance."""
        return "zero vectors" if self.background is None else "mean of training proteins"

    def logits(self, tokens: Tensor, present: Tensor | None = None) -> Tensor:
        """The pairs' logits, differentiable; the mean of both orders where the order matters.

        Parameters
        ----------
        tokens : Tensor, shape=(B, 2T, D)
        present : Tensor, dtype=bool, shape=(B, 2T), optional
            False for tokens that are left out. A classifier that reads a set goes without them; where
            nothing would be left, or the classifier needs every token, those of `baseline` stand in.

        Returns
        -------
        Tensor, shape=(B,)
        """
        if present is not None:
            tokens, present = self._stand_in(tokens, present)
        classifier = self.bundle.classifier
        given = classifier(tokens, present).logits
        if classifier.is_symmetric:
            return given
        T = tokens.shape[1] // 2
        other = classifier(tokens.roll(T, dims=1), None if present is None else present.roll(T, dims=1))
        return (given + other.logits) / 2

    def _stand_in(self, tokens: Tensor, present: Tensor) -> tuple[Tensor, Tensor | None]:
        """Put baseline tokens where none may be missing; what is still missing after that."""
        reads_set_of = self.bundle.classifier.reads_set_of
        T = tokens.shape[1] // 2
        if reads_set_of == "pair":
            replaced = ~present.any(dim=1, keepdim=True).expand_as(present)
        elif reads_set_of == "protein":
            replaced = (~present.view(-1, 2, T).any(dim=2, keepdim=True)).expand(-1, 2, T).reshape(-1, 2 * T)
        else:
            replaced = ~present
        tokens = torch.where(replaced.unsqueeze(-1), self.baseline, tokens)
        return tokens, None if reads_set_of is None else present | replaced
