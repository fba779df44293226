"""What the cells of a workbook hold, as text: numbers, dates, truth values, errors."""

from __future__ import annotations

import datetime
import re

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

from esm2amp_core.files.cells import OddCell
from esm2amp_core.files.text import whole_characters

_EAST_ASIAN_DATES = frozenset([*range(27, 37), *range(50, 59)])
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def unescape(text: str) -> str:
    """Text of a workbook with its escapes resolved: ``_x000D_`` is a carriage return."""
    if "_x" not in text:
        return text
    return whole_characters(_ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text))


def format_code(format_id: int, own: dict[int, str]) -> str:
    """The number format behind a format id: one of the workbook's `own`, or a built-in one."""
    if format_id in own:
        return own[format_id]
    if format_id in _EAST_ASIAN_DATES:
        return "yyyy-mm-dd"
    return BUILTIN_FORMATS.get(format_id, "General")


class NumberFormat:
    """How a number is shown.

    Parameters
    ----------
    code : str
        As the workbook writes it, e.g. ``0.00E+00`` or ``d-mmm``.
    from_1904 : bool
        Whether the workbook counts days from 1904.
    """

    def __init__(self, code: str, *, from_1904: bool = False) -> None:
        self._code = re.sub(r'"[^"]*"|\\.|\[[^\]]*\]', "", code.split(";")[0]).lower()
        self._epoch = CALENDAR_MAC_1904 if from_1904 else CALENDAR_WINDOWS_1900
        self._is_date = is_date_format(code)
        self.is_plain = not self._is_date and not re.search(r"e[+-]|^0+$", self._code)

    def read(self, stored: str) -> tuple[str, OddCell | None]:
        """The full value as text, and what is odd about it."""
        number = float(stored)
        text = plain_number(number)
        if self.is_plain:
            return text, None
        if self._is_date:
            return self._date(number, text)
        if re.fullmatch("0+", self._code):
            return text, OddCell(text.zfill(len(self._code)), "") if len(text) < len(self._code) else None
        digits = len(re.search(r"(?:\.([0#]*))?e", self._code).group(1) or "")
        return text, OddCell(f"{number:.{digits}E}", "number")

    def _date(self, number: float, text: str) -> tuple[str, OddCell | None]:
        try:
            moment = from_excel(number, self._epoch)
        except (OverflowError, ValueError):
            return text, OddCell(text, "date")
        if not isinstance(moment, datetime.datetime):  # a time of day, or a duration
            return str(moment), OddCell(str(moment), "date")
        has_time = moment.time() != datetime.time()
        full = moment.isoformat(" ") if has_time else moment.date().isoformat()
        shown, month = full, _MONTHS[moment.month - 1]
        if "mmm" in self._code and "y" not in self._code:
            shown = f"{moment.day}-{month}"
        elif "mmm" in self._code and "d" not in self._code:
            shown = f"{month}-{moment.year % 100:02d}"
        return full, OddCell(shown, "date")


def plain_number(number: float) -> str:
    """A number with all its digits, whole ones without a point."""
    if number.is_integer() and abs(number) < 1e16:
        return str(int(number))
    return repr(number)
