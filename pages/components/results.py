"""A job's scores, read from the database once per state of the job."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core.jobs import Job
from esm2amp_core.predictions import PredictionTable
from esm2amp_core.workspace import Workspace


def load_results(workspace: Workspace, job: Job) -> PredictionTable:
    """Scores so far; the same object for every click while nothing has changed. Do not modify it."""
    return _load(workspace, job.owner, job.id, job.state.value, job.n_done)


@st.cache_resource(show_spinner=False, max_entries=4, ttl="10m")
def _load(_workspace: Workspace, owner: str, job_id: str, state: str, n_done: int) -> PredictionTable:
    return _workspace.results(job_id)


def summarise(frame: pd.DataFrame) -> dict[str, int]:
    """Numbers of rows: scored, called interacting, with a warning, not scored."""
    status = frame["status"]
    return {
        "scored": int((status != "error").sum()),
        "interacting": int(frame["interacts"].fillna(False).sum()),
        "warnings": int((status == "warning").sum()),
        "errors": int((status == "error").sum()),
    }
