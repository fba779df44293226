"""From chosen hits of a screen to jobs of their own, from where everything else is reached."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core.errors import JobError, UserError
from esm2amp_core.jobs import Job
from esm2amp_core.pairs import PairTable
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.workspace import Workspace
from pages.components.navigation import EXPLAIN, RESULTS, SCREEN, open_job
from pages.components.page import show_user_error
from pages.components.text import count

MOST_EXPLAINED = 200


def offer_explanation(workspace: Workspace, job: Job, hits: pd.DataFrame) -> None:
    """Buttons that explain the chosen hits, or show them on the Results page."""
    n_hits = len(hits)
    words = (f"At most {MOST_EXPLAINED} pairs are explained at once." if n_hits > MOST_EXPLAINED else
             "Which segments of the proteins made the score, by several methods.")
    with st.container(horizontal=True):
        explain = st.button(f"Explain {count(n_hits, 'pair')}" if n_hits else "Explain the selected pairs",
                            type="primary", icon=":material/lightbulb:", help=words,
                            disabled=not 0 < n_hits <= MOST_EXPLAINED)
        results = st.button("Open as results", icon=":material/table:", disabled=not n_hits,
                            help="The selected pairs as a job of their own on the Results page: sequences, "
                            "how near the proteins are to the training data, expected precision.")
    if explain or results:
        try:
            scored = _predict(workspace, job, hits)
            asked = workspace.explain(scored.id) if explain else scored
        except UserError as error:
            show_user_error(error)
            return
        open_job(asked.id, EXPLAIN if explain else RESULTS)


def show_way_back(workspace: Workspace, job: Job) -> None:
    """A link to the screen these pairs were chosen in, if it is still there."""
    try:
        screen = workspace.jobs.get(str(job.params.get("screen", "")))
    except JobError:
        return
    st.page_link(SCREEN, label="Back to the screen", icon=":material/arrow_back:",
                 query_params={"job": screen.id})


def _predict(workspace: Workspace, job: Job, hits: pd.DataFrame) -> Job:
    """Queue the hits as a prediction by the same model; what the screen found goes along as columns."""
    frame = pd.DataFrame({
        "row": range(1, len(hits) + 1), "protein_a": hits["protein_a"].to_numpy(),
        "protein_b": hits["protein_b"].to_numpy(),
        **{f"screen_{name}": hits[name].map(lambda value: "" if value != value else f"{value:.4g}").to_numpy()
           for name in ("probability", "z", "z_a", "z_b")},
    })  # fmt: skip
    pairs = PairTable(frame, _proteins(workspace, job, {*frame["protein_a"], *frame["protein_b"]}))
    how = {name: str(job.params[name]) for name in ("bundle", "device", "precision")}
    return workspace.submit_prediction(pairs, title=f"Best pairs of {job.title}", screen=job.id, **how)


def _proteins(workspace: Workspace, job: Job, names: set[str]) -> dict:
    """The proteins of these names, from the files that lie with the screen."""
    library, bait = workspace.folders.screened_files(job.id)
    read = read_screen(library, bait, max_residues=workspace.settings.max_residues,
                       max_file_mb=workspace.settings.max_file_mb)
    return {protein.id: protein for protein in read.proteins if protein.id in names}
