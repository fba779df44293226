"""What can be done with a job besides looking at it."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from esm2amp_core.jobs import LONGEST_TITLE, Job
from esm2amp_core.kinds import EVALUATE, EXPLAIN, PREDICT, REGIONS, SCREEN
from esm2amp_core.workspace import Workspace
from pages.components.navigation import JOBS, open_job, page_for
from pages.components.page import error_boundary
from pages.components.text import count, literal


@st.dialog("Rename this job")
def rename(workspace: Workspace, job: Job) -> None:
    """Ask for a new title."""
    with error_boundary(), st.form("rename", border=False):
        title = st.text_input("Title", job.title, max_chars=LONGEST_TITLE)
        if st.form_submit_button("Save", type="primary"):
            workspace.jobs.rename(job.id, title.strip())
            st.rerun()


@st.dialog("Delete this job?")
def delete(workspace: Workspace, job: Job) -> None:
    """Ask once more, then delete."""
    with error_boundary():
        st.markdown(f"**{literal(job.title or job.id)}**, its input and its scores will be gone for good.")
        if job.kind == EXPLAIN and (n_made := workspace.jobs.made_of(job.id, REGIONS)):
            st.warning(f"{count(n_made, 'comparison')} with regions {'was' if n_made == 1 else 'were'} made "
                       "of this explanation. Tables and findings stay, but pictures of single pairs will be "
                       "gone there, and none can be run again.", icon=":material/warning:")
        with st.container(horizontal=True):
            if st.button("Delete for good", type="primary", icon=":material/delete:"):
                workspace.jobs.delete(job.id)
                st.switch_page(JOBS)
            if st.button("Keep it"):
                st.rerun()


def can_run_again(job: Job) -> bool:
    """True for a finished job that still has what it needs; `Workspace.rerun` does no other kind."""
    kept = job.state.is_finished and not job.results_removed
    return kept and job.kind in (PREDICT, EVALUATE, EXPLAIN, REGIONS, SCREEN)


def run_again(workspace: Workspace, job: Job) -> None:
    """Submit the same input with the same choices as a new job, and go there."""
    again = workspace.rerun(job.id)
    open_job(again.id, page_for(again))


def show_actions(workspace: Workspace, job: Job) -> None:
    """Buttons beside the title of a result."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        with st.popover("Link", icon=":material/link:"):
            st.markdown("This address leads here again, also tomorrow and in another browser.")
            st.code(job_address(job), language=None)
        if st.button("Rename", icon=":material/edit:"):
            rename(workspace, job)
        if can_run_again(job) and st.button("Run again", icon=":material/replay:"):
            run_again(workspace, job)
        if job.state.is_finished and st.button("Delete", icon=":material/delete:"):
            delete(workspace, job)


def job_address(job: Job) -> str:
    """Full address of a job on its page, with what is chosen there."""
    root = (st.context.url or "").split("?")[0].rstrip("/")
    name = page_for(job).removeprefix("pages/").removesuffix(".py")
    base = root.removesuffix(f"/{name}")
    chosen = {key: st.query_params.get_all(key) for key in st.query_params if key != "job"}
    return f"{base}/{name}?{urlencode({'job': job.id, **chosen}, doseq=True)}"
