"""What the Screen page shows: a finished screen, read once."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from esm2amp_core.errors import JobError
from esm2amp_core.figures.screen_network import Network, place_hits
from esm2amp_core.figures.screen_numbers import find_sticky
from esm2amp_core.jobs import Job
from esm2amp_core.screen_files import SUMMARY, ScreenFolder
from esm2amp_core.workspace import Workspace

ANEW = "Choose “Run again” above: a new job scores all pairs anew."
"""What helps on the page where a file of a finished screen is missing or damaged."""


def open_screen(workspace: Workspace, job: Job) -> ScreenFolder:
    """The screen of a finished job. Do not modify its tables.

    Raises
    ------
    JobError
        If it is not there, or damaged.
    """
    folder = workspace.folders.screen(job.id)
    try:
        changed = (folder / SUMMARY).stat().st_mtime_ns
    except OSError:
        raise JobError("The screen of this job is missing.", hint="Run it again.") from None
    return _screen(job.owner, job.id, str(folder), changed)


def sticky_of(screen: ScreenFolder) -> pd.Series:
    """Which proteins score high with everything, by protein."""
    return _sticky(screen, str(screen.folder))


def called_words(screen: ScreenFolder, pairs: pd.DataFrame, one: str, many: str) -> str:
    """How many of some pairs reach the threshold: ``300 of the 1,000 best pairs are called interacting``."""
    n_called, n_pairs = int(screen.is_called(pairs).sum()), len(pairs)
    of = f"{n_called:,} of the {n_pairs:,} {many}" if n_pairs != 1 else f"{n_called} of the 1 {one}"
    return (f"{of} {'is' if n_called == 1 else 'are'} called interacting (probability at least "
            f"{screen.summary['threshold']:.2f}).")


def network_of(screen: ScreenFolder, n_edges: int, by: str) -> Network:
    """The network of the best hits; laid out once."""
    return _network(screen, str(screen.folder), n_edges, by)


# The folder's name holds the job's id, which cannot be guessed and belongs to one owner.


@st.cache_resource(show_spinner=False, max_entries=4, ttl="10m")
def _screen(owner: str, job_id: str, folder: str, changed: int) -> ScreenFolder:
    found = ScreenFolder(Path(folder))
    _ = found.summary
    return found


@st.cache_resource(show_spinner=False, max_entries=4, ttl="10m")
def _sticky(_screen: ScreenFolder, folder: str) -> pd.Series:
    return find_sticky(_screen.proteins, _screen.summary["fewest_partners"])


@st.cache_resource(show_spinner="Laying out the network …", max_entries=8, ttl="10m")
def _network(_screen: ScreenFolder, folder: str, n_edges: int, by: str) -> Network:
    return place_hits(_screen.edges(n_edges, by=by), _screen.proteins, sticky_of(_screen))
