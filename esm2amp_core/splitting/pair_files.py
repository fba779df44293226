"""Tables of pairs as splitting reads them: rows as written, their proteins as sequences, labels if any."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from esm2amp_core.columns import recognise_columns
from esm2amp_core.errors import Severity
from esm2amp_core.labelled import LABEL, LABEL_COLUMNS, VALUES
from esm2amp_core.pairs import Limits, PairTable, build_pairs
from esm2amp_core.protein_files import read_packed, read_proteins
from esm2amp_core.settings import Settings
from esm2amp_core.tables import read_table

NO_LABEL = -1


@dataclass(frozen=True)
class PairFile:
    """Pairs of a file.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    rows : DataFrame of text, length=N
        All columns as written; columns without a name have one.
    table : PairTable, length=N
        The same rows, understood.
    labels : ndarray, dtype=int64, shape=(N,)
        0, 1, or `NO_LABEL` where there is none or it is not understood.
    """

    name: str
    rows: pd.DataFrame
    table: PairTable
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def problems(self) -> dict[int, str]:
        """Why rows cannot be placed (a protein without a sequence, for example), by place from 0."""
        return {row - 1: text for row, text in self.table.problems(Severity.ERROR).items()}

    @cached_property
    def usable(self) -> np.ndarray:
        """Rows whose two proteins have a sequence; dtype=bool, shape=(N,)."""
        mask = np.ones(len(self), bool)
        mask[list(self.problems)] = False
        return mask

    @cached_property
    def ids(self) -> np.ndarray:
        """Both proteins' names as written; dtype=object, shape=(N, 2)."""
        return self.table.frame[["protein_a", "protein_b"]].to_numpy(object)


def read_pair_files(
    paths: Sequence[Path], sequences: Path | None, *, settings: Settings | None = None
) -> list[PairFile]:
    """Tables of pairs (CSV, TSV, XLSX; .gz) and the proteins they name.

    Parameters
    ----------
    paths : sequence of Path
    sequences : Path, optional
        FASTA or a table; not needed where the sequences stand beside the pairs.
    settings : Settings, optional

    Raises
    ------
    PairError, SequenceError
        If a file cannot be read.
    """
    settings = settings or Settings()
    proteins, issues = {}, []
    if sequences is not None:
        proteins, issues = read_proteins(sequences, max_file_mb=settings.max_file_mb)
    # How long a protein is does not matter here.
    limits = Limits(trained_residues=sys.maxsize, max_residues=sys.maxsize)
    files = []
    for path in paths:
        data = read_packed(path, max_file_mb=settings.max_file_mb)
        raw = read_table(data, path.name, max_pairs=settings.max_pairs, max_file_mb=settings.max_file_mb)
        columns = recognise_columns(raw, proteins)
        table = build_pairs(raw, proteins, columns, issues, limits=limits)
        rows = raw.frame
        if not columns.has_header:
            rows = _named(raw.without_header().frame, columns.protein_a, columns.protein_b)
        files.append(PairFile(path.name, rows, table, _labels(rows)))
    return files


def _named(rows: pd.DataFrame, a: str | None, b: str | None) -> pd.DataFrame:
    """Names for the columns of a table without a header, so that its parts can be read again."""
    names = {a: "protein_a", b: "protein_b"}
    others = [name for name in rows.columns if name not in names]
    if others and a is not None and rows[others[0]].str.strip().str.lower().isin(VALUES).all():
        names[others[0]] = LABEL
    return rows.rename(columns=names)


def _labels(rows: pd.DataFrame) -> np.ndarray:
    by_name = {name.strip().lower(): name for name in reversed(rows.columns)}
    column = next((by_name[name] for name in LABEL_COLUMNS if name in by_name), None)
    if column is None:
        return np.full(len(rows), NO_LABEL)
    return rows[column].str.strip().str.lower().map(VALUES).fillna(NO_LABEL).to_numpy(np.int64)
