"""Where a job stands, in words; while it waits or runs, asked for again every second."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from esm2amp_core.jobs import Job, JobState
from esm2amp_core.workspace import Workspace
from pages.components.page import error_boundary
from pages.components.text import count, duration, literal

POLL_SECONDS = 1.0
SETTLING_SECONDS = 5.0

UNITS = {"Reading sequences with the language model": "residues", "Scoring pairs": "pairs",
         "Scoring pairs with reference proteins": "pairs"}
"""What a stage counts; one that is not listed shows bare numbers."""

BADGES = {
    JobState.QUEUED: ("waiting", "gray", ":material/schedule:"),
    JobState.RUNNING: ("running", "blue", ":material/progress_activity:"),
    JobState.DONE: ("done", "green", ":material/check:"),
    JobState.FAILED: ("failed", "red", ":material/error:"),
    JobState.CANCELLED: ("cancelled", "orange", ":material/cancel:"),
}


def state_badge(job: Job) -> None:
    """The state as a small coloured word with a symbol: colour is never the only sign."""
    word, colour, icon = BADGES[job.state]
    st.badge(word, color=colour, icon=icon)


def show_status(workspace: Workspace, job: Job) -> None:
    """Progress of a job that is not finished, or why it ended without being done."""
    if not job.state.is_finished:
        st.fragment(_poll, run_every=POLL_SECONDS)(workspace, job.id, job.state)
    elif job.state == JobState.FAILED:
        st.error(f"This job stopped with an error. {literal(job.error)}", icon=":material/error:")
    elif job.state == JobState.CANCELLED:
        st.warning(f"This job was cancelled{_how_far(job)}.")
    if job.message:
        st.info(literal(job.message), icon=":material/info:")


def _poll(workspace: Workspace, job_id: str, drawn: JobState) -> None:
    with error_boundary():
        # Whoever watches also notices that the worker died.
        workspace.ensure_worker()
        job = workspace.jobs.get(job_id)
        if job.state != drawn:
            st.rerun()  # the whole page: its head names the state, and of a finished job it asks no more
        with st.container(border=True):
            show_progress(workspace, job)
            if st.button("Cancel this job", icon=":material/cancel:", key=f"cancel-{job.id}"):
                workspace.jobs.cancel(job.id)
                st.rerun()


def show_progress(workspace: Workspace, job: Job) -> None:
    """Stage, share done, rate and time left; or how many jobs are ahead."""
    if job.state == JobState.QUEUED:
        st.markdown(f"**Waiting.** {_queue_words(workspace, job)}")
        st.progress(0.0)
        return
    now = datetime.now(UTC)
    share = job.stage_done / job.stage_total if job.stage_total else 0.0
    st.markdown(f"**{literal(job.stage) or 'Starting'}**  \n{_progress_words(job, now)}")
    st.progress(min(share, 1.0))


def _how_far(job: Job) -> str:
    """Where a job was cancelled: rows are the pairs it scores, and much may come after these."""
    if job.n_done < job.n_rows:
        return f" when {job.n_done:,} of {count(job.n_rows, 'row')} were done"
    return f" in the step “{literal(job.stage)}”" if job.stage else ""


def _queue_words(workspace: Workspace, job: Job) -> str:
    position = workspace.jobs.position(job.id) or 1
    if position > 1:
        return f"Place {position:,} in the queue."
    if workspace.jobs.count(states=(JobState.RUNNING,)):
        return "It is next: it starts when the job that is running now has ended."
    return "It is next: it starts when the worker is ready, usually within seconds."


def _progress_words(job: Job, now: datetime) -> str:
    """For example: ``1,200 of 5,000 · 310 per second · about 12 seconds left``."""
    if job.stage_total <= 1:  # a step that cannot say how far it is
        return "This takes a few seconds the first time."
    words = [f"{job.stage_done:,} of {job.stage_total:,} {UNITS.get(job.stage, '')}".strip()]
    seconds = (now - job.stage_started).total_seconds() if job.stage_started else 0
    left = job.seconds_left(now)
    # What was kept from earlier jobs counts as done at once, so that an early rate promises too much.
    if left is None or left < 1 or seconds < SETTLING_SECONDS:
        return words[0]
    rate = job.stage_done / seconds
    words.append(f"{rate:,.0f} per second" if rate >= 1 else f"{rate * 60:,.1f} per minute")
    words.append(f"about {duration(left)} left for this step")
    return " · ".join(words)
