"""Which sequences go through the language model together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

MAX_PADDING = 0.25
"""Share of a batch that may be padding."""
FREE_PADDING = 512
"""Padding tokens that are always accepted: they cost less than another batch."""


class BatchQueue:
    """Hands out sequences longest first, in batches under a token budget that counts padding.

    The longest come first, so that too little memory shows at once and not at the end.

    Parameters
    ----------
    sequences : iterable of str
        Distinct sequences.
    token_budget : int
        Rows times longest row of a batch, cls and eos included. One sequence alone may exceed it.
    """

    def __init__(self, sequences: Iterable[str], token_budget: int) -> None:
        # Sorted by letters too: the same set makes the same batches, and so the same bits.
        self._waiting = deque(sorted(sequences, key=lambda sequence: (-len(sequence), sequence)))
        self._budget = token_budget

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self) -> list[str]:
        """The next batch, longest first."""
        batch = [self._waiting.popleft()]
        longest, padding = len(batch[0]) + 2, 0
        while self._waiting:
            tokens = longest * (len(batch) + 1)
            padding += longest - len(self._waiting[0]) - 2
            if tokens > self._budget or padding > max(FREE_PADDING, MAX_PADDING * tokens):
                break
            batch.append(self._waiting.popleft())
        return batch

    def halve(self, batch: list[str]) -> None:
        """Take back a batch of several that did not fit into memory; later ones are half as large."""
        self._waiting.extendleft(reversed(batch))
        self._budget = len(batch) // 2 * (len(batch[0]) + 2)
