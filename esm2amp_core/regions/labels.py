"""What is true of each pair, and what the model says: the classes TP, TN, FP and FN need both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.columns import recognise_columns
from esm2amp_core.errors import PairError, quoted
from esm2amp_core.explanation_files import PAIRS_TABLE
from esm2amp_core.labelled import LABEL_COLUMNS, VALUES
from esm2amp_core.protein_files import read_packed
from esm2amp_core.settings import Settings
from esm2amp_core.tables import read_table

MAX_ROWS = 10_000_000
INTERACTS = "interacts"
"""What an explanation's table of pairs calls the model's answer."""
PREDICTION_COLUMNS = (INTERACTS, "prediction", "predicted", "published_prediction")


def truth_and_prediction(
    pairs: pd.DataFrame, importances: Path, labels: Path | None, *, max_file_mb: float = Settings.max_file_mb
) -> tuple[pd.Series | None, pd.Series | None]:
    """Labels and predictions of pairs, from wherever they stand.

    Labels come from the table of labels, or else from the importances' own columns; predictions from the
    importances, from ``pairs.csv`` beside them, or from the table of labels.

    Parameters
    ----------
    pairs : DataFrame
        With ``row``, ``protein_a`` and ``protein_b``; carried columns are text.
    importances : Path
        The file they were read from.
    labels : Path, optional
        Table of pairs, in either order, with a column of labels (any of `LABEL_COLUMNS` but interacts).

    Returns
    -------
    label, interacts : Series of nullable bool, length=N, or None
        None where they stand nowhere.

    Raises
    ------
    AnnotationError
        If a table cannot be read, or a value is not understood.
    """
    given = _read(labels, max_file_mb) if labels is not None else None
    names = tuple(name for name in LABEL_COLUMNS if name not in PREDICTION_COLUMNS)
    label = _matched(pairs, given, names, labels) if given is not None else _own(pairs, names, importances)
    if given is not None and label is None:
        raise AnnotationError(f"{labels} has no column of labels.",
                              hint="Add a column called label: 1 where the proteins interact, else 0.")
    interacts = _own(pairs, PREDICTION_COLUMNS, importances)
    if interacts is None:
        interacts = _of_explanation(pairs, importances, max_file_mb)
    if interacts is None and given is not None:
        interacts = _matched(pairs, given, PREDICTION_COLUMNS, labels)
    return label, interacts


def _read(path: Path, max_file_mb: float) -> pd.DataFrame:
    data = read_packed(path, max_file_mb=max_file_mb, error=AnnotationError)
    try:
        raw = read_table(data, path.name, max_pairs=MAX_ROWS, max_file_mb=max_file_mb)
        columns = recognise_columns(raw)
        if not (columns.has_header and columns.protein_a and columns.protein_b):
            raise PairError(f"{path.name} does not name its columns.")
    except PairError as error:
        raise AnnotationError(error.message, hint="Name the columns protein_a, protein_b and label.",
                              details=error.details) from None
    frame = raw.frame.rename(columns={columns.protein_a: "protein_a", columns.protein_b: "protein_b"})
    frame.columns = [column.strip().lower() for column in frame.columns]
    return frame


def _own(pairs: pd.DataFrame, names: tuple[str, ...], path: Path) -> pd.Series | None:
    found = next((name for name in names if name in pairs.columns), None)
    return None if found is None else as_booleans(pairs[found], path)


def _of_explanation(pairs: pd.DataFrame, importances: Path, max_file_mb: float) -> pd.Series | None:
    """The model's answers from the table of pairs that `esm2amp explain` writes beside its importances."""
    beside = importances.with_name(PAIRS_TABLE)
    if not beside.is_file() or beside == importances:
        return None
    try:
        explained = _read(beside, max_file_mb)
    except AnnotationError:
        return None  # another table of that name, which nobody asked to read
    if not {"row", INTERACTS} <= set(explained.columns):
        return None
    by_row = explained.drop_duplicates("row").set_index("row")[INTERACTS]
    return as_booleans(pairs["row"].astype(str).map(by_row), beside)


def _matched(
    pairs: pd.DataFrame, given: pd.DataFrame, names: tuple[str, ...], path: Path | None
) -> pd.Series | None:
    """A column of another table, for the same pairs in either order."""
    found = next((name for name in names if name in given.columns), None)
    if found is None:
        return None
    known = as_booleans(given[found], path).to_numpy()
    values = pd.Series(known, index=_keys(given), dtype="boolean").dropna()
    values = values[~pd.MultiIndex.from_arrays([values.index, values.to_numpy(bool)]).duplicated()]
    if (twice := values.index.duplicated()).any():
        pair = " and ".join(map(quoted, values.index[twice][0].split("\t")))
        raise AnnotationError(f"{path} says yes and no of the pair {pair}, in column {found}.",
                              hint="Keep one of the rows.")
    return pd.Series(values.reindex(_keys(pairs)).to_numpy(), dtype="boolean")


def _keys(frame: pd.DataFrame) -> pd.Index:
    a, b = (frame[f"protein_{side}"].str.strip().to_numpy(object) for side in "ab")
    swap = np.array([x > y for x, y in zip(a, b, strict=True)], bool)
    return pd.Index(np.where(swap, b, a) + "\t" + np.where(swap, a, b))


def as_booleans(texts: pd.Series, path: Path | str) -> pd.Series:
    """Values written as 1 and 0, true and false, yes and no; missing where nothing is written."""
    plain = texts.astype("object").where(texts.notna(), "").astype(str).str.strip().str.lower()
    values = plain.map(VALUES)
    if (bad := np.flatnonzero(values.isna() & (plain != ""))).size:
        value = quoted(plain.iloc[bad[0]])
        raise AnnotationError(f"{path}, row {bad[0] + 1:,}: {value} is neither yes nor no.",
                              hint="Write 1 where the proteins interact, 0 where they do not.")
    return pd.Series(pd.array(values.to_numpy(float) == 1, dtype="boolean")).mask((plain == "").to_numpy())
