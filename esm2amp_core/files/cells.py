"""Cells of a table, as its reader saw them."""

from __future__ import annotations

from dataclasses import dataclass, field

from esm2amp_core.errors import PairError


@dataclass(frozen=True, slots=True)
class OddCell:
    """A cell of a spreadsheet that holds no text.

    Attributes
    ----------
    shown : str
        What the program shows there; the table itself holds the full value.
    kind : str
        ``date``, ``number`` (in scientific format), ``boolean``, ``error``, ``formula`` (without a stored
        result), or empty where nothing is wrong (0007 is the number 7 in the format 0000).
    """

    shown: str
    kind: str


@dataclass(frozen=True)
class Cells:
    """Rows of text cells, with what was noticed on reading them.

    Attributes
    ----------
    rows : list of list of str
        Rows may differ in length.
    notes : list of str
        About the file, one sentence each.
    odd : dict of (int, int) to OddCell
        By row and column from 0.
    """

    rows: list[list[str]]
    notes: list[str] = field(default_factory=list)
    odd: dict[tuple[int, int], OddCell] = field(default_factory=dict)


def too_many_rows(name: str, max_rows: int) -> PairError:
    """The error for a table with more rows than are accepted."""
    return PairError(f"{name} has more than {max_rows:,} rows.",
                     hint="Split it into several files, or raise the limit (ESM2AMP_MAX_PAIRS).")


def too_many_columns(name: str, max_columns: int) -> PairError:
    """The error for a table with more columns than are accepted."""
    return PairError(f"{name} has more than {max_columns:,} columns.",
                     hint="Check the separator between columns, or remove columns that are not needed.")


def too_many_cells(name: str, limit: int) -> PairError:
    """The error for a table with more filled cells than are accepted."""
    return PairError(f"{name} has more than {limit:,} cells.",
                     hint="Remove columns that are not needed, or save it as CSV, of which more is read.")


def max_cells(max_rows: int) -> int:
    """Cells that are accepted where so many rows are: enough for wide tables, and a bound on memory."""
    return max(20 * max_rows, 100_000)


def max_sheet_cells(max_rows: int) -> int:
    """The same for a workbook, whose cells take fifty times as long to read: a bound on the time."""
    return max(6 * max_rows, 100_000)
