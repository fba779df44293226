"""Scores of pairs: one line per input row, in order, each with a result or a reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pandas as pd


class Status(StrEnum):
    """Outcome of a row: scored; scored, but read the message; not scored, the message says why."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


RESULT_COLUMNS = ("row", "protein_a", "protein_b", "probability", "logit", "interacts", "status", "message")
NEAREST_COLUMNS = ("seen_a", "nearest_a", "similarity_a", "seen_b", "nearest_b", "similarity_b")
TRUST_COLUMNS = (*NEAREST_COLUMNS, "trust_class", "trust_note")
"""How near a row's proteins are to those the model was trained on; see `trust`."""


@dataclass(frozen=True)
class PredictionTable:
    """Scores of a table of pairs.

    Attributes
    ----------
    frame : DataFrame, one line per input row
        `RESULT_COLUMNS`, then the carried columns, then `TRUST_COLUMNS` where they were asked for and
        the model can tell. ``probability`` and ``logit`` are float64 and missing (NaN) on error;
        ``interacts`` is pandas' nullable boolean.
    """

    frame: pd.DataFrame

    def __post_init__(self) -> None:
        if tuple(self.frame.columns[: len(RESULT_COLUMNS)]) != RESULT_COLUMNS:
            raise ValueError(f"A prediction table starts with {', '.join(RESULT_COLUMNS)}.")

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def carried(self) -> list[str]:
        """Names of the columns that are a person's own."""
        return [name for name in self.frame.columns if name not in (*RESULT_COLUMNS, *TRUST_COLUMNS)]

    @property
    def n_errors(self) -> int:
        """Rows without a score."""
        return int((self.frame["status"] == Status.ERROR).sum())


def precision_in_words(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What scores depend on, with ``precision_shift`` told behind ``precision`` and not as a fact by itself.

    Parameters
    ----------
    facts : mapping
        With what `Predictor.how_computed` gives, where that is known.
    """
    told = dict(facts)
    shift = told.pop("precision_shift", None)
    if "precision" in told and isinstance(shift, float):
        told["precision"] = (f"{told['precision']}, which moves the model's self-check by at most "
                             f"{shift:.2g} in probability")
    return told
