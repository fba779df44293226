"""What the Regions page shows: a finished analysis, read once, and one pair of the explanation behind it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from esm2amp_core.errors import JobError
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanations import Explanation
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_parts import part_of
from esm2amp_core.jobs import Job
from esm2amp_core.region_files import SUMMARY, RegionFolder
from esm2amp_core.workspace import Workspace


@dataclass(frozen=True)
class PairView:
    """One pair: what the method says of it, and its sequences."""

    row: int
    pair: PairTokens
    part: Explanation
    sequences: tuple[str, str]


def open_analysis(workspace: Workspace, job: Job) -> RegionFolder:
    """The analysis of a finished job.

    Raises
    ------
    JobError
        If it is not there, or damaged.
    """
    folder = workspace.folders.regions(job.id)
    try:
        changed = (folder / SUMMARY).stat().st_mtime_ns
    except OSError:
        raise JobError("The analysis of this job is missing.", hint="Start it again.") from None
    return _analysis(str(folder), changed)


def open_pair(workspace: Workspace, job: Job, row: int) -> PairView:
    """One pair of the explanation that was analysed.

    Raises
    ------
    JobError
        If the explanation was deleted since, is damaged, or has no such row.
    """
    folder, source = workspace.folders.explanation_of(job), str(job.params["source"])
    return _pair(workspace, str(folder), source, job.params["method"], row)


@st.cache_resource(show_spinner=False, max_entries=4, ttl="10m")
def _analysis(folder: str, changed: int) -> RegionFolder:
    found = RegionFolder(Path(folder))
    _ = found.summary
    return found


@st.cache_resource(show_spinner=False, max_entries=32, ttl="10m")
def _pair(_workspace: Workspace, folder: str, source: str, method: str, row: int) -> PairView:
    explained = ExplanationFolder(Path(folder))
    at = np.flatnonzero(explained.pairs["row"] == row)
    if not len(at):
        raise JobError(f"Row {row} is not among the explained pairs.", hint="Choose one of the list.")
    scored: pd.Series = explained.pairs.iloc[at[0]]
    names = (str(scored["protein_a"]), str(scored["protein_b"]))
    pair = PairTokens(explained.tokens, names, (int(scored["length_a"]), int(scored["length_b"])))
    proteins = _workspace.inputs(source).proteins
    try:
        part = part_of(explained.explanation(method), [int(at[0])])
    except (IndexError, KeyError, ValueError) as error:
        raise JobError(f"{method}.npz does not fit the pairs.", hint="Explain the pairs again.") from error
    return PairView(row, pair, part, (proteins[names[0]].sequence, proteins[names[1]].sequence))
