"""The finished blocks of a screen on disk: a file each, whole or not there, and the list of them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from esm2amp_core.errors import JobError, UserError
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.screen_files import (
    FORMAT,
    JOURNAL,
    MANIFEST,
    PART_SCHEMA,
    PARTS,
    SUMMARY,
    ScreenFolder,
    read_part,
)
from esm2amp_core.screen_plan import Block
from esm2amp_core.screening.ranking import PAIR


class OtherScreenError(UserError):
    """A folder holds another screen than the one that is to be put there."""


@dataclass(frozen=True)
class BlockScores:
    """Scores of a block's pairs, in the order of `Block.pairs`; each ndarray, dtype=float32, shape=(M,)."""

    logit: np.ndarray
    probability: np.ndarray
    order_difference: np.ndarray


class PartStore:
    """The parts of one screen; the caller holds the folder's lock.

    Parameters
    ----------
    folder : Path
        Of the screen.
    names : sequence of str
        Of the proteins, by number.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        self.folder, self._names = folder, list(names)
        self._finished: dict[int, dict[str, Any]] = {}

    def open(self, identity: Mapping[str, Any]) -> None:
        """Begin a screen, or go on with the one that stands here.

        Parameters
        ----------
        identity : mapping
            JSON values: everything that decides the scores.

        Raises
        ------
        UserError
            If another screen stands here, or the folder cannot be used.
        """
        check_folder(self.folder, identity)
        with self._writing():
            (self.folder / PARTS).mkdir(parents=True, exist_ok=True)
            (self.folder / SUMMARY).unlink(missing_ok=True)  # until the tables are those of this run
            for remains in [*self.folder.glob(".*.part.*"), *self.folder.glob(f"{PARTS}/.*.part.*")]:
                remains.unlink()  # of a run that was killed while it wrote them
            if not (self.folder / MANIFEST).exists():
                self._write_manifest(identity, [])
            self._end_last_line()
        self._finished = {part["block"]: part for part in ScreenFolder(self.folder).noted_parts()}

    def finished(self) -> set[int]:
        """Numbers of the blocks whose parts are here and as they were written."""
        for number in list(self._finished):
            try:
                self.read(number)
            except JobError:
                del self._finished[number]
        return set(self._finished)

    def add(self, block: Block, scores: BlockScores) -> None:
        """Keep the scores of a block.

        Raises
        ------
        UserError
            If they cannot be written.
        """
        table, buffer = self._table(block, scores), pa.BufferOutputStream()
        # In memory first: Arrow's own words for a full disk are not for people.
        pq.write_table(table, buffer, compression="zstd", use_dictionary=["protein_a", "protein_b"])
        data = buffer.getvalue().to_pybytes()
        path = self._path(block.number)
        part = {"block": block.number, "file": path.name, "rows": len(table),
                "sha256": hashlib.sha256(data).hexdigest()}  # fmt: skip
        with self._writing():
            with whole_file(path) as unfinished:
                unfinished.write_bytes(data)
            with (self.folder / JOURNAL).open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(part) + "\n")
        self._finished[block.number] = part

    def read(self, number: int) -> BlockScores:
        """The scores of a block.

        Raises
        ------
        JobError
            If its part is not as it was written.
        """
        table = read_part(self._path(number), self._finished[number]["sha256"])
        return BlockScores(*(table[name].to_numpy() for name in ("logit", "probability", "order_difference")))

    def pairs(self, block: Block) -> np.ndarray:
        """The pairs of a finished block: ndarray, dtype=PAIR; errors as of `read`."""
        scores = self.read(block.number)
        pairs = np.empty(len(block), PAIR)
        pairs["first"], pairs["second"] = block.pairs()
        for name in ("logit", "probability", "order_difference"):
            pairs[name] = getattr(scores, name)
        return pairs

    def close(self, identity: Mapping[str, Any]) -> None:
        """Move the list of all parts into the manifest."""
        with self._writing():
            self._write_manifest(identity, [self._finished[number] for number in sorted(self._finished)])
            (self.folder / JOURNAL).unlink(missing_ok=True)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in words why the folder cannot be written, and that nothing is lost."""
        try:
            yield
        except OSError as error:
            raise UserError(f"{self.folder} cannot be written: {error.strerror or error}.",
                            hint="Check its permissions and the free space; run again, and it goes on."
                            ) from None  # fmt: skip

    def _path(self, number: int) -> Path:
        """Where a block's part belongs, whatever the list says: another one there is a damaged one."""
        return self.folder / PARTS / f"part-{number:06d}.parquet"

    def _end_last_line(self) -> None:
        """End a half-written line of the journal: what comes next must not be joined to it."""
        journal = self.folder / JOURNAL
        written = journal.read_bytes() if journal.exists() else b""
        if written and not written.endswith(b"\n"):
            with journal.open("ab") as file:
                file.write(b"\n")

    def _write_manifest(self, identity: Mapping[str, Any], parts: list[dict[str, Any]]) -> None:
        values = {"format": FORMAT, **identity, "parts": parts}
        with whole_file(self.folder / MANIFEST) as path:
            path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
            with path.open("rb") as file:
                os.fsync(file.fileno())

    def _table(self, block: Block, scores: BlockScores) -> pa.Table:
        first, second = block.pairs()
        sides = [
            pa.DictionaryArray.from_arrays(
                pa.array((numbers - among.start).astype(np.int32)),
                pa.array(self._names[among.start : among.stop], pa.string()),
            )
            for numbers, among in ((first, block.rows), (second, block.columns))
        ]
        values = [pa.array(values) for values in
                  (scores.probability, scores.logit, scores.order_difference)]  # fmt: skip
        return pa.Table.from_arrays([*sides, *values], schema=PART_SCHEMA)


def check_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Refuse a folder that holds something else than this screen, or its beginning.

    Raises
    ------
    OtherScreenError
        With everything that differs.
    UserError
        If it holds no screen, or one that cannot be read.
    """
    if not (folder / MANIFEST).exists():
        there = folder.iterdir() if folder.exists() else ()
        strange = sorted(path.name for path in there if not path.name.startswith("."))
        if strange and strange != [PARTS]:
            raise UserError(f"{folder} holds something else: {strange[0]}.",
                            hint="Name a new folder for the screen.")
        return
    there, wanted = _flat(ScreenFolder(folder).manifest), _flat(identity)
    differing = [f"{name} was {there.get(name, 'not told')}, is now {value}"
                 for name, value in wanted.items() if there.get(name) != value]
    if differing:
        raise OtherScreenError(f"{folder} holds a screen of something else: {'; '.join(differing)}.",
                               hint="Name another folder, or run the screen as it was begun.")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by names in words: ``model digest``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        flat |= _flat(value, f"{words} ") if isinstance(value, dict) else {words: value}
    return flat
