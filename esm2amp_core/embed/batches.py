"""Which sequences go through the language model together."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable


class BatchQueue:
    """Hands out sequences longest first, in batches under a token budget.

    The longest come first, so that too little memory shows at once and not at the end.

    Parameters
    ----------
    sequences : iterable of str
        Distinct sequences.
    token_budget : int
        Tokens of a batch, cls and eos included. One sequence alone may exceed it.
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
        tokens = _tokens(batch)
        while self._waiting and (tokens := tokens + _tokens([self._waiting[0]])) <= self._budget:
            batch.append(self._waiting.popleft())
        return batch

    def halve(self, batch: list[str]) -> None:
        """Take back a batch of several that did not fit into memory; later ones are half as large."""
        self._waiting.extendleft(reversed(batch))
        self._budget = _tokens(batch[: len(batch) // 2])


def _tokens(batch: list[str]) -> int:
    return sum(len(sequence) + 2 for sequence in batch)
