"""What the cells of a workbook hold, as text: numbers, dates, truth values, errors."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.utils.datetime import from_excel

from esm2amp_core.files.cells import OddCell
from esm2amp_core.files.text import whole_characters

_EAST_ASIAN_DATES = frozenset([*range(27, 37), *range(50, 59)])
_ESCAPED = re.compile(r"_x(00[0189][0-9A-F]|005F|007F|D[89A-F][0-9A-F]{2}|FFF[EF])_", re.IGNORECASE)
_NOT_SHOWN = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_is_date, _is_duration = lru_cache(is_date_format), lru_cache(is_timedelta_format)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def read_cell(cell: ReadOnlyCell) -> tuple[str, OddCell | None]:
    """The full value as text, and what is odd about it; of type ``f`` is a formula without a result."""
    value = cell.value
    if isinstance(value, str):
        return (value, OddCell(value, "error")) if cell.data_type == "e" else (unescape(value), None)
    if value is None:
        return "", OddCell("", "formula") if cell.data_type == "f" else None
    if isinstance(value, bool):
        return str(value).upper(), OddCell(str(value).upper(), "boolean")
    if isinstance(value, int | float):
        return _number(cell, value) if cell.has_style else (plain_number(value), None)
    return _moment(value, _shown_code(cell.number_format))


def _number(cell: ReadOnlyCell, value: float) -> tuple[str, OddCell | None]:
    text, code = plain_number(value), _shown_code(cell.number_format)
    # openpyxl does not know that some built-in formats are dates.
    if _is_date(cell.number_format) or cell.style_array.numFmtId in _EAST_ASIAN_DATES:
        is_duration = _is_duration(cell.number_format)
        try:
            return _moment(from_excel(value, cell.parent.parent.epoch, timedelta=is_duration), code)
        except (OverflowError, ValueError):
            return text, OddCell(text, "date")
    if re.fullmatch("0+", code):
        return text, OddCell(text.zfill(len(code)), "") if len(text) < len(code) else None
    if scientific := re.search(r"(?:\.([0#]*))?e[+-]", code):
        return text, OddCell(f"{value:.{len(scientific.group(1) or '')}E}", "number")
    return text, None


def unescape(text: str) -> str:
    """Text of a workbook with its escapes of what XML cannot hold resolved: ``_x000D_`` is CR.

    Others (``_x0041_``) stay: openpyxl gives a text that looks like an escape as it was.
    """
    if "_x" not in text:
        return text
    return whole_characters(_ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), text))


def plain_number(number: float) -> str:
    """A number with all its digits, whole ones without a point."""
    if isinstance(number, int) or (number.is_integer() and abs(number) < 1e16):
        return str(int(number))
    return repr(number)


@lru_cache
def _shown_code(code: str) -> str:
    """The part of a number format that shapes positive numbers, without texts and colours."""
    return _NOT_SHOWN.sub("", code.split(";")[0]).lower()


def _moment(moment: datetime.datetime | datetime.time | datetime.timedelta, code: str) -> tuple[str, OddCell]:
    """A date or time in full, and as its format shows it where that may be how a gene's name was lost."""
    if not isinstance(moment, datetime.datetime):  # a time of day, or a duration
        return str(moment), OddCell(str(moment), "date")
    full = moment.isoformat(" ") if moment.time() != datetime.time() else moment.date().isoformat()
    shown, month = full, _MONTHS[moment.month - 1]
    if "mmm" in code and "y" not in code:
        shown = f"{moment.day}-{month}"
    elif "mmm" in code and "d" not in code:
        shown = f"{month}-{moment.year % 100:02d}"
    return full, OddCell(shown, "date")
