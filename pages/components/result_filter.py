"""Which rows of a result are on screen, and in which order. Plain tables; no Streamlit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from esm2amp_core.predictions import PredictionTable, Status

SHOWN_ROWS = 1_000
"""Rows sent to the browser at once; more would make each click slow, and nobody reads them."""

INTERACTING, NOT_INTERACTING = "Interacting", "Not interacting"
OUTCOMES = ("All rows", INTERACTING, NOT_INTERACTING, "With a warning", "Not scored")
ORDERS = ("Highest probability first", "Lowest probability first", "Order of the input")


@dataclass(frozen=True, kw_only=True)
class ResultFilter:
    """What a person asked to see.

    Attributes
    ----------
    protein : str
        Part of a protein's id, or of a word in the person's own columns, such as a gene; upper or lower case.
    outcome, order : str
        One of `OUTCOMES`; one of `ORDERS`.
    lowest, highest : float
        Range of probability; the whole range keeps rows without a score.
    """

    protein: str = ""
    outcome: str = OUTCOMES[0]
    order: str = ORDERS[0]
    lowest: float = 0.0
    highest: float = 1.0

    def probabilities(self, threshold: float | None) -> tuple[float, float]:
        """Between which probabilities the rows lie that match: from the first to below the second."""
        low, high = self.lowest, self.highest if self.highest < 1 else math.inf
        if self.outcome == INTERACTING and threshold is not None:
            low = max(low, threshold)
        elif self.outcome == NOT_INTERACTING and threshold is not None:
            high = min(high, threshold)
        return low, high

    def apply(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows of a `PredictionTable`'s frame that match, in the order asked for."""
        keep = _has_outcome(frame, self.outcome)
        if wanted := self.protein.strip():
            found = pd.Series(False, index=frame.index)
            for name in ("protein_a", "protein_b", *_worded(frame)):
                found |= frame[name].astype(str).str.contains(wanted, case=False, regex=False)
            keep &= found
        if (self.lowest, self.highest) != (0.0, 1.0):
            keep &= frame["probability"].between(self.lowest, self.highest)
        return _in_order(frame[keep], self.order)


def _worded(frame: pd.DataFrame) -> list[str]:
    """A person's own columns, without those of numbers: a 1 is no protein."""
    def has_words(values: pd.Series) -> bool:
        return bool(pd.to_numeric(values[values.astype(str) != ""], errors="coerce").isna().any())

    return [name for name in PredictionTable(frame).carried if has_words(frame[name])]


def _has_outcome(frame: pd.DataFrame, outcome: str) -> pd.Series:
    called = frame["interacts"].fillna(False).astype(bool)
    scored = frame["status"] != Status.ERROR
    return {
        "All rows": pd.Series(True, index=frame.index),
        INTERACTING: scored & called,
        NOT_INTERACTING: scored & ~called,
        "With a warning": frame["status"] == Status.WARNING,
        "Not scored": ~scored,
    }[outcome]


def _in_order(frame: pd.DataFrame, order: str) -> pd.DataFrame:
    if order == "Order of the input":
        return frame.sort_values("row")
    rising = order == "Lowest probability first"
    return frame.sort_values(["probability", "row"], ascending=[rising, True], na_position="last")
