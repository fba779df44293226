"""Pairs of which is known whether they interact: what training, evaluation and splitting read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from esm2amp_core.checks.protein_lookup import Limits
from esm2amp_core.columns import ColumnMap, recognise_columns
from esm2amp_core.errors import Issue, PairError, quoted
from esm2amp_core.pairs import PAIR_COLUMNS, PairTable, build_pairs
from esm2amp_core.protein_files import read_packed, read_proteins
from esm2amp_core.settings import Settings
from esm2amp_core.tables import read_table

LABEL = "label"
LABEL_COLUMNS = ("label", "labels", "interacts", "interaction", "interacting", "class", "target", "y")
VALUES = {
    "1": 1, "1.0": 1, "true": 1, "yes": 1, "positive": 1,
    "0": 0, "0.0": 0, "false": 0, "no": 0, "negative": 0,
}  # fmt: skip
"""What a label may be written as, in any case."""
_TAKEN = {"protein_a": "protein A", "protein_b": "protein B", "sequence_a": "the sequence of protein A",
          "sequence_b": "the sequence of protein B"}  # fmt: skip


def read_labelled(
    pairs: str | Path,
    sequences: str | Path | None = None,
    *,
    label: str = "",
    columns: ColumnMap | None = None,
    limits: Limits | None = None,
    max_pairs: int = Settings.max_pairs,
    max_file_mb: float = Settings.max_file_mb,
) -> PairTable:
    """Labelled pairs of a file (CSV, TSV, XLSX; CSV and TSV also gzipped).

    Parameters
    ----------
    pairs : str or Path
        Each row has a label: 1 or 0, true or false, yes or no, positive or negative, in any case.
    sequences : str or Path, optional
        FASTA, or a table with the columns protein (id, entry) and sequence, gzipped or not. Not needed
        where the sequences stand beside the pairs.
    label : str
        Column of the labels; one of `LABEL_COLUMNS` when empty. Without a header it is the third column.
    columns, limits, max_pairs, max_file_mb
        As for `read_pairs`.

    Returns
    -------
    PairTable
        As `read_pairs` gives it, every row in order; its frame has an int64 column ``label`` of 0 and 1.

    Raises
    ------
    PairError, SequenceError
        If a file cannot be read, or a label is missing or not understood (all such rows are listed).
    """
    pairs = Path(pairs)
    data = read_packed(pairs, max_file_mb=max_file_mb)
    raw = read_table(data, pairs.name, max_pairs=max_pairs, max_file_mb=max_file_mb)
    proteins, issues = ({}, []) if sequences is None else read_proteins(sequences, max_file_mb=max_file_mb)
    columns = columns or recognise_columns(raw, proteins)
    names = raw.frame.columns if columns.has_header else raw.without_header().frame.columns
    chosen = _label_column(list(names), label, columns, pairs.name)
    table = build_pairs(raw, proteins, columns, issues, limits=limits)
    taken = {columns.protein_a, columns.protein_b, columns.sequence_a, columns.sequence_b}
    # By position: build_pairs gives carried columns other names where they could be mistaken for results.
    position = len(PAIR_COLUMNS) + [name for name in names if name not in taken].index(chosen)
    labels = parse_labels(table.frame.iloc[:, position], pairs.name)
    frame = table.frame.drop(columns=table.frame.columns[position])
    frame = frame.rename(columns={LABEL: f"{LABEL} (input)"})
    frame.insert(len(PAIR_COLUMNS), LABEL, labels)
    return PairTable(frame, table.proteins, table.issues)


def parse_labels(texts: pd.Series, filename: str = "") -> np.ndarray:
    """Labels as numbers.

    Parameters
    ----------
    texts : Series of str, length=N
    filename : str
        For the message: several tables may be read at once.

    Returns
    -------
    ndarray, dtype=int64, shape=(N,)
        0 or 1.

    Raises
    ------
    PairError
        If a label is missing or is not one of `VALUES`; `details` lists every such row.
    """
    texts = texts.str.strip()
    values = texts.str.lower().map(VALUES)
    bad = np.flatnonzero(values.isna())
    if len(bad):
        details = [
            Issue(int(row) + 1, text, f"The label {quoted(text)} is not understood." if text else
                  "The label is missing.", "Write 1 where the proteins interact, 0 where they do not.")
            for row, text in zip(bad, texts.iloc[bad], strict=True)
        ]
        where = f"{filename}: " if filename else ""
        rows = "1 row has" if len(bad) == 1 else f"{len(bad):,} rows have"
        raise PairError(f"{where}{rows} no usable label.", hint="Labels are 1 or 0.", details=details)
    return values.to_numpy(np.int64)


def find_label_column(names: Iterable[str]) -> str | None:
    """The column that holds labels, judging by its name; the first of `LABEL_COLUMNS` that there is."""
    # A carried column whose name is also one of the results' got that ending from `build_pairs`.
    by_name = {name.strip().lower().removesuffix(" (input)"): name for name in reversed(list(names))}
    return next((by_name[wanted] for wanted in LABEL_COLUMNS if wanted in by_name), None)


def _label_column(names: list[str], label: str, columns: ColumnMap, filename: str) -> str:
    """Name of the column that holds the labels."""
    taken = {columns.protein_a, columns.protein_b, columns.sequence_a, columns.sequence_b}
    free = [name for name in names if name not in taken]
    if label:
        if label in free:
            return label
        for name, what in _TAKEN.items():
            if getattr(columns, name) == label:
                raise PairError(f"{filename}: {quoted(label)} is the column of {what} and cannot be "
                                 "the label.",
                                hint=f"Other columns: {', '.join(map(quoted, free[:20])) or 'none'}.")
        raise PairError(f"{filename} has no column {quoted(label)} for the labels.",
                        hint=f"Columns found: {', '.join(map(quoted, names[:20]))}.")
    if not columns.has_header and free:
        return free[0]
    if (found := find_label_column(free)) is not None:
        return found
    raise PairError(
        f"{filename} has no column of labels. Columns found: {', '.join(map(quoted, names[:20]))}.",
        hint="Add a column called label: 1 where the two proteins interact, 0 where they do not.",
    )
