"""The history of jobs: one line each, with what can be done to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from esm2amp_core.explanations import METHODS
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.kinds import DOWNLOAD, EVALUATE, EXPLAIN, PREDICT, REGIONS
from esm2amp_core.workspace import Workspace
from pages.components import state
from pages.components.job_actions import can_run_again, delete, rename, run_again
from pages.components.job_status import state_badge
from pages.components.navigation import address_of, open_job, page_for
from pages.components.page import error_boundary
from pages.components.text import count, literal, when

PAGE_SIZE = 15
POLL_SECONDS = 2.0
WIDTHS = (4.2, 1.5, 2.6, 2.0, 1.4)
STATES = {"All": (), "Waiting": (JobState.QUEUED,), "Running": (JobState.RUNNING,), "Done": (JobState.DONE,),
          "Failed": (JobState.FAILED,), "Cancelled": (JobState.CANCELLED,)}  # fmt: skip
KIND_WORDS = {PREDICT: "Prediction", EVALUATE: "Evaluation", EXPLAIN: "Explanation",
              REGIONS: "Comparison with regions", DOWNLOAD: "Installation"}

OPEN, CANCEL, AGAIN, RENAME, DELETE = "Open", "Cancel", "Run again", "Rename", "Delete"
QUESTIONS = {RENAME: rename, DELETE: delete}


def show_jobs(workspace: Workspace) -> None:
    """Search, filter, and the jobs that match, newest first."""
    search_box, state_box = st.columns([2, 3])
    search = search_box.text_input(
        "Find a job", placeholder="words of its title, its id, or a protein", icon=":material/search:",
        help="By a protein, predictions and what was made of them are found, but no screens: those have too "
        "many pairs to be searched here, and are found by title or id.",
    )  # fmt: skip
    chosen = state_box.segmented_control("State", tuple(STATES), default="All", required=True)
    unfinished = workspace.jobs.count(states=(JobState.QUEUED, JobState.RUNNING))
    every = POLL_SECONDS if unfinished else None
    st.fragment(_list, run_every=every)(workspace, search, STATES[chosen], unfinished)
    # Out here a question stays open; the list is drawn anew every other second and would close it.
    if asked := state.take_question():
        action, job_id = asked
        QUESTIONS[action](workspace, workspace.jobs.get(job_id))


def _list(workspace: Workspace, search: str, states: Sequence[JobState], n_unfinished: int) -> None:
    with error_boundary():
        if n_unfinished and not workspace.jobs.count(states=(JobState.QUEUED, JobState.RUNNING)):
            st.rerun()  # everything has finished: draw the page anew, which then no longer asks
        chosen = {"search": search, "states": states, "owner": workspace.settings.owner}
        n_jobs = workspace.jobs.count(**chosen)
        if not n_jobs:
            st.info("No job matches. Screens are found by title or id, not by their proteins."
                    if search else "No job matches." if states else "There are no jobs yet.")
            return
        n_pages = -(-n_jobs // PAGE_SIZE)
        number = min(st.session_state.get("jobs-page", 1), n_pages)
        _heading()
        for job in workspace.jobs.list(**chosen, limit=PAGE_SIZE, offset=(number - 1) * PAGE_SIZE):
            _line(workspace, job)
        if n_pages > 1:
            st.pagination(n_pages, key="jobs-page")
        st.caption(count(n_jobs, "job"))


def _heading() -> None:
    for column, name in zip(st.columns(WIDTHS), ("Title", "State", "Rows", "Submitted", ""), strict=True):
        column.caption(name)


def _line(workspace: Workspace, job: Job) -> None:
    title, badge, rows, created, actions = st.columns(WIDTHS, vertical_alignment="center")
    label = literal(job.title, limit=60)
    page = page_for(job)
    title.page_link(page, label=label, query_params=address_of(job.id, page))
    title.caption(_what(job))
    with badge:
        state_badge(job)
    with rows:
        _show_rows(workspace, job)
    created.caption(when(job.created))
    with actions:
        chosen = st.menu_button("Actions", _possible(job), key=f"actions-{job.id}", type="tertiary")
    if chosen:
        _do(chosen, workspace, job)


def _what(job: Job) -> str:
    """What kind of job it is, by which model, by which methods where not by all that suit."""
    model = Path(str(job.params.get("bundle", ""))).name
    methods = [METHODS[name].title for name in job.params.get("methods", ()) if name in METHODS]
    facts = [KIND_WORDS.get(job.kind, job.kind.capitalize()), model, ", ".join(methods)]
    return " · ".join(literal(fact, limit=60) for fact in facts if fact)


def _show_rows(workspace: Workspace, job: Job) -> None:
    if job.state == JobState.RUNNING and job.stage_total:
        st.progress(min(job.stage_done / job.stage_total, 1.0), text=literal(job.stage))
        return
    n_done, n_pairs = workspace.scored(job)
    if not n_pairs:  # not about pairs, such as a download
        return
    words = count(n_pairs, "pair")
    if job.state.is_finished and n_done < n_pairs:
        words = f"{n_done:,} of {words}"
    if job.n_errors:
        words += f", {job.n_errors:,} not scored"
    st.caption(words)


def _possible(job: Job) -> list[str]:
    if not job.state.is_finished:
        return [OPEN, CANCEL, RENAME]
    return [OPEN, *([AGAIN] if can_run_again(job) else []), RENAME, DELETE]


def _do(action: str, workspace: Workspace, job: Job) -> None:
    if action == OPEN:
        open_job(job.id, page_for(job))
    elif action == CANCEL:
        workspace.jobs.cancel(job.id)
        st.rerun()
    elif action == AGAIN:
        run_again(workspace, job)
    else:
        state.ask(action, job.id)
        st.rerun()
