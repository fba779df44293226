"""What can go wrong for a person using esm2amp, in words they can act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How an issue affects its row: an error keeps it from being scored, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem found in a person's input.

    Attributes
    ----------
    row : int or None
        Number of the pair's row from 1, header not counted; None where the whole input is meant.
    value : str
        What stands there, as written (shortened to be readable).
    problem, remedy : str
        What is wrong, and what to do about it; one sentence each.
    severity : Severity
    """

    row: int | None
    value: str
    problem: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = "" if self.row is None else f"Row {self.row}: "
        return f"{where}{self.problem} {self.remedy}".strip()


def quoted(value: str, limit: int = 60) -> str:
    """A value as people see it: in quotes, control characters visible, a long one cut in the middle."""
    if len(value) > limit:
        value = f"{value[: limit - 15]}…{value[-10:]}"
    return f"'{printable(value)}'"


def printable(text: str) -> str:
    """The text with control characters visible: names from a file must not steer a terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class UserError(Exception):
    """Something the person can mend; message and hint are shown as they are.

    Parameters
    ----------
    message : str
        What is wrong, quoting the value.
    hint : str
        What to do next.
    details : sequence of Issue or str
        Every single problem, where there are several.
    """

    def __init__(self, message: str, *, hint: str = "", details: Sequence[Issue | str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class SequenceError(UserError):
    """A protein sequence cannot be used."""


class PairError(UserError):
    """A table of pairs cannot be read."""


class EncoderError(UserError):
    """A protein language model cannot be loaded or used."""


class BundleError(UserError):
    """A model bundle or checkpoint cannot be loaded."""


class JobError(UserError):
    """A job does not exist or cannot do what was asked."""
