"""The database: how sessions open, commit and fail. The only file that knows SQLite from others."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc
from sqlalchemy.orm import Session

from esm2amp_core.errors import JobError

LOCK_SECONDS = 15
"""How long a session waits for another one to finish writing."""

VACUUM_PAGES, VACUUM_PAUSE = 2_000, 0.02
"""Free pages returned at once (8 MB), and seconds in between in which others may write."""

_BUSY = ("The database is busy.", "Another program is writing to it, so nothing was changed. Wait a moment "
         "and try again.")  # fmt: skip
REMEDIES = {
    "locked": _BUSY,
    "busy": _BUSY,
    "full": ("The disk is full.", "Free some space, then try again."),
    "readonly": ("The workspace cannot be written.", "Make it writable, or choose another folder with "
                 "ESM2AMP_WORKSPACE."),
    "unable to open": ("The database cannot be opened.", "Check that the folder exists and can be written, "
                       "or choose another one with ESM2AMP_WORKSPACE."),
    "not a database": ("The database file is damaged.", "Restore it from a backup, or move it away: "
                       "a new one is then made."),
    "malformed": ("The database file is damaged.", "Restore it from a backup, or move it away: "
                  "a new one is then made."),
    "i/o error": ("The disk reports an error.", "Check the disk of the workspace."),
}  # fmt: skip
"""Message and hint by what SQLite says."""


class Database:
    """An open database.

    Sessions are short. Every thread may open one at any time; the connections are pooled.

    Parameters
    ----------
    url : str or URL
        As SQLAlchemy takes it.
    lock_seconds : float, optional
        How long a session of an SQLite database waits for another one; `LOCK_SECONDS` when absent.

    Raises
    ------
    JobError
        If the address makes no sense or its driver is not installed.
    """

    def __init__(self, url: str | URL, *, lock_seconds: float | None = None) -> None:
        try:
            self.engine = create_engine(url)
        except (exc.ArgumentError, ImportError) as error:
            raise JobError(f"The database address cannot be used: {error}.",
                           hint="Correct ESM2AMP_DATABASE_URL, or install its driver.") from None
        self._is_sqlite = self.engine.dialect.name == "sqlite"
        if self._is_sqlite:
            _prepare_sqlite(self.engine, lock_seconds)
        # SQLite gives a reader that turns writer no time to wait; whoever will write says so at once.
        self._writer = self.engine.execution_options(will_write=True)

    @classmethod
    def of_file(cls, path: Path, *, lock_seconds: float | None = None) -> Database:
        """The SQLite database in a file, which is made when absent."""
        return cls(URL.create("sqlite", database=str(path)), lock_seconds=lock_seconds)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Open a session that only reads.

        Raises
        ------
        JobError
            If the database fails.
        """
        with _translating(), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a session that commits at the end, or rolls back when the block raises.

        Raises
        ------
        JobError
            If the database fails.
        """
        options = {"synchronize_session": False}  # rows are read anew, never from an earlier session
        with _translating(), Session(self._writer, execution_options=options) as session, session.begin():
            yield session

    @contextmanager
    def changing_tables(self) -> Iterator[Connection]:
        """Open a connection for a migration; alone where the database can be locked."""
        with _translating(), self._writer.begin() as connection:
            yield connection

    def give_back_space(self) -> None:
        """Return the space of deleted rows to the disk, where that has to be asked for.

        Raises
        ------
        JobError
            If the database fails.
        """
        if not self._is_sqlite:
            return
        with _translating(), self.engine.connect() as connection:
            sqlite = connection.connection.driver_connection
            pages = _free_pages(sqlite)
            while pages:
                # Frees one page per step; only a script is stepped to its end.
                sqlite.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
                before, pages = pages, _free_pages(sqlite)
                if pages >= before:
                    return  # made without auto_vacuum, or others delete at the same time
                time.sleep(VACUUM_PAUSE)

    def close(self) -> None:
        """Close pooled connections; a later session opens new ones."""
        self.engine.dispose()


def _prepare_sqlite(engine: Engine, lock_seconds: float | None) -> None:
    """Set up each new SQLite connection, and let SQLAlchemy rather than the driver begin transactions."""

    @event.listens_for(engine, "do_connect")
    def wait_for_locks(_dialect: Any, _record: Any, _args: Any, options: dict[str, Any]) -> None:
        options.setdefault("timeout", LOCK_SECONDS if lock_seconds is None else lock_seconds)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first table
        _use_write_ahead_log(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        will_write = connection.get_execution_options().get("will_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if will_write else "BEGIN")


def _free_pages(connection: sqlite3.Connection) -> int:
    """Pages of the file that hold nothing."""
    return connection.execute("PRAGMA freelist_count").fetchone()[0]


def _use_write_ahead_log(connection: Any) -> None:
    """Let readers and a writer work side by side. Two processes that switch at once must retry."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextmanager
def _translating() -> Iterator[None]:
    """Say database errors in words a person can act on. Programming mistakes pass unchanged."""
    try:
        yield
    except (exc.IntegrityError, exc.ProgrammingError, exc.InterfaceError):
        raise
    except (exc.DBAPIError, sqlite3.OperationalError) as error:
        said = str(getattr(error, "orig", error))
        for words, (message, hint) in REMEDIES.items():
            if words in said.lower():
                raise JobError(message, hint=hint) from error
        raise JobError(f"The database does not answer: {said}.", hint="Try again.") from error
    except exc.TimeoutError as error:
        raise JobError("The database is busy.", hint="Wait a moment and try again.") from error
    except UnicodeEncodeError as error:
        raise JobError(f"The text {error.object!r:.80} holds broken characters.",
                       hint="Type it anew, or save the file as UTF-8.") from None
