"""Gene names that a spreadsheet program turned into dates or numbers, and what they probably were."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Month as the program writes it (English; Spanish, Portuguese, Italian, French and German where it differs)
# and the genes whose symbols it swallows: old symbol and number, and today's symbol where it was renamed.
_MONTHS = {
    "jan": 1, "feb": 2, "fev": 2, "mar": 3, "mars": 3, "mrz": 3, "mär": 3, "apr": 4, "avr": 4, "abr": 4,
    "may": 5, "mai": 5, "mag": 5, "jun": 6, "giu": 6, "jul": 7, "lug": 7, "aug": 8, "ago": 8, "aou": 8,
    "sep": 9, "sept": 9, "set": 9, "oct": 10, "okt": 10, "ott": 10, "out": 10, "nov": 11, "dec": 12,
    "dez": 12, "dic": 12, "déc": 12,
}  # fmt: skip
_MONTHS |= {name: number for number, name in enumerate((
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
    "november", "december"), start=1)}  # fmt: skip
_NAMES = "|".join(sorted(_MONTHS, key=len, reverse=True))
_PATTERNS = (
    re.compile(rf"(?P<day>\d{{1,2}})[-. /](?P<month>{_NAMES})\.?(?:[-. /](?P<year>\d{{2,4}}))?", re.I),
    re.compile(rf"(?P<month>{_NAMES})\.?[-. /](?P<day>\d{{1,2}})", re.I),
    re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?:[T ][\d:.]+)?"),
    re.compile(r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"),
)
_ENGLISH = ("", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_OCT = {1: "POU2F1", 2: "POU2F2", 3: "POU5F1", 4: "POU5F1", 6: "POU3F1", 7: "POU3F2", 8: "POU3F3",
        9: "POU3F4", 11: "POU2F3"}  # fmt: skip
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?E\+\d{2,}", re.I)
_FORMULA_ERRORS = frozenset({"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!"})


def genes_behind(text: str) -> list[str]:
    """Symbols a date-like text was probably made from, the likeliest first; empty if it is no date.

    >>> genes_behind("1-Mar")
    ['MARCHF1', 'MARCH1', 'MTARC1', 'MARC1']
    """
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(text.strip()):
            written = match["month"].lower()
            month = int(written) if written.isdigit() else _MONTHS[written]
            day = int(match["day"])
            if not (1 <= month <= 12 and 0 <= day <= 31):
                return []
            numbers = [day]
            year = int(match.groupdict().get("year") or 0) % 100
            if day == 1 and 1 < year <= 31:
                numbers.append(year)  # 'MARCH11' may also be read as March 2011, whose first day is shown
            return [gene for number in numbers for gene in _genes(month, written, number)]
    return []


def _genes(month: int, written: str, number: int) -> list[str]:
    if month == 3:
        genes = [f"MARCHF{number}", f"MARCH{number}"]
        genes += [f"MTARC{number}", f"MARC{number}"] if number in (1, 2) else []
        return genes + ([f"MARS{number}"] if written == "mars" else [])
    if month == 9:
        genes = ["SELENOF", "SEP15"] if number == 15 else [f"SEPTIN{number}", f"SEPT{number}"]
        return genes + ([f"SET{number}"] if written == "set" else [])
    if month == 12:
        # DEC1 was the symbol of DELEC1 and is an alias of BHLHE40; DEC2 is one of BHLHE41.
        renamed = {1: ["DELEC1", "BHLHE40"], 2: ["BHLHE41"]}.get(number, [])
        return [*renamed, f"DEC{number}"]
    if month == 10:
        return [*([_OCT[number]] if number in _OCT else []), f"OCT{number}"]
    if written == "ago":
        return [f"AGO{number}"]
    return [f"{_ENGLISH[month]}{number}"]


@dataclass(frozen=True)
class Damage:
    """What a spreadsheet program did to a name.

    Attributes
    ----------
    problem, remedy : str
        One sentence each; empty if the name looks sound.
    originals : tuple of str
        What it probably was, the likeliest first; empty if nobody can tell.
    """

    problem: str = ""
    remedy: str = ""
    originals: tuple[str, ...] = ()


def find_damage(name: str, kind: str = "") -> Damage:
    """Recognise a name that a spreadsheet program has changed.

    Parameters
    ----------
    name : str
        As it stands there.
    kind : str
        Kind of its cell where that is known, as in `OddCell`.
    """
    as_text = "Write it as text."
    if kind == "error" or name in _FORMULA_ERRORS:
        return Damage("The spreadsheet shows an error instead of a name.", "Write the name.")
    if genes := genes_behind(name):
        return Damage("The spreadsheet turned this gene name into a date.",
                      f"Probably {' or '.join(genes[:4])}: write it as text.", tuple(genes))
    if kind == "date":
        return Damage("The spreadsheet turned this name into a date.", as_text)
    if kind == "number" or _SCIENTIFIC.fullmatch(name):
        return Damage("The spreadsheet turned this name into a number in scientific notation.", as_text)
    if kind == "boolean":
        return Damage("The spreadsheet turned this name into a truth value.", as_text)
    return Damage()
