"""Rows of scores in the database: in, out, and found by protein."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd
from sqlalchemy import Select, insert, or_, select
from sqlalchemy.orm import Session

from esm2amp_core.kinds import EXPLAIN
from esm2amp_core.predictions import NEAREST_COLUMNS, RESULT_COLUMNS
from esm2amp_core.store.tables import JobProteinRow, JobRow, PredictionRow

FOUND_COLUMNS = ("job_id", "title", "row", "protein_a", "protein_b", "probability", "interacts")
JOBS_PER_QUERY = 100
LONGEST_SEARCH = 1000
ROW_BYTES = 80
"""About what a row takes besides its texts, index included."""
TEXTS = ("protein_a", "protein_b", "message", "nearest_a", "nearest_b")

STORED_COLUMNS = (*RESULT_COLUMNS, *NEAREST_COLUMNS)
RESULTS = tuple(getattr(PredictionRow, name) for name in STORED_COLUMNS)


def insert_predictions(session: Session, job_id: str, frame: pd.DataFrame) -> None:
    """Add rows of one job; missing values are NaN or NA.

    Parameters
    ----------
    frame : DataFrame
        `RESULT_COLUMNS`, and `NEAREST_COLUMNS` where they are known; others are not kept.
    """
    columns = {
        name: frame[name].astype(object).where(frame[name].notna(), None).tolist()
        for name in STORED_COLUMNS if name in frame
    }  # fmt: skip
    rows = [
        {"job_id": job_id, **dict(zip(columns, values, strict=True))}
        for values in zip(*columns.values(), strict=True)
    ]
    if rows:
        session.execute(insert(PredictionRow.__table__), rows)


def stored_bytes(frame: pd.DataFrame) -> int:
    """About how much the rows take on the disk."""
    texts = sum(int(frame[name].str.len().sum()) for name in TEXTS if name in frame)
    return texts + ROW_BYTES * len(frame)


def read_predictions(session: Session, job_id: str) -> pd.DataFrame:
    """Rows of one job that are there, by row number: `STORED_COLUMNS`, typed as in `PredictionTable`."""
    rows = select(*RESULTS).where(PredictionRow.job_id == job_id).order_by(PredictionRow.row)
    # The driver's own tuples: of 100,000 rows, SQLAlchemy's objects would take longer than the reading.
    with session.connection().execute(rows) as result:
        return _frame(result.cursor.fetchall(), STORED_COLUMNS)


def read_rows_done(session: Session, job_id: str) -> set[int]:
    """Numbers of the rows that are there."""
    return set(session.scalars(select(PredictionRow.row).where(PredictionRow.job_id == job_id)))


def insert_proteins(session: Session, job_id: str, names: Iterable[str]) -> None:
    """Note which proteins a job names, so that they can be searched."""
    rows = [
        {"job_id": job_id, "number": number, "name": name, "folded": name.casefold()}
        for number, name in enumerate(dict.fromkeys(names))
    ]
    if rows:
        session.execute(insert(JobProteinRow.__table__), rows)


def searched(text: str) -> str:
    """What a person typed, as the search compares it: case and outer space do not count."""
    # A longer text can stand in no name that anyone would type; databases refuse very long patterns.
    return text.strip().casefold()[:LONGEST_SEARCH]


def naming_protein(text: str) -> Select[tuple[str]]:
    """Select the ids of jobs with a protein whose name holds `text`."""
    return select(JobProteinRow.job_id).where(JobProteinRow.folded.contains(searched(text), autoescape=True))


def find_protein(session: Session, text: str, limit: int, owner: str | None = None) -> pd.DataFrame:
    """Scored rows with a protein whose name holds `text`, newest job first, then by row; not explanations.

    Parameters
    ----------
    owner : str, optional
        Only in their jobs.

    Returns
    -------
    DataFrame, at most `limit` lines
        Columns `FOUND_COLUMNS`.
    """
    mine = () if owner is None else (JobRow.owner == owner,)
    jobs = session.execute(
        select(JobRow.id, JobRow.title)
        # An explanation repeats scores of another job.
        .where(JobRow.id.in_(naming_protein(text)), JobRow.n_done > 0, JobRow.kind != EXPLAIN, *mine)
        .order_by(JobRow.created.desc(), JobRow.id.desc())
    ).all()
    found: list[tuple] = []
    # Newest jobs first and only until there is enough: one letter may name every row of a workspace.
    for start in range(0, len(jobs), JOBS_PER_QUERY):
        if len(found) >= limit:
            break
        ids = [job.id for job in jobs[start : start + JOBS_PER_QUERY]]
        found += _rows_naming(session, ids, text, limit - len(found))
    return _frame(found, FOUND_COLUMNS)


def _rows_naming(session: Session, job_ids: list[str], text: str, limit: int) -> list[tuple]:
    """At most `limit` rows of these jobs that name the protein."""
    names = (
        select(JobProteinRow.name)
        .where(JobProteinRow.job_id.in_(job_ids),
               JobProteinRow.folded.contains(searched(text), autoescape=True))
    )  # fmt: skip
    columns = [getattr(JobRow if name == "title" else PredictionRow, name) for name in FOUND_COLUMNS]
    return list(
        session.execute(
            select(*columns)
            .join(JobRow, JobRow.id == PredictionRow.job_id)
            .where(PredictionRow.job_id.in_(job_ids))
            .where(or_(PredictionRow.protein_a.in_(names), PredictionRow.protein_b.in_(names)))
            .order_by(JobRow.created.desc(), JobRow.id.desc(), PredictionRow.row)
            .limit(limit)
        ).all()
    )


TYPES = {"row": "int64", "probability": "float64", "logit": "float64", "interacts": "boolean",
         "seen_a": "boolean", "seen_b": "boolean", "similarity_a": "float64", "similarity_b": "float64"}


def _frame(rows: Sequence[tuple], names: Sequence[str]) -> pd.DataFrame:
    """Rows as columns, each of its type, also where there are no rows."""
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return pd.DataFrame(
        {
            name: pd.Series(list(values), dtype=TYPES.get(name, "str"))
            for name, values in zip(names, columns, strict=True)
        }
    )
