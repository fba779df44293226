"""Ends of regions as databases write them: exact, beyond what was seen, uncertain or unknown."""

from __future__ import annotations

import re

from esm2amp_core.errors import quoted

_END = re.compile(r"(?P<mark>[<>?~]?)(?P<number>\d{1,9})")
_WORDS = {"<": "lies at {} or before", ">": "lies at {} or behind", "?": "is uncertain: perhaps {}",
          "~": "is about {}"}  # fmt: skip


def read_span(start: str, end: str) -> tuple[int, int, str]:
    """First and last residue, inclusive from 1, and what is not exact about them.

    Parameters
    ----------
    start, end : str
        ``12``; ``<12`` and ``>12``: seen up to there, the true end lies further out; ``?12``: uncertain;
        ``?``: not known.

    Returns
    -------
    start, end : int
        The numbers as they stand there, whatever their marks.
    uncertain : str
        In words; empty where both ends are exact.

    Raises
    ------
    ValueError
        If an end is not known, no number, below 1, or the end comes before the start; the message says so.
    """
    first, about_first = _read_end(start, "start")
    last, about_last = _read_end(end, "end")
    if first < 1:
        raise ValueError(f"It starts at {first}; the first residue has number 1.")
    if last < first:
        raise ValueError(f"It ends at {last}, before its start at {first}.")
    return first, last, "; ".join(filter(None, (about_first, about_last)))


def _read_end(text: str, which: str) -> tuple[int, str]:
    text = text.strip()
    if text in ("?", ""):
        raise ValueError(f"Its {which} is not known." if text else f"Its {which} is missing.")
    if (found := _END.fullmatch(text)) is None:
        raise ValueError(f"Its {which} {quoted(text)} is no position.")
    number = int(found["number"])
    words = _WORDS.get(found["mark"], "").format(number)
    return number, f"the {which} {words}" if words else ""
