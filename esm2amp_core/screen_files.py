"""The folder that a screen becomes, and how it is read.

``manifest.json`` tells what is screened with what, and lists the parts; ``parts/`` holds every pair's score.
While a screen runs, each finished part is a line in ``parts.jsonl``; in the end the lines move into the
manifest. A part without a line, or a line without its part, is a block that is scored again.

All else follows from the parts: ``hits.csv`` (best pairs, by score and by z), ``partners.csv`` (best partners
of each bait), ``proteins.csv`` (how each protein scores with all its partners, or with the model's
reference proteins: ``reference/`` has those scores), ``histogram.csv``, the network of the hits
(``network.graphml``, ``network.tsv``, ``network_nodes.tsv``), ``left_out.csv`` and ``summary.json``, which
comes last: where it stands, the screen is finished.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from esm2amp_core.errors import JobError
from esm2amp_core.files.result_folder import SUMMARY as SUMMARY
from esm2amp_core.files.result_folder import read_exported
from esm2amp_core.files.whole_file import whole_file

FORMAT = 2
MANIFEST, PARTS, JOURNAL = "manifest.json", "parts", "parts.jsonl"
HITS, PARTNERS, PROTEINS, HISTOGRAM = "hits.csv", "partners.csv", "proteins.csv", "histogram.csv"
LEFT_OUT, GRAPHML, EDGES, NODES = "left_out.csv", "network.graphml", "network.tsv", "network_nodes.tsv"

SCORE_COLUMNS = ("probability", "logit", "order_difference")
HIT_COLUMNS = ("rank_by_score", "rank_by_z", "protein_a", "protein_b", *SCORE_COLUMNS, "z_a", "z_b", "z",
               "rank_for_a", "rank_for_b")
"""Ranks count from 1; ``rank_for_a`` is B's place among A's partners. ``z`` is the smaller of the two."""
PARTNER_COLUMNS = ("protein", "rank", "partner", "probability", "logit", "z_protein", "z_partner", "z")
PROTEIN_COLUMNS = ("protein", "role", "also_called", "length", "n_partners", "background", "n_background",
                   "mean_logit", "sd_logit", "share_called", "n_hits")
"""``background`` tells with whom mean, SD and share were found: its partners, or reference proteins of
the model; ``n_background``, how many."""
BY_PARTNERS, BY_REFERENCE = "partners", "reference"
LEFT_OUT_COLUMNS = ("file", "protein", "screened_as", "problem", "remedy")
"""``screened_as`` is empty where the record's sequence is not screened at all."""
HISTOGRAM_COLUMNS = ("from", "to", "pairs")
PART_SCHEMA = pa.schema([
    ("protein_a", pa.dictionary(pa.int32(), pa.string())),
    ("protein_b", pa.dictionary(pa.int32(), pa.string())),
    *((name, pa.float32()) for name in SCORE_COLUMNS),
])  # fmt: skip
VIEW_EDGES = 2_000
"""As many as a browser draws; the files have all."""
_TEXTS = ("protein_a", "protein_b", "protein", "partner", "role", "also_called", "background", "file",
          "screened_as", "problem", "remedy")  # fmt: skip


@dataclass(frozen=True)
class ScreenFolder:
    """A screen on disk; each part is read when asked for."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What is screened with what, and the finished parts.

        Raises
        ------
        JobError
            If it cannot be read, or a newer program wrote it.
        """
        values = self._json(MANIFEST)
        kinds = {"block": int, "file": str, "rows": int, "sha256": str}
        try:
            sound = isinstance(values["screened"]["pairs"], int) and all(
                isinstance(part[name], kind) for part in values["parts"] for name, kind in kinds.items()
            )
        except (KeyError, TypeError):
            sound = False
        if not sound:
            raise unreadable(self.folder / MANIFEST)
        return values

    def noted_parts(self) -> list[dict[str, Any]]:
        """The parts of the manifest and of the journal, whose last line may be half written.

        Raises
        ------
        JobError
            If one of the two cannot be read.
        """
        parts = list(self.manifest["parts"])
        try:
            lines = (self.folder / JOURNAL).read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return parts
        except OSError as error:
            raise unreadable(self.folder / JOURNAL) from error
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                part = json.loads(line)
                parts.append({"block": int(part["block"]), "file": str(part["file"]),
                              "rows": int(part["rows"]), "sha256": str(part["sha256"])})
        return parts

    @property
    def n_scored(self) -> int:
        """Pairs in the parts that are noted as finished, also while the screen runs; errors as of these."""
        return sum({part["block"]: part["rows"] for part in self.noted_parts()}.values())

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Counts, model, options and what a reader must know."""
        return self._json(SUMMARY)

    @property
    def is_finished(self) -> bool:
        """True once every table is there."""
        return (self.folder / SUMMARY).is_file()

    @property
    def is_all_vs_all(self) -> bool:
        """True where every protein was scored with every other one."""
        about = self.summary
        return about["n_baits"] == about["n_library"] == about["n_proteins"]

    @cached_property
    def hits(self) -> pd.DataFrame:
        """The best pairs by score and the best by z: `HIT_COLUMNS`; a rank is missing where one is not."""
        return self._table(HITS)

    @cached_property
    def partners(self) -> pd.DataFrame:
        """The best partners of each bait, of each protein where all are compared: `PARTNER_COLUMNS`."""
        return self._table(PARTNERS)

    @cached_property
    def proteins(self) -> pd.DataFrame:
        """How each protein scores with all its partners: `PROTEIN_COLUMNS`."""
        return self._table(PROTEINS)

    @cached_property
    def histogram(self) -> pd.DataFrame:
        """How many pairs have which probability: `HISTOGRAM_COLUMNS`."""
        return self._table(HISTOGRAM)

    @cached_property
    def left_out(self) -> pd.DataFrame:
        """Records that were not screened under their own name, and why: `LEFT_OUT_COLUMNS`."""
        return self._table(LEFT_OUT)

    def edges(self, limit: int = VIEW_EDGES, *, by: str = "rank_by_score") -> pd.DataFrame:
        """The best hits for a network, best first: lines of `hits`.

        Parameters
        ----------
        limit : int
        by : {"rank_by_score", "rank_by_z"}
        """
        return self.hits.dropna(subset=by).sort_values(by).head(limit).reset_index(drop=True)

    def is_called(self, pairs: pd.DataFrame) -> pd.Series:
        """Which lines of `hits` or `partners` reach the model's threshold: Series, dtype=bool."""
        # Compared in the precision of the scores, as all pairs were when they were counted.
        return pairs["probability"].astype("float32") >= np.float32(self.summary["threshold"])

    def part_path(self, part: dict[str, Any]) -> Path:
        """Where a part of the manifest lies."""
        return self.folder / PARTS / Path(part["file"]).name

    def check_parts(self) -> None:
        """See that every part is there with all its rows, without reading the scores.

        Raises
        ------
        JobError
            If the screen is not finished, or a part is missing or cut off.
        """
        if sum(part["rows"] for part in self.manifest["parts"]) != self.manifest["screened"]["pairs"]:
            raise JobError("The screen is not finished.",
                           hint="Run it again into the same folder: it goes on.")
        for part in self.manifest["parts"]:
            path = self.part_path(part)
            try:
                n_rows = pq.read_metadata(path).num_rows
            except (OSError, pa.ArrowException) as error:
                raise unreadable(path) from error
            if n_rows != part["rows"]:
                raise unreadable(path)

    def parts(self) -> Iterator[pa.Table]:
        """Every pair's score, a part at a time: `PART_SCHEMA`.

        Raises
        ------
        JobError
            As of `check_parts`, and if a part is not as it was written.
        """
        self.check_parts()
        for part in self.manifest["parts"]:
            yield read_part(self.part_path(part), part["sha256"])

    def csv_chunks(self) -> Iterator[bytes]:
        """Every pair's score as CSV in UTF-8, a part at a time; the header comes first.

        Names stand as they are, not guarded against spreadsheets: these files are too long for one.
        """
        yield (",".join(PART_SCHEMA.names) + "\n").encode()
        plain = pa.csv.WriteOptions(include_header=False)
        for table in self.parts():
            buffer = pa.BufferOutputStream()
            pa.csv.write_csv(_decoded(table), buffer, plain)
            yield buffer.getvalue().to_pybytes()

    def write_parquet(self, path: Path) -> None:
        """Every pair's score as one file, a row group per part.

        Raises
        ------
        UserError
            If it cannot be written.
        """
        with whole_file(path) as part:
            schema = pa.schema([(name, pa.string() if i < 2 else pa.float32())
                                for i, name in enumerate(PART_SCHEMA.names)])
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                for table in self.parts():
                    writer.write_table(_decoded(table))

    def _json(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["format"] != FORMAT:
                raise JobError(f"This screen has format {values['format']}; this program reads {FORMAT}.",
                               hint="Read it with the program that wrote it, or run it into a new folder.")
            return values
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise unreadable(path) from error

    def _table(self, name: str) -> pd.DataFrame:
        path = self.folder / name
        try:
            return read_exported(path, _TEXTS)
        except (OSError, ValueError) as error:
            raise unreadable(path) from error


def read_part(path: Path, sha256: str) -> pa.Table:
    """A part file, if it is as it was written.

    Raises
    ------
    JobError
        If not.
    """
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise unreadable(path)
        return pq.read_table(pa.BufferReader(data))
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path) from error


def unreadable(path: Path) -> JobError:
    """What is said of a file of a screen that is missing or not as it was written."""
    kept = "Run the screen again into the same folder: what is whole is kept."
    return JobError(f"{path.name} of the screen is missing or damaged.",
                    hint="Run the screen into a new folder." if path.name == MANIFEST else kept)


def _decoded(table: pa.Table) -> pa.Table:
    """With names as plain text."""
    for i in range(2):
        table = table.set_column(i, table.schema.names[i], table.column(i).cast(pa.string()))
    return table
