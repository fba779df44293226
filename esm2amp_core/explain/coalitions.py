"""One pair as a cooperative game: tokens are the players, a coalition is worth the logit it gets alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor

from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.progress import Report, silent

AT_ONCE_CHEAP, AT_ONCE_CPU, AT_ONCE_ACCELERATOR = 8_192, 256, 16_384
"""Coalitions per forward pass."""
NUMBERS_AT_ONCE = 2**26
"""Of their tokens on an accelerator: with all that a transformer makes of them, some 2 GB of its memory."""
STAGE = "Leaving tokens out"


class Game:
    """The logit of a pair as a function of which of its tokens are present.

    A classifier that reads a set goes without the others; where nothing of what it reads would be left, or
    it needs every token, those of the baseline stand in (as in `Subject.logits`). The empty coalition is
    the baseline pair. Coalitions are computed in groups of fixed sizes, so their values do not depend on
    other pairs.

    Parameters
    ----------
    subject : Subject
    pairs : PairFeatures
    i : int
        Which of the pairs.
    """

    def __init__(self, subject: Subject, pairs: PairFeatures, i: int) -> None:
        self.subject = subject
        self.tokens = pairs.tokens([i])[0].to(subject.device)  # (2T, D)
        self._functions: dict[tuple[bool, ...], Callable[[Tensor], Tensor]] = {}

    @torch.inference_mode()
    def values(self, present: np.ndarray, report: Report = silent) -> np.ndarray:
        """Logits of coalitions.

        Parameters
        ----------
        present : ndarray, dtype=bool, shape=(M, 2T)
        report : Report

        Returns
        -------
        ndarray, dtype=float64, shape=(M,)
        """
        classifier = self.subject.bundle.classifier
        size = n_at_once(self.subject.device.type, self.tokens.numel(), cheap=classifier.subsets_are_cheap)
        # Smaller coalitions first: those of one size can be computed together.
        order = np.arange(len(present)) if classifier.subsets_are_cheap else np.argsort(
            present.sum(axis=1), kind="stable")  # fmt: skip
        values = np.empty(len(present))
        for start in range(0, len(present), size):
            report(STAGE, start, len(present))
            rows = order[start : start + size]
            chosen = torch.from_numpy(present[rows]).to(self.subject.device)
            values[rows] = self._logits(chosen).cpu().numpy()
        report(STAGE, len(present), len(present))
        return values

    def _logits(self, present: Tensor) -> Tensor:
        reads_set_of = self.subject.bundle.classifier.reads_set_of
        if reads_set_of is None:
            return self.subject.logits(self.tokens.expand(len(present), -1, -1), present)
        parts = 1 if reads_set_of == "pair" else 2
        filled = present.unflatten(1, (parts, -1)).any(dim=2)  # (M, parts)
        if filled.all():
            return self._function((True,) * parts)(present)
        logits = self.tokens.new_empty(len(present))
        for case in product((False, True), repeat=parts):
            rows = (filled == filled.new_tensor(case)).all(dim=1)
            if rows.any():
                logits[rows] = self._function(case)(present[rows] | self._empty(case))
        return logits

    def _empty(self, filled: tuple[bool, ...]) -> Tensor:
        """True (2T,) for the tokens of those parts of a pair of which nothing is present."""
        per_part = len(self.tokens) // len(filled)
        return ~torch.tensor(filled, device=self.tokens.device).repeat_interleave(per_part)

    def _function(self, filled: tuple[bool, ...]) -> Callable[[Tensor], Tensor]:
        """Logits of subsets, with the baseline in the place of the parts that are empty."""
        if filled not in self._functions:
            classifier, T = self.subject.bundle.classifier, len(self.tokens) // 2
            tokens = torch.where(self._empty(filled)[:, None], self.subject.baseline, self.tokens)
            function = classifier.on_subsets(tokens)
            if not classifier.is_symmetric:
                one, other = function, classifier.on_subsets(tokens.roll(T, dims=0))
                function = lambda present: (one(present) + other(present.roll(T, dims=1))) / 2  # noqa: E731
            self._functions[filled] = function
        return self._functions[filled]


def n_at_once(device: str, numbers: int, *, cheap: bool) -> int:
    """How many coalitions of a pair whose tokens hold so many numbers go through the classifier together."""
    if cheap:
        return AT_ONCE_CHEAP
    return AT_ONCE_CPU if device == "cpu" else max(1, min(AT_ONCE_ACCELERATOR, NUMBERS_AT_ONCE // numbers))


def rows_of(coalitions: Sequence[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Distinct coalitions of several lists, and where each list's are among them."""
    stacked = np.vstack(coalitions)
    packed = np.packbits(stacked, axis=1)
    _, first, place = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    ends = np.cumsum([len(some) for some in coalitions])[:-1]
    return stacked[first], np.split(place.ravel(), ends)
