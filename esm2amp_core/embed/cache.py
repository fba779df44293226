"""Pooled features kept between runs: one SQLite file that several processes may share.

A cache may lose things but never invents them: every value carries a checksum over its key,
and whatever does not agree is dropped and made again. It never stops the work either: a file
that cannot be read or written is reported in the log, and the features are computed.
"""

from __future__ import annotations

import logging
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

_log = logging.getLogger(__name__)

_VERSION = 1
_BUSY_SECONDS = 15
_TOUCH_SECONDS = 3600
"""A read is noted at most this often, so that reading seldom writes."""
_KEYS_PER_QUERY = 500
_DATABASE_SHARE, _TRANSACTION_SHARE = 0.75, 0.1
"""Of the space allowed: the database itself, and one transaction, which its write-ahead log repeats."""
_EVICT_SHARE = 0.1
"""Evict this much more than needed, so as not to evict at each put."""
_TRANSACTION_BYTES = 8_000_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS features (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, used INTEGER NOT NULL, size INTEGER NOT NULL,
    rows INTEGER NOT NULL, checksum INTEGER NOT NULL, value BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS features_used ON features (used, size);
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
        self._bytes = max_mb * 1_000_000
        self._clock = clock

    def get(self, keys: Iterable[str]) -> dict[str, np.ndarray]:
        """Look keys up.

        Returns
        -------
        dict of str to ndarray, dtype=float32, shape=(13, D)
            Those that are there and whole.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[str, np.ndarray] = {}
        if not wanted or not self.path.exists():
            return found
        with self._connection() as database:
            for start in range(0, len(wanted), _KEYS_PER_QUERY):
                found |= self._get(database, wanted[start : start + _KEYS_PER_QUERY])
        return found

    def put(self, values: Mapping[str, np.ndarray]) -> None:
        """Keep features, replacing what stood under their keys.

        Parameters
        ----------
        values : mapping of str to ndarray, dtype=float32, shape=(13, D)
        """
        part: list[tuple] = []
        size, room = 0, min(self._bytes * _TRANSACTION_SHARE, _TRANSACTION_BYTES)
        for key, value in values.items():
            blob = np.ascontiguousarray(value, dtype="<f4").tobytes()
            if len(blob) > room:
                continue
            if size + len(blob) > room:
                self._write(part, size)
                part, size = [], 0
            checksum = _checksum(key, value.shape[0], blob)
            part.append((key, int(self._clock()), len(blob), value.shape[0], checksum, blob))
            size += len(blob)
        if part:
            self._write(part, size)

    def _get(self, database: sqlite3.Connection, keys: list[str]) -> dict[str, np.ndarray]:
        """Values of some keys; drop damaged ones and note that the others were used."""
        found, damaged, stale = {}, [], []
        now = int(self._clock())
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, used, rows, checksum, value FROM features WHERE key IN ({marks})"
        for key, used, rows, checksum, blob in database.execute(query, keys):
            if not isinstance(blob, bytes) or checksum != _checksum(key, rows, blob):
                damaged.append(key)
                continue
            found[key] = np.frombuffer(blob, dtype="<f4").astype(np.float32).reshape(rows, -1)
            if used < now - _TOUCH_SECONDS:
                stale.append(key)
        if damaged:
            _log.warning("%d damaged entries of %s are dropped and made again.", len(damaged), self.path)
            database.executemany("DELETE FROM features WHERE key = ?", [(key,) for key in damaged])
        if stale:
            database.executemany("UPDATE features SET used = ? WHERE key = ?", [(now, key) for key in stale])
        return found

    def _write(self, part: list[tuple], size: int) -> None:
        """Store one transaction's worth of entries of `size` bytes, after making room for them."""
        with self._connection() as database:
            database.execute("BEGIN IMMEDIATE")
            self._make_room(database, size)
            database.executemany(
                "INSERT OR REPLACE INTO features (key, used, size, rows, checksum, value)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                part,
            )
            database.execute("COMMIT")
            if _pages(database, "page_count") > self._bytes * _DATABASE_SHARE:
                database.execute("PRAGMA incremental_vacuum").fetchall()

    def _make_room(self, database: sqlite3.Connection, size: int) -> None:
        """Delete the least recently used entries until `size` more bytes fit."""
        limit = self._bytes * _DATABASE_SHARE
        # A tenth more for keys, indexes and unfilled pages.
        in_use = _pages(database, "page_count") - _pages(database, "freelist_count") + 1.1 * size
        if in_use <= limit:
            return
        database.execute(
            "DELETE FROM features WHERE id IN (SELECT id FROM"
            " (SELECT id, SUM(size) OVER (ORDER BY used, id) - size AS before FROM features)"
            " WHERE before < ?)",
            (in_use - limit + _EVICT_SHARE * limit,),
        )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one call; errors of the file end here, in the log."""
        database = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            _prepare(database)
            yield database
        except sqlite3.OperationalError as error:
            _log.warning("The feature cache %s is not used: %s.", self.path, error)
        except sqlite3.DatabaseError as error:
            _log.warning("The feature cache %s is damaged (%s); it is begun anew.", self.path, error)
            if database is not None:
                database.close()
            self._discard()
        except OSError as error:
            _log.warning("The feature cache %s is not used: %s.", self.path, error)
        finally:
            if database is not None:
                database.close()

    def _discard(self) -> None:
        """Remove the file, its write-ahead log first: that of an old file must not meet a new one."""
        for suffix in ("-wal", "-shm", ""):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _prepare(database: sqlite3.Connection) -> None:
    """Make the tables of a new file, and the settings of every connection."""
    database.execute("PRAGMA synchronous=NORMAL")
    if database.execute("PRAGMA user_version").fetchone()[0] == _VERSION:
        return
    database.execute("PRAGMA auto_vacuum=INCREMENTAL")
    database.execute("PRAGMA journal_mode=WAL")
    database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")


def _pages(database: sqlite3.Connection, pragma: str) -> int:
    """Bytes in pages: ``page_count`` of the file, ``freelist_count`` of the unused ones."""
    pages, size = (database.execute(f"PRAGMA {name}").fetchone()[0] for name in (pragma, "page_size"))
    return pages * size


def _checksum(key: str, rows: int, blob: bytes) -> int:
    """Of the value and of what it stands for, so that exchanged values do not agree either."""
    return zlib.crc32(blob, zlib.crc32(f"{key} {rows} {len(blob)}".encode()))
