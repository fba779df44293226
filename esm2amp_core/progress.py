"""How long work tells where it stands, and how it is told to stop."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""Called as ``report(stage, done, total)`` between batches; raises `Cancelled` to stop the work."""


class Cancelled(Exception):
    """The person no longer wants the result."""


def silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""
