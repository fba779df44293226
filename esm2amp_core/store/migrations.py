"""How a database comes to today's tables: numbered steps, each done once and never changed again.

The steps spell out their tables and do not use `tables`, which says how things stand today.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy import Connection, exc

from esm2amp_core.errors import JobError
from esm2amp_core.store.database import Database

Step = Callable[[Connection], None]

VERSION = sa.Table("schema_version", sa.MetaData(), sa.Column("version", sa.Integer, nullable=False))


def first_tables(connection: Connection) -> None:
    """Version 1: jobs, their proteins, predictions, and the worker's seat."""
    metadata = sa.MetaData()
    text = sa.Column("text", sa.Text, nullable=False)
    count = sa.Column("count", sa.Integer, nullable=False)
    size = sa.Column("size", sa.BigInteger, nullable=False)
    moment = sa.DateTime(timezone=True)

    def like(column: sa.Column, *names: str) -> list[sa.Column]:
        return [sa.Column(name, column.type, nullable=False) for name in names]

    sa.Table(
        "jobs", metadata,
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *like(text, "title", "search_text"),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("input_digest", sa.String(64), nullable=False),
        *like(count, "n_rows", "n_done", "n_errors"),
        *like(text, "stage"),
        *like(size, "stage_done", "stage_total"),
        *like(text, "message", "error"),
        *like(count, "attempts", "deaths"),
        sa.Column("worker", sa.String(64), nullable=False),
        *like(size, "input_bytes", "result_bytes"),
        sa.Column("results_removed", sa.Boolean, nullable=False),
        sa.Column("created", moment, nullable=False),
        sa.Column("started", moment),
        sa.Column("finished", moment),
        sa.Column("stage_started", moment),
        sa.Index("jobs_by_time", "created", "id"),
        sa.Index("jobs_by_state", "state", "created", "id"),
        sa.Index("jobs_by_owner", "owner", "created"),
    )  # fmt: skip
    sa.Table(
        "job_proteins", metadata,
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *like(text, "name", "folded"),
    )  # fmt: skip
    sa.Table(
        "predictions", metadata,
        sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("row", sa.Integer, primary_key=True, autoincrement=False),
        *like(text, "protein_a", "protein_b"),
        sa.Column("probability", sa.Double),
        sa.Column("logit", sa.Double),
        sa.Column("interacts", sa.Boolean),
        sa.Column("status", sa.String(16), nullable=False),
        *like(text, "message"),
    )  # fmt: skip
    workers = sa.Table(
        "workers", metadata,
        sa.Column("seat", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("host", sa.String(200), nullable=False),
        sa.Column("started", moment, nullable=False),
        sa.Column("beat", moment, nullable=False),
    )  # fmt: skip
    metadata.create_all(connection)
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    connection.execute(
        workers.insert().values(seat=1, name="", pid=0, host="", started=long_ago, beat=long_ago)
    )


def nearest_training_proteins(connection: Connection) -> None:
    """Version 2: of each row's proteins, the nearest one of the training data."""
    for side in "ab":
        for name, kind in (("seen", sa.Boolean()), ("nearest", sa.Text()), ("similarity", sa.Double())):
            written = kind.compile(connection.dialect)
            connection.execute(sa.text(f"ALTER TABLE predictions ADD COLUMN {name}_{side} {written}"))


STEPS: tuple[Step, ...] = (first_tables, nearest_training_proteins)
"""Step i leads from version i to version i + 1."""


def migrate(database: Database, steps: Sequence[Step] = STEPS) -> None:
    """Bring the database to the newest version; any number of processes may try at once.

    Raises
    ------
    JobError
        If a newer program made the database, or it cannot be changed.
    """
    version = _version(database)
    if version == len(steps):
        return
    _check(version or 0, len(steps))
    _make_version_table(database)
    with database.changing_tables() as connection:
        # The row lock (SQLite: the write lock) makes a second process wait here, then find nothing to do.
        version = connection.scalar(sa.select(VERSION.c.version).with_for_update())
        _check(version, len(steps))
        for step in steps[version:]:
            step(connection)
        connection.execute(VERSION.update().values(version=len(steps)))


def _version(database: Database) -> int | None:
    """Version of the database, or None where nothing stands yet."""
    with database.reading() as session:
        if not sa.inspect(session.connection()).has_table(VERSION.name):
            return None
        return session.scalar(sa.select(VERSION.c.version))


def _make_version_table(database: Database) -> None:
    """Make the table that holds version 0, unless another process was faster."""
    try:
        with database.changing_tables() as connection:
            VERSION.create(connection, checkfirst=True)
            if connection.scalar(sa.select(VERSION.c.version)) is None:
                connection.execute(VERSION.insert().values(version=0))
    except (exc.ProgrammingError, exc.IntegrityError):
        if _version(database) is None:
            raise


def _check(version: int, newest: int) -> None:
    if version > newest:
        raise JobError(
            f"The workspace was written by a newer esm2amp (database version {version}; "
            f"this program knows {newest}).",
            hint="Update esm2amp, or choose another folder with ESM2AMP_WORKSPACE.",
        )
