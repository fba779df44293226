"""Cells of an XLSX workbook, read with openpyxl."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from openpyxl.cell.read_only import ReadOnlyCell
from openpyxl.reader.excel import ExcelReader
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from esm2amp_core.errors import PairError, quoted
from esm2amp_core.files import cells as limits
from esm2amp_core.files.cell_values import read_cell
from esm2amp_core.files.cells import Cells, OddCell
from esm2amp_core.files.package import check_package, damage_told

_MAX_CHARACTERS = 1_000_000
"""Text of one cell: thirty times what a spreadsheet program can hold."""


def read_workbook(data: bytes, name: str, *, max_rows: int, max_columns: int, max_mb: float) -> Cells:
    """Cells of the first sheet that holds anything, visible ones first; formulas by their stored result.

    Parameters
    ----------
    data : bytes
    name : str
        For messages.
    max_rows, max_columns : int
        Filled ones; the header is not counted.
    max_mb : float
        Megabytes to which the workbook may unpack.

    Raises
    ------
    PairError
        If the file is damaged, made to do harm, larger than accepted, or has no filled cell.
    """
    check_package(data, name, max_rows=max_rows, max_mb=max_mb)
    with damage_told(name), warnings.catch_warnings():
        # It tells of missing styles and unknown extensions, which is nothing a person needs.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
        reader = _Reader(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        reader.read()
        sheets = sorted(reader.wb.worksheets, key=lambda sheet: sheet.sheet_state != "visible")
        for sheet in sheets:
            cells = _read_sheet(sheet, name, max_rows, max_columns)
            if cells.rows:
                if len(sheets) > 1:
                    cells.notes.append(
                        f"Of {len(sheets)} sheets, {quoted(sheet.title)} was read, the first with data. "
                        f"To use another one, save it as a file of its own."
                    )
                return cells
    raise PairError(f"{name} has no filled cell.", hint="Give a table with two columns of protein names.")


class _Reader(ExcelReader):
    """openpyxl's reader, less what says nothing of cells but can be slow or make it refuse a workbook."""

    def read_workbook(self) -> None:
        super().read_workbook()
        self.parser.assign_names = lambda: None  # print areas and such

    def read_chartsheet(self, *_: object) -> None:
        pass

    def read_properties(self) -> None:
        pass

    read_custom = read_theme = read_properties


class _Parser(WorkSheetParser):
    """openpyxl's parser of a sheet, which also tells a formula without a stored result from a blank cell."""

    def parse_cell(self, element: Element) -> dict[str, object]:
        cell = super().parse_cell(element)
        if cell["value"] is None and cell["data_type"] != "str" and element.find(FORMULA_TAG) is not None:
            cell["data_type"] = "f"
        return cell


def _rows(sheet: ReadOnlyWorksheet) -> Iterator[tuple[int, list[ReadOnlyCell]]]:
    """The rows that the file holds, numbered from 0, each with the cells that it holds."""
    book = sheet.parent
    last = -1
    # Its own iterator would fill all gaps with cells, and leave out rows whose numbers do not rise.
    with book._archive.open(sheet._worksheet_path) as source:
        # Told of no date formats, it leaves numbers as they are: of a date out of range, it keeps nothing.
        parser = _Parser(source, sheet._shared_strings, data_only=True)
        for number, cells in parser.parse():
            last = max(number - 1, last + 1)
            yield last, [ReadOnlyCell(sheet, **cell) for cell in cells]


def _read_sheet(sheet: ReadOnlyWorksheet, name: str, max_rows: int, max_columns: int) -> Cells:
    """All rows up to the last filled one, blank ones included."""
    rows: list[list[str]] = []
    odd: dict[tuple[int, int], OddCell] = {}
    n_rows = n_cells = 0
    for i, cells in _rows(sheet):
        filled: dict[int, str] = {}
        for cell in cells:
            text, oddness = read_cell(cell)
            if oddness:
                odd[i, cell.column - 1] = oddness
            if text or oddness:
                filled[cell.column - 1] = text
            if len(text) > _MAX_CHARACTERS:
                raise PairError(f"{name} has a cell of more than {_MAX_CHARACTERS:,} characters.",
                                hint="Shorten it.")
        if not filled:
            continue
        if max(filled) >= max_columns:
            raise limits.too_many_columns(name, max_columns)
        n_rows += 1
        n_cells += len(filled)
        if n_rows > max_rows + 1:
            raise limits.too_many_rows(name, max_rows)
        if n_cells > limits.max_cells(max_rows):
            raise limits.too_many_cells(name, limits.max_cells(max_rows))
        if i > 2 * max_rows + 50:
            raise PairError(f"{name} has a filled cell in row {i + 1:,}, far below the others.",
                            hint="Remove it, or move the rows up.")
        rows += [[] for _ in range(i - len(rows))]
        rows.append([filled.get(j, "") for j in range(max(filled) + 1)])
    return Cells(rows, odd=odd)
