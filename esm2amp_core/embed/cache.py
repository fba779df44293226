"""Pooled features kept between runs: one SQLite file that several processes may share.

A cache may lose things but never invents them: every value carries a checksum over its key,
and whatever does not agree is dropped and made again. It never stops the work either: where the
file cannot be read or written, the log says so and the features are computed.
"""

from __future__ import annotations

import logging
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np

_log = logging.getLogger(__name__)

_VERSION = 1
_BUSY_SECONDS = 15
_REST_SECONDS = 60
"""After a failure the file is left alone for so long: each attempt may wait for `_BUSY_SECONDS`."""
_TOUCH_SECONDS = 3600
"""A read is noted at most this often, so that reading seldom writes."""
_KEYS_PER_QUERY = 500
_DATABASE_SHARE, _LOG_SHARE, _EVICT_SHARE = 0.75, 0.1, 0.1
"""Of the space allowed: the database; one transaction in its write-ahead log; what is evicted at once."""
_LOG_BYTES = 8_000_000
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR}
# A damaged file's table names need not even be text.
_FILE_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError, OSError)

_TABLE = """
CREATE TABLE features (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    used INTEGER NOT NULL,      -- seconds; the smallest is evicted first
    size INTEGER NOT NULL,      -- bytes of the value
    rows INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    value BLOB NOT NULL         -- float32, little-endian
)
"""


class FeatureCache:
    """Features by key; the least recently used give way.

    Parameters
    ----------
    path : Path
        SQLite file; made when first used.
    max_mb : int
        Disk it may take, in megabytes; 0 keeps nothing.
    clock : callable
        Seconds; decides what was used least recently.
    """

    def __init__(self, path: Path, max_mb: int, *, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._limit = max_mb * 1_000_000
        self._log_limit = int(min(self._limit * _LOG_SHARE, _LOG_BYTES))
        self._clock = clock
        self._rests_until = 0.0

    def get(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        """Look keys up.

        Returns
        -------
        dict of str to ndarray, dtype=float32, shape=(13, D)
            Those that are there and whole.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, np.ndarray] = {}
        if self._rests() or not wanted:
            return found
        try:
            if not self.path.exists():
                return found
            with closing(self._open()) as database:
                for start in range(0, len(wanted), _KEYS_PER_QUERY):
                    found |= self._get(database, wanted[start : start + _KEYS_PER_QUERY])
        except _FILE_ERRORS as error:
            self._recover(error)
        return found

    def put(self, values: Mapping[str, np.ndarray]) -> None:
        """Keep features, replacing what stood under their keys.

        Parameters
        ----------
        values : mapping of str to ndarray, dtype=float32, shape=(13, D)
        """
        if self._rests() or not values:
            return
        try:
            with closing(self._open()) as database:
                part: list[tuple] = []
                room = self._log_limit
                for key, value in values.items():
                    row = self._row(key, value)
                    if row[2] > self._log_limit:
                        continue
                    if row[2] > room:
                        self._store(database, part)
                        part, room = [], self._log_limit
                    part.append(row)
                    room -= row[2]
                self._store(database, part)
        except _FILE_ERRORS as error:
            self._recover(error)

    def _get(self, database: sqlite3.Connection, keys: list[str]) -> dict[str, np.ndarray]:
        """Values of some keys; drop damaged ones and note that the others were used."""
        found: dict[str, np.ndarray] = {}
        damaged, stale, now = [], [], int(self._clock())
        query = f"SELECT key, used, rows, checksum, value FROM features WHERE key IN ({_marks(keys)})"
        for key, used, rows, checksum, blob in database.execute(query, keys):
            whole = isinstance(blob, bytes) and isinstance(rows, int) and isinstance(used, int)
            if not whole or checksum != _checksum(key, rows, blob):
                damaged.append(key)
                continue
            found[key] = np.frombuffer(blob, dtype="<f4").astype(np.float32).reshape(rows, -1)
            if used < now - _TOUCH_SECONDS:
                stale.append(key)
        if damaged:
            _log.warning("%s: %d damaged entries are dropped and made again.", self.path, len(damaged))
            database.execute(f"DELETE FROM features WHERE key IN ({_marks(damaged)})", damaged)
        if stale:
            database.execute(f"UPDATE features SET used = ? WHERE key IN ({_marks(stale)})", (now, *stale))
        return found

    def _row(self, key: str, value: np.ndarray) -> tuple:
        """A value as it is stored, the id left out."""
        blob = np.ascontiguousarray(value, dtype="<f4").tobytes()
        return key, int(self._clock()), len(blob), len(value), _checksum(key, len(value), blob), blob

    def _store(self, database: sqlite3.Connection, part: list[tuple]) -> None:
        """Write some rows in one transaction, after making room for them."""
        size = sum(size for _, _, size, *_ in part)
        database.execute("BEGIN IMMEDIATE")
        self._make_room(database, size)
        database.executemany(
            "INSERT OR REPLACE INTO features (key, used, size, rows, checksum, value)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            part,
        )
        database.execute("COMMIT")
        if _bytes_of(database, "page_count") > self._limit * _DATABASE_SHARE:
            # A script, because it steps once per page and execute would take the first step only.
            database.executescript("PRAGMA incremental_vacuum")

    def _make_room(self, database: sqlite3.Connection, size: int) -> None:
        """Delete the least recently used entries until `size` more bytes fit."""
        limit = self._limit * _DATABASE_SHARE
        occupied = _bytes_of(database, "page_count") - _bytes_of(database, "freelist_count")
        surplus = occupied + size * 1.1 - limit  # a tenth for keys, indexes and unfilled pages
        if surplus <= 0:
            return
        database.execute(
            "DELETE FROM features WHERE id IN (SELECT id FROM"
            " (SELECT id, SUM(size) OVER (ORDER BY used, id) - size AS before FROM features)"
            " WHERE before < ?)",
            (surplus + _EVICT_SHARE * limit,),
        )

    def _open(self) -> sqlite3.Connection:
        """A connection for one call.

        The last one to close empties the write-ahead log into the database: between calls there
        is one file, whole on the disk.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous=NORMAL")
            page_size = database.execute("PRAGMA page_size").fetchone()[0]
            database.execute(f"PRAGMA wal_autocheckpoint={max(self._log_limit // page_size // 2, 1)}")
            if _version(database) != _VERSION:
                _make_table(database)
        except BaseException:
            database.close()
            raise
        return database

    def _rests(self) -> bool:
        """True for a while after a failure."""
        return time.monotonic() < self._rests_until

    def _recover(self, error: Exception) -> None:
        """Remove a damaged file; leave one alone that cannot be used now."""
        if isinstance(error, sqlite3.ProgrammingError):
            raise error  # not the file's fault but ours
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _DAMAGED or isinstance(error, UnicodeDecodeError) or "decode" in str(error):
            _log.warning("The feature cache %s is damaged (%s); it is begun anew.", self.path, error)
            try:
                # The write-ahead log first: that of the old file must not meet a new one.
                for suffix in ("-wal", "-shm", ""):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
                return
            except OSError as refusal:
                error = refusal
        _log.warning("The feature cache %s is not used for a minute: %s.", self.path, error)
        self._rests_until = time.monotonic() + _REST_SECONDS


def _version(database: sqlite3.Connection) -> int:
    """Version of the table; 0 in a new file."""
    return database.execute("PRAGMA user_version").fetchone()[0]


def _make_table(database: sqlite3.Connection) -> None:
    """Make a new file ready, or empty one of another version."""
    database.execute("PRAGMA auto_vacuum=INCREMENTAL")
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("BEGIN IMMEDIATE")
    if _version(database) != _VERSION:  # another process may have been faster
        database.execute("DROP TABLE IF EXISTS features")
        database.execute(_TABLE)
        database.execute("CREATE INDEX features_used ON features (used, size)")
        database.execute(f"PRAGMA user_version={_VERSION}")
    database.execute("COMMIT")


def _bytes_of(database: sqlite3.Connection, pages: str) -> int:
    """Bytes in pages: ``page_count`` of the file, ``freelist_count`` of its unused ones."""
    count, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in (pages, "page_size"))
    return count * size


def _checksum(key: str, rows: int, blob: bytes) -> int:
    """Of the value and of what it stands for, so that exchanged values do not agree either."""
    return zlib.crc32(blob, zlib.crc32(f"{key} {rows} {len(blob)}".encode()))


def _marks(values: list[str]) -> str:
    """One question mark per value."""
    return ",".join("?" * len(values))
