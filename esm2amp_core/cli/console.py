"""What the command line shows while it works: a bar on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from esm2amp_core.errors import printable
from esm2amp_core.progress import Report


class Terminal(Console):
    """A console that shows control characters instead of sending them: no name from a file steers it."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Text of a line or of a table's cell; Rich asks here for every one."""
        return super().render_str("\n".join(map(printable, text.split("\n"))), **options)


# Results go to standard output, everything about the run to standard error.
NOTES = Terminal(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
# In a pipe nobody reads columns of 80 letters.
OUTPUT = Terminal(
    highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 1_000
)
LOG_SECONDS = 10.0


@contextmanager
def reporting() -> Iterator[Report]:
    """Give a `Report` that draws a bar on a terminal and otherwise prints a line now and then."""
    if not NOTES.is_terminal:
        yield _plain_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeRemainingColumn(), console=NOTES, transient=True) as progress:
        tasks = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield report


def _plain_lines() -> Report:
    """A report that prints each stage's beginning and end once, and a line every few seconds between."""
    last: dict[str, tuple[float, int]] = {}

    def report(stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if stage in last:
            printed, n_printed = last[stage]
            if done == n_printed or (done < total and now - printed < LOG_SECONDS):
                return
        last[stage] = now, done
        NOTES.print(f"{stage}: {done:,} of {total:,}")

    return report
