"""Scores of pairs: one line per input row, in order, each with a result or a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import pandas as pd


class Status(StrEnum):
    """Outcome of a row: scored; scored, but read the message; not scored, the message says why."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


RESULT_COLUMNS = ("row", "protein_a", "protein_b", "probability", "logit", "interacts", "status", "message")


@dataclass(frozen=True)
class PredictionTable:
    """Scores of a table of pairs.

    Attributes
    ----------
    frame : DataFrame, one line per input row
        `RESULT_COLUMNS`, then the carried columns. ``probability`` and ``logit`` are float64 and
        missing (NaN) on error; ``interacts`` is pandas' nullable boolean.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        if tuple(self.frame.columns[: len(RESULT_COLUMNS)]) != RESULT_COLUMNS:
            raise ValueError(f"A prediction table starts with {', '.join(RESULT_COLUMNS)}.")

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def n_errors(self) -> int:
        """Rows without a score."""
        return int((self.frame["status"] == Status.ERROR).sum())
