"""The head of a page that shows a job."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.jobs import Job
from esm2amp_core.workspace import Workspace
from pages.components.job_actions import show_actions
from pages.components.job_status import show_status, state_badge
from pages.components.text import literal, when


def show_head(workspace: Workspace, job: Job, model: str = "") -> None:
    """Title; state, model and date, beside what can be done; progress, or why it ended without being done."""
    st.title(literal(job.title, limit=90), anchor=False)
    facts, actions = st.columns([5, 4], vertical_alignment="center")
    with facts.container(horizontal=True, vertical_alignment="center"):
        state_badge(job)
        st.caption(f"{model} · submitted {when(job.created)}" if model else f"Submitted {when(job.created)}")
    with actions:
        show_actions(workspace, job)
    show_status(workspace, job)
