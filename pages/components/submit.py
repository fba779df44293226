"""The last step before a job: which model, how long, go."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.bundles import Manifest
from esm2amp_core.errors import BundleError, Severity
from esm2amp_core.jobs import LONGEST_TITLE, Job, JobState
from esm2amp_core.kinds import PREDICT
from esm2amp_core.workspace import Workspace
from pages.components import state
from pages.components.draft import Draft
from pages.components.model_words import LARGER_MODELS, SMALL_MODEL, STARTER, trust_words
from pages.components.navigation import MODELS, open_job
from pages.components.text import count, duration, literal

COMPARABLE = 10
"""How many times larger than a measured job this may be: a small one spends its time loading the model."""
SHORTEST = 5.0
"""Seconds below which no job is promised: the worker may have to load the model first."""


def show_submit(workspace: Workspace, draft: Draft) -> None:
    """Model, title, estimate, and the one button."""
    n_scorable = len(draft.pairs) - len(draft.rows_with(Severity.ERROR))
    st.subheader("Run", anchor=False)
    manifest, title = choose_model_and_title(workspace, draft.source.title, draft.source.digest)
    if n_scorable:
        st.caption(f"{_estimate(workspace, manifest, n_scorable)} {queue_words(workspace)}".strip())
    label = f"Predict {count(n_scorable, 'pair')}"
    if st.button(label, type="primary", icon=":material/play_arrow:", disabled=n_scorable == 0):
        job = workspace.submit_prediction(draft.pairs, bundle=manifest.name, title=title)
        state.drop_draft()
        open_job(job.id)


def choose_model_and_title(workspace: Workspace, title: str, digest: str) -> tuple[Manifest, str]:
    """The two choices of every new job; the title stands for this input, whose digest is given."""
    left, right = st.columns(2)
    with left:
        manifest = choose_model(workspace)
    chosen = right.text_input(
        "Title of the job", title[:LONGEST_TITLE], max_chars=LONGEST_TITLE, key=f"title-{digest}",
        help="You find it again under this title on the Jobs page.",
    )  # fmt: skip
    return manifest, chosen.strip()


def choose_model(workspace: Workspace) -> Manifest:
    """Select box of the installed models, with one sentence about the chosen one.

    Raises
    ------
    BundleError
        If none is installed.
    """
    bundles = workspace.bundles()
    if not bundles:
        raise BundleError("No model is installed.", hint="The Models page says how to install one.")
    names = list(bundles)
    default = workspace.settings.bundle
    name = st.selectbox(
        "Model", names, index=names.index(default) if default in names else 0,
        format_func=lambda name: bundles[name].title, key="model",
    )  # fmt: skip
    words = SMALL_MODEL if name == STARTER else literal(bundles[name].summary)
    st.caption(f"{words} {trust_words(bundles[name])}".strip())
    if name == STARTER:
        st.caption(LARGER_MODELS)
        st.page_link(MODELS, label="Go to Models", icon=":material/arrow_forward:")
    return bundles[name]


def timed_jobs(workspace: Workspace, manifest: Manifest, kind: str) -> list[tuple[Job, float]]:
    """Jobs of a kind that this model did in one go, and how many seconds each took."""
    done = workspace.jobs.list(states=(JobState.DONE,), kind=kind, limit=50)
    return [(job, (job.finished - job.started).total_seconds()) for job in done
            if job.params.get("bundle") == manifest.name and job.attempts == 1
            and job.started and job.finished]  # fmt: skip


def time_words(seconds: float, n_measured: int, noun: str) -> str:
    """How long a job is expected to take, judged from so many others: the only honest measure here."""
    if not n_measured:
        return (f"No {noun} of this size has run with this model here yet, so the time is not known; the "
                "next page shows progress and the time left, and you can leave it at any time.")
    return (f"About {duration(max(seconds, SHORTEST))}, judging from {count(n_measured, f'earlier {noun}')} "
            "with this model on this machine. You can close the page meanwhile.")


def queue_words(workspace: Workspace) -> str:
    """What a new job has to wait for; empty if for nothing."""
    n_ahead = workspace.jobs.count(states=(JobState.QUEUED, JobState.RUNNING))
    return f"It starts after {count(n_ahead, 'job')} that came before it." if n_ahead else ""


def _estimate(workspace: Workspace, manifest: Manifest, n_pairs: int) -> str:
    """How long so many pairs may take."""
    measured = [(n_scored, seconds) for job, seconds in timed_jobs(workspace, manifest, PREDICT)
                if (n_scored := job.n_done - job.n_errors) > 0 and n_scored * COMPARABLE >= n_pairs]
    n_scored, seconds = map(sum, zip(*measured, strict=True)) if measured else (1, 0.0)
    return time_words(seconds / n_scored * n_pairs, len(measured), "job")
