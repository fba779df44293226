"""Files of jobs: what a person brought, kept whole or not at all, removed with all that was made of it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from esm2amp_core.errors import Issue, JobError, Severity
from esm2amp_core.pairs import PAIR_COLUMNS, PairTable
from esm2amp_core.sequences import Protein

PAIRS, PROTEINS, ISSUES = "pairs.parquet", "proteins.parquet", "issues.json"
UNFINISHED = ".part"
ABANDONED_SECONDS = 3600
NAMES = b"column names"


class Artifacts:
    """The inputs of jobs, a folder each.

    Parameters
    ----------
    folder : Path
        Holds one folder per job id; made when absent.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write_inputs(
        self, job_id: str, pairs: PairTable | None = None, files: Mapping[str, bytes] | None = None
    ) -> int:
        """Write what a job was given; its folder appears when everything is on the disk.

        Parameters
        ----------
        job_id : str
        pairs : PairTable, optional
        files : mapping of str to bytes, optional
            Contents by path within the job's folder; the program chose the paths.

        Returns
        -------
        int
            Bytes written.

        Raises
        ------
        JobError
            If the disk is full or cannot be written.
        """
        if pairs is None and not files:
            return 0
        unfinished = self.folder / f"{job_id}{UNFINISHED}"
        try:
            unfinished.mkdir(parents=True)
            if pairs is not None:
                pq.write_table(_frame_to_arrow(pairs.frame), unfinished / PAIRS, compression="zstd")
                pq.write_table(_proteins_to_arrow(pairs.proteins), unfinished / PROTEINS, compression="zstd")
                (unfinished / ISSUES).write_text(_issues_to_json(pairs.issues), encoding="utf-8")
            for name, data in (files or {}).items():
                (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
                (unfinished / name).write_bytes(data)
            for path in unfinished.rglob("*"):
                if path.is_file():
                    _to_disk(path)
            os.replace(unfinished, self.folder / job_id)
        except UnicodeEncodeError:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise JobError("The table holds broken characters.",
                           hint="Save it as UTF-8 and try again.") from None
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise JobError(f"The input cannot be kept in {self.folder}: {error.strerror or error}.",
                           hint="Free some space there, or make the folder writable.") from error
        return self.bytes_of(job_id)

    def read_inputs(self, job_id: str) -> PairTable:
        """The input of a job, as it was submitted.

        Raises
        ------
        JobError
            If its files are gone or damaged.
        """
        folder = self.folder / job_id
        try:
            return PairTable(
                frame=_arrow_to_frame(pq.read_table(folder / PAIRS)),
                proteins=_arrow_to_proteins(pq.read_table(folder / PROTEINS)),
                issues=_json_to_issues((folder / ISSUES).read_text(encoding="utf-8")),
            )
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            raise _unreadable(job_id) from error

    def read_frame(self, job_id: str) -> pd.DataFrame:
        """Only the rows of the input, without sequences."""
        try:
            return _arrow_to_frame(pq.read_table(self.folder / job_id / PAIRS))
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            raise _unreadable(job_id) from error

    def remove(self, job_id: str) -> None:
        """Remove the files of a job. What another program holds open is left for `remove_abandoned`."""
        folder, doomed = self.folder / job_id, self.folder / f"{job_id}{UNFINISHED}"
        try:
            os.replace(folder, doomed)
        except OSError:
            doomed = folder
        shutil.rmtree(doomed, ignore_errors=True)

    def remove_abandoned(self) -> None:
        """Remove what was half written or half removed when a program died.

        Whole folders stay, also where the database does not know them: it may be another one today.
        """
        for folder in self.folder.glob(f"*{UNFINISHED}"):
            with suppress(FileNotFoundError):  # another program has finished it just now
                if time.time() - folder.stat().st_mtime > ABANDONED_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)

    def bytes_of(self, job_id: str) -> int:
        """Size of the files of a job, its report included."""
        return sum(path.stat().st_size for path in (self.folder / job_id).rglob("*") if path.is_file())


def input_digest(pairs: PairTable | None, params: Mapping[str, Any]) -> str:
    """SHA-256 over rows, sequences and parameters: equal work has equal digests."""
    if pairs is None:
        return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    digest = hashlib.sha256()
    # One JSON text per part: no two different inputs run into the same bytes.
    digest.update(json.dumps([list(pairs.frame.columns), sorted(params.items())]).encode())
    for name in pairs.frame.columns:
        digest.update(json.dumps(pairs.frame[name].tolist()).encode())
    for name in sorted(pairs.proteins):
        digest.update(json.dumps([name, pairs.proteins[name].digest]).encode())
    return digest.hexdigest()


def _frame_to_arrow(frame: pd.DataFrame) -> pa.Table:
    """Columns by position: a person's column names may be anything, also what Parquet keeps for itself."""
    row, *texts = frame.columns
    arrays = [pa.array(frame[row], pa.int64())]
    arrays += [pa.array(frame[name].astype("str"), pa.string(), from_pandas=True) for name in texts]
    schema = pa.schema(
        [(str(position), array.type) for position, array in enumerate(arrays)],
        metadata={NAMES: json.dumps(list(frame.columns))},
    )
    return pa.Table.from_arrays(arrays, schema=schema)


def _arrow_to_frame(table: pa.Table) -> pd.DataFrame:
    names = json.loads(table.schema.metadata[NAMES])
    frame = table.replace_schema_metadata(None).to_pandas()
    frame.columns = pd.Index(names)
    return frame.astype({name: "int64" if name == PAIR_COLUMNS[0] else "str" for name in names})


def _proteins_to_arrow(proteins: Mapping[str, Protein]) -> pa.Table:
    columns = {
        "name": list(proteins),
        "id": [protein.id for protein in proteins.values()],
        "sequence": [protein.sequence for protein in proteins.values()],
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def _arrow_to_proteins(table: pa.Table) -> dict[str, Protein]:
    columns = (table[name].to_pylist() for name in ("name", "id", "sequence"))
    return {name: Protein(id, sequence) for name, id, sequence in zip(*columns, strict=True)}


def _issues_to_json(issues: Iterable[Issue]) -> str:
    return json.dumps([asdict(issue) for issue in issues], ensure_ascii=False)


def _json_to_issues(text: str) -> tuple[Issue, ...]:
    return tuple(Issue(**{**values, "severity": Severity(values["severity"])}) for values in json.loads(text))


def _to_disk(path: Path) -> None:
    """Wait until the file would survive a power cut."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _unreadable(job_id: str) -> JobError:
    return JobError(f"The input of job {job_id} is gone or damaged.", hint="Submit the pairs again.")
