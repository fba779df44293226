"""Words on screen: text of people shown literally, times and durations in plain words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from esm2amp_core.errors import printable

# Invisible, takes no room, and breaks up what Streamlit draws as pictures even where it is escaped: it stands
# within these alone, since it would go along when a person copies the text.
WORD_JOINER = "\u2060"
PICTURES = re.compile(r"""
    : (?= [\w+/-]+ [:\[] )                                # :smile:, :material/home:, :red[
  | (?<!\S) (?: <-> | -> | <- | -- | >= | <= | ~= ) (?!\S)  # arrows and signs between blanks
""", re.VERBOSE)
TALL_ROW = 66
"""Pixels of a table's row in which a text runs over three lines; below 64 Streamlit cuts it after one."""


def literal(text: str, *, limit: int = 0) -> str:
    """Text for Streamlit's Markdown that shows exactly as it stands; control characters are visible.

    Parameters
    ----------
    text : str
        Anything a person wrote: ids, titles, file names.
    limit : int
        Letters shown at most, if not 0; a longer text ends with an ellipsis.
    """
    text = printable(" ".join(text.split()))
    if limit and len(text) > limit:
        text = f"{text[: limit - 1]}…"
    text = PICTURES.sub(lambda found: f"{found.group()[0]}{WORD_JOINER}{found.group()[1:]}", text)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", text)


def plain(name: str) -> str:
    """A key as words: ``for_comparison_on_test`` becomes ``For comparison on test``."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested facts as one level: ``{"data": {"train": 3}}`` becomes ``{"data, train": "3"}``."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, dict):
            flat |= flatten(value, f"{label}, ")
        else:
            flat[label] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return flat


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: ``1 pair``, ``1,200 pairs``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def duration(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return count(round(seconds), "second")
    if seconds < 90 * 60:
        return count(round(seconds / 60), "minute")
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 86400:.1f} days"


def when(moment: datetime | None) -> str:
    """Date and time in the reader's own time zone, as the browser tells it."""
    if moment is None:
        return "–"
    try:
        zone = ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        zone = UTC
    local = moment.astimezone(zone)
    today = datetime.now(UTC).astimezone(zone).date()
    day = "today" if local.date() == today else f"{local.day} {local:%b %Y}"
    return f"{day}, {local:%H:%M}"
