"""What the Explain page shows: a finished explanation, read once, cut down to a pair or to a mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from esm2amp_core.errors import JobError
from esm2amp_core.explanation_files import SUMMARY, ExplanationFolder
from esm2amp_core.explanation_report.reading import GROUPS, groups_of, pair_of
from esm2amp_core.explanations import RESIDUES, Explanation
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_parts import part_of
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.workspace import Workspace


@dataclass(frozen=True)
class View:
    """A pair, or the mean of a group, with what each method says of it.

    Attributes
    ----------
    job : Job
    folder : ExplanationFolder
    chosen : int or str
        Row of the pair, or a key of `GROUPS`.
    positions : list of int
        Of the pairs that are meant, among `folder.pairs`.
    pair : PairTokens
    parts : dict of str to Explanation
        What each method says, as `part_of` gives it.
    sequences : tuple of str or None
        Of A and B; None for a mean.
    residue_job : Job or None
        The job of its own that went down to the residues of this pair, by the same model.
    residues : ExplanationFolder or None
        What it found.
    """

    job: Job
    folder: ExplanationFolder
    chosen: int | str
    positions: list[int]
    pair: PairTokens
    parts: Mapping[str, Explanation]
    sequences: tuple[str, str] | None
    residue_job: Job | None = None
    residues: ExplanationFolder | None = None

    @property
    def is_pair(self) -> bool:
        """False for a mean."""
        return self.sequences is not None

    @property
    def scored(self) -> pd.Series:
        """Names, lengths and score of the pair, or of the first that is meant."""
        return self.folder.pairs.iloc[self.positions[0]]


def open_folder(workspace: Workspace, job: Job) -> ExplanationFolder:
    """The folder of a finished job.

    Raises
    ------
    JobError
        If it is not there, or damaged.
    """
    folder = workspace.folders.explanation(job.id)
    return _folder(str(folder), changed_at(folder))


def open_view(workspace: Workspace, job: Job, folder: ExplanationFolder, chosen: int | str) -> View:
    """A pair by its row, or the mean of a group.

    Raises
    ------
    JobError
        If there is no such row, or the folder is damaged.
    """
    changed = changed_at(folder.folder)
    rows = folder.pairs["row"].tolist()
    if chosen in GROUPS:
        positions = groups_of(folder)[chosen]
        pair, sequences = PairTokens(folder.tokens), None
    elif chosen in rows:
        positions = [rows.index(chosen)]
        pair = pair_of(folder, positions[0])
        sequences = _sequences(workspace, job.id, pair.names)
    else:
        raise JobError(f"Row {chosen} is not among the explained pairs.", hint="Choose one of the list.")
    parts = {method: _part(str(folder.folder), changed, method, str(chosen), tuple(positions))
             for method in folder.methods}
    residue_job, residues = _by_residue(workspace, job, folder, chosen)
    if residues is not None:
        parts[RESIDUES] = _part(str(residues.folder), changed_at(residues.folder), RESIDUES, "all", (0,))
    return View(job, folder, chosen, positions, pair, parts, sequences, residue_job, residues)


def residue_job_of(
    workspace: Workspace, job: Job, folder: ExplanationFolder, chosen: int | str
) -> Job | None:
    """The job that went, or goes, or shall go down to the residues of a pair; None for a mean."""
    if chosen in GROUPS or RESIDUES in folder.methods:
        return None
    return workspace.find(_residue_question(workspace, job.id, int(chosen)))


def _by_residue(
    workspace: Workspace, job: Job, folder: ExplanationFolder, chosen: int | str
) -> tuple[Job, ExplanationFolder] | tuple[None, None]:
    """That job and what it found, once it is done and if the model was still the same."""
    found = residue_job_of(workspace, job, folder, chosen)
    if found is None or found.state != JobState.DONE or found.results_removed:
        return None, None
    residues = open_folder(workspace, found)
    same = residues.summary["model"].get("digest") == folder.summary["model"].get("digest")
    return (found, residues) if same and RESIDUES in residues.methods else (None, None)


def all_values(folder: ExplanationFolder, method: str) -> np.ndarray:
    """What a method says of every pair's tokens: ndarray, shape=(N, 2T)."""
    return _values(str(folder.folder), changed_at(folder.folder), method)


def changed_at(folder: Path) -> int:
    """When the explanation was written; part of the keys, so that one written anew is read anew."""
    try:
        return (folder / SUMMARY).stat().st_mtime_ns
    except OSError:
        raise JobError("The explanation of this job is missing.", hint="Explain the pairs again.") from None


@st.cache_resource(show_spinner=False, max_entries=8, ttl="10m")
def _folder(folder: str, changed: int) -> ExplanationFolder:
    found = ExplanationFolder(Path(folder))
    if len(found.pairs) == 0 or not found.tokens:
        raise JobError("The explanation holds no pairs.", hint="Explain the pairs again.")
    return found


@st.cache_resource(show_spinner=False, max_entries=64, ttl="10m")
def _part(folder: str, changed: int, method: str, chosen: str, _positions: tuple[int, ...]) -> Explanation:
    """Never the whole of a large job: attention of 1,000 pairs would fill the memory of a server."""
    explanation = ExplanationFolder(Path(folder)).explanation(method)
    try:
        return part_of(explanation, _positions)
    except (IndexError, KeyError, ValueError) as error:
        raise JobError(f"{method}.npz does not fit the pairs.", hint="Explain the pairs again.") from error


@st.cache_resource(show_spinner=False, max_entries=16, ttl="10m")
def _values(folder: str, changed: int, method: str) -> np.ndarray:
    return ExplanationFolder(Path(folder)).explanation(method).value


@st.cache_resource(show_spinner=False, max_entries=8, ttl="10m")
def _sequences(_workspace: Workspace, job_id: str, names: tuple[str, str]) -> tuple[str, str]:
    """Of a pair; a job's id cannot be guessed and belongs to one owner."""
    proteins = _workspace.inputs(job_id).proteins
    return tuple(proteins[name].sequence for name in names)


@st.cache_resource(show_spinner=False, max_entries=64, ttl="10m")
def _residue_question(_workspace: Workspace, job_id: str, row: int) -> object:
    """What `Workspace.find` takes: a page asks it several times, and reading the input of a job is slow."""
    return _workspace.by_residue(job_id, row)
