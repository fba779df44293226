"""Readers of a workbook's cells and texts; each sees one element at a time and keeps what is needed."""

from __future__ import annotations

from esm2amp_core.errors import PairError
from esm2amp_core.files.cell_values import NumberFormat, plain_number, unescape
from esm2amp_core.files.cells import Cells, OddCell, too_many_cells, too_many_columns, too_many_rows

_MAX_CHARACTERS = 1_000_000
"""Text of one cell: thirty times what a spreadsheet program can hold."""
_BLANKS_PER_CELL = 5
"""Formatted but empty cells that are looked at, for each filled one that is accepted."""


class _Text:
    """The text of one cell, which may arrive in pieces."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.clear()

    def clear(self) -> None:
        self._parts: list[str] = []
        self._n_characters = 0

    def add(self, text: str) -> None:
        self._parts.append(text)
        self._n_characters += len(text)
        if self._n_characters > _MAX_CHARACTERS:
            raise PairError(f"{self._name} has a cell of more than {_MAX_CHARACTERS:,} characters.",
                            hint="Shorten it.")

    def __str__(self) -> str:
        return "".join(self._parts)


class SharedStrings:
    """Texts that cells refer to by number; a `Handler` of ``sharedStrings.xml``."""

    def __init__(self, name: str, max_strings: int) -> None:
        self.texts: list[str] = []
        self._name, self._max = name, max_strings
        self._text = _Text(name)
        self._in_text = self._in_phonetic = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """See `Handler`."""
        if tag == "t":
            self._in_text = not self._in_phonetic
        elif tag == "si":
            self._text.clear()
        elif tag == "rPh":
            self._in_phonetic = True

    def end(self, tag: str) -> None:
        """See `Handler`."""
        if tag == "t":
            self._in_text = False
        elif tag == "rPh":
            self._in_phonetic = False
        elif tag == "si":
            self.texts.append(unescape(str(self._text)))
            if len(self.texts) > self._max:
                raise too_many_cells(self._name, self._max)

    def text(self, text: str) -> None:
        """See `Handler`."""
        if self._in_text:
            self._text.add(text)


class Sheet:
    """Cells of one worksheet; a `Handler` of its part.

    Parameters
    ----------
    name : str
        Of the file, for messages.
    strings : list of str
        The shared strings.
    formats : list of NumberFormat
        By cell style.
    max_rows, max_columns, max_cells : int
        Filled ones; the header is not counted.
    """

    def __init__(
        self, name: str, strings: list[str], formats: list[NumberFormat],
        *, max_rows: int, max_columns: int, max_cells: int,
    ) -> None:  # fmt: skip
        self._name, self._strings, self._formats = name, strings, formats
        self._max_rows, self._max_columns, self._max_cells = max_rows, max_columns, max_cells
        self._rows: dict[int, dict[int, str]] = {}
        self._odd: dict[tuple[int, int], OddCell] = {}
        self._columns: dict[str, int] = {}
        self._row = self._column = -1
        self._n_cells = self._n_seen = 0
        self._attributes: dict[str, str] = {}
        self._text = _Text(name)
        self._collecting = self._in_phonetic = self._has_formula = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """See `Handler`."""
        if tag == "c":
            self._n_seen += 1
            if self._n_seen > _BLANKS_PER_CELL * self._max_cells:
                raise too_many_cells(self._name, _BLANKS_PER_CELL * self._max_cells)
            self._attributes = attributes
            self._text.clear()
            self._has_formula = False
            reference = attributes.get("r")
            self._column = self._column + 1 if reference is None else self._position(reference)
        elif tag == "v" or (tag == "t" and not self._in_phonetic):
            self._collecting = True
        elif tag == "f":
            self._has_formula = True
        elif tag == "row":
            # Numbers that do not rise are not to be believed.
            self._row = max(int(attributes.get("r", self._row + 2)) - 1, self._row + 1)
            self._column = -1
        elif tag == "rPh":
            self._in_phonetic = True

    def end(self, tag: str) -> None:
        """See `Handler`."""
        if tag == "v" or tag == "t":
            self._collecting = False
        elif tag == "c":
            self._finish_cell()
        elif tag == "rPh":
            self._in_phonetic = False

    def text(self, text: str) -> None:
        """See `Handler`."""
        if self._collecting:
            self._text.add(text)

    def _position(self, reference: str) -> int:
        """Column of a cell such as AB12, from 0."""
        letters = reference.rstrip("0123456789")
        if letters not in self._columns:
            column = 0
            for letter in letters[:4]:
                column = column * 26 + ord(letter.upper()) - 64
            self._columns[letters] = column - 1
        return self._columns[letters]

    def _finish_cell(self) -> None:
        text, odd = self._value(str(self._text))
        if not text and odd is None:
            return
        if not 0 <= self._column < self._max_columns:
            raise too_many_columns(self._name, self._max_columns)
        self._n_cells += 1
        if self._n_cells > self._max_cells:
            raise too_many_cells(self._name, self._max_cells)
        row = self._rows.get(self._row)
        if row is None:
            row = self._rows[self._row] = {}
            if len(self._rows) > self._max_rows + 1:
                raise too_many_rows(self._name, self._max_rows)
        row[self._column] = text
        if odd:
            self._odd[self._row, self._column] = odd

    def _value(self, stored: str) -> tuple[str, OddCell | None]:
        """The full value as text, and what is odd about it."""
        kind = self._attributes.get("t", "n")
        if not stored:
            return "", OddCell("", "formula") if self._has_formula and kind != "str" else None
        if kind == "s":
            return self._strings[int(stored)], None
        if kind in ("inlineStr", "str"):
            return unescape(stored), None
        if kind == "b":
            text = "TRUE" if stored.strip() == "1" else "FALSE"
            return text, OddCell(text, "boolean")
        if kind == "e":
            return stored, OddCell(stored, "error")
        if kind == "d":
            return stored, OddCell(stored, "date")
        style = int(self._attributes.get("s", 0))
        if style < len(self._formats) and not self._formats[style].is_plain:
            return self._formats[style].read(stored)
        return stored if stored.isdigit() and len(stored) < 16 else plain_number(float(stored)), None

    def cells(self) -> Cells:
        """All rows up to the last filled one, blank ones included.

        Raises
        ------
        PairError
            If the last filled row lies too far down.
        """
        last = max(self._rows, default=-1)
        if last > 2 * self._max_rows + 50:
            raise PairError(f"{self._name} has a filled cell in row {last + 1:,}, far below the others.",
                            hint="Remove it, or move the rows up.")
        rows = []
        for i in range(last + 1):
            filled = self._rows.get(i, {})
            rows.append([filled.get(j, "") for j in range(max(filled, default=-1) + 1)])
        return Cells(rows, odd=self._odd)
