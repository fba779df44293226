"""In what a run that is taken up again differs from the one that was begun, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TITLES = {"train": "training pairs", "validation": "validation pairs", "sequences": "protein sequences"}
_DIGEST = re.compile(r"[0-9a-f]{32,}")


def changes(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Every fact that is not as it was, settings before data.

    Parameters
    ----------
    then, now : mapping
        Facts by names that a person understands; a value may be a mapping of such facts. What is known by its
        digest alone is told as another one: the digest says no more.

    Returns
    -------
    list of str
        ``seed (0 then, 5 now)``, ``other training pairs (digest 1b0f6a2c then, 90cd3b11 now)``.
    """
    settings, data = [], []
    for name in dict.fromkeys((*then, *now)):
        old, new = then.get(name), now.get(name)
        title = _TITLES.get(name, name.replace("_", " "))
        if old == new:
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping) and not {"sha256"} & {*old, *new}:
            settings += changes(old, new)
            continue
        digests = [_digest(value) for value in (old, new)]
        if any(digests) and digests[0] != digests[1]:
            old, new = (digest[:8] or "none" for digest in digests)
            data.append(f"other {title} (digest {old} then, {new} now)")
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            # The same contents; how the file is called does not matter.
            old, new = ({**facts, "file": ""} for facts in (old, new))
            data += [f"{title}: {change}" for change in changes(old, new)]
        else:
            settings.append(f"{title} ({_shown(old)} then, {_shown(new)} now)")
    return settings + data


def _digest(value: Any) -> str:
    """The digest that a fact is, or holds; empty if there is none."""
    if isinstance(value, Mapping):
        value = value.get("sha256")
    return value if isinstance(value, str) and _DIGEST.fullmatch(value) else ""


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
