"""What folders of results have in common: a summary of what they hold, tables, words for damaged files."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from esm2amp_core.errors import JobError
from esm2amp_core.files.delimited import unguarded

SUMMARY = "summary.json"
_MAX_BYTES = 50_000_000


@dataclass(frozen=True)
class ResultFormat:
    """The format of a kind of folder.

    Attributes
    ----------
    what : str
        What people call its contents: ``explanation``.
    number : int
        Of the format that this program reads.
    remedy : str
        What to do where a file is damaged.
    kinds : mapping of str to type
        What the summary must hold.
    """

    what: str
    number: int
    remedy: str
    kinds: Mapping[str, type]

    def read_summary(self, folder: Path) -> dict[str, Any]:
        """The summary of a folder.

        Raises
        ------
        JobError
            If it cannot be read, lacks what its readers ask for, or a newer program wrote it.
        """
        path = folder / SUMMARY
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise ValueError("it is too large")
            summary = json.loads(path.read_text(encoding="utf-8"))
            if summary["format"] != self.number:
                raise JobError(f"This {self.what} has format {summary['format']}; this program reads "
                               f"{self.number}.", hint=self.remedy)
            if wrong := [name for name, kind in self.kinds.items() if not isinstance(summary[name], kind)]:
                raise ValueError(f"{wrong[0]} is of another kind")
            return summary
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self.damaged(path) from error

    def damaged(self, path: Path) -> JobError:
        """What to say of a file that cannot be read."""
        return JobError(f"{path.name} of the {self.what} is missing or damaged.", hint=self.remedy)


def read_exported(path: Path, texts: Collection[str]) -> pd.DataFrame:
    """A table as `exports.delimited` writes it, commas between the cells.

    Parameters
    ----------
    path : Path
    texts : collection of str
        Columns of texts, where nothing is missing; all others hold numbers, NaN where a cell is none.

    Raises
    ------
    OSError, ValueError
        If it cannot be read.
    """
    frame = pd.read_csv(path, dtype=dict.fromkeys(texts, "str"), keep_default_na=False, na_values={},
                        encoding="utf-8-sig")
    frame.columns = [unguarded(name) for name in frame.columns]
    for name in frame.columns:
        if name in texts:
            frame[name] = frame[name].map(unguarded)
        else:
            frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame
