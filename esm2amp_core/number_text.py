"""Numbers as people read them, the same in every picture, table and report."""

from __future__ import annotations

from math import isfinite


def number_text(value: float, form: str = ".3g") -> str:
    """A number in words of Python's formats, with a minus as long as a plus; a dash where it is not known.

    What is rounded to zero has no sign.
    """
    if not isfinite(value):
        return "–"
    text = format(value, form)
    return text.replace("-", "−") if any(digit in text for digit in "123456789") else text.lstrip("+-")
