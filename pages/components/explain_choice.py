"""The head of the Explain page: which pair, its score, its model, and what else can be asked."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.bundles import Manifest
from esm2amp_core.errors import JobError, UserError
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_report.reading import ALL, GROUPS, groups_of
from esm2amp_core.explanations import RESIDUES
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.workspace import Workspace
from pages.components.explain_reading import View, residue_job_of
from pages.components.job_status import show_status
from pages.components.model_words import JobModel
from pages.components.navigation import EXPLAIN, REGIONS, open_job, page_for
from pages.components.page import show_user_error
from pages.components.pair_choice import ROW, choose_from
from pages.components.text import count, literal

WITH_ATTENTION = "starter_amps"
MOST_NAMED = 10
"""Rows told by their numbers."""
FOR_A_MEAN = 30
"""From so many pairs on, their mean is shown first: of fewer, say a few hits of a screen, one is meant."""


def choose_pair(folder: ExplanationFolder) -> int | str:
    """The row in the address, or else the first, or of many pairs all; a key of `GROUPS` for a mean."""
    pairs = folder.pairs
    rows = pairs["row"].tolist()
    if len(rows) == 1:
        return rows[0]
    asked = st.query_params.get(ROW, str(rows[0]) if len(rows) < FOR_A_MEAN else ALL)
    chosen: int | str = int(asked) if asked.isdecimal() else asked
    groups = groups_of(folder)
    if chosen not in groups and chosen not in rows:
        st.warning(f"Row {literal(asked, limit=20)} is not among the explained pairs; shown are all.")
        chosen = ALL
    names = dict(zip(rows, zip(pairs["protein_a"], pairs["protein_b"], strict=True), strict=True))
    choose_from(
        rows, chosen, groups=list(groups), key="explain-pair",
        words=lambda key: (f"{GROUPS[key]} (averages)" if key in GROUPS
                           else f"Row {key}: {names[key][0]} and {names[key][1]}"),
    )  # fmt: skip
    return chosen


def show_score(view: View, threshold: float | None) -> None:
    """Probability and call of the pair in words, or of how many pairs it is a mean; and which rows failed."""
    left_out = view.folder.summary["left_out"]
    if left_out:
        rows = ", ".join(f"{row['row']}" for row in left_out[:MOST_NAMED])
        more = f" and {len(left_out) - MOST_NAMED:,} more" if len(left_out) > MOST_NAMED else ""
        st.markdown(f"**{count(len(left_out), 'row')} could not be explained:** {rows}{more}. "
                    "Files and settings tell why.")
    if not view.is_pair:
        called = int(view.folder.pairs["interacts"].fillna(False).sum())
        st.markdown(f"The mean of **{count(len(view.positions), 'pair')}**. Of all "
                    f"{count(len(view.folder.pairs), 'explained pair')}, {called:,} are called interacting.")
        return
    scored = view.scored
    call = "called **interacting**" if scored["interacts"] else "called **not interacting**"
    from_ = "" if threshold is None else f" (from {threshold:.2f} on a pair is called interacting)"
    st.markdown(f"Probability **{scored['probability']:.3f}**, {call}{from_}. "
                f"{literal(view.pair.names[0], limit=40)} has {view.pair.lengths[0]:,} residues, "
                f"{literal(view.pair.names[1], limit=40)} {view.pair.lengths[1]:,}.")


def show_way_back(workspace: Workspace, job: Job) -> None:
    """A link to the scores these pairs came from, if they are still there."""
    try:
        source = workspace.jobs.get(str(job.params.get("source", "")))
    except JobError:
        return
    page = page_for(source)
    label = "Back to the scores"
    if page == EXPLAIN:
        same = source.params["bundle"] == job.params["bundle"]
        label = f"The same input by {'fewer methods' if same else 'another model'}"
    st.page_link(page, label=label, icon=":material/arrow_back:", query_params={"job": source.id})


def offer_attention(workspace: Workspace, job: Job, model: JobModel) -> None:
    """Where the job's model has no attention: the same pairs by one that has it, with one click."""
    if model.card is None or _has_attention(model.card) or job.state not in (JobState.DONE, JobState.FAILED):
        return
    able = {name: card for name, card in workspace.bundles().items() if _has_attention(card)}
    if not able or job.results_removed:
        return
    name = WITH_ATTENTION if WITH_ATTENTION in able else next(iter(able))
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**{literal(model.title)}** has no attention to look at: it sums up each protein before it "
            f"compares the two. **{literal(able[name].title)}** compares segment with segment. It is another "
            "model with scores of its own, so it tells how it came to its own score for this input."
        )
        if st.button("Explain with it too", icon=":material/grid_on:", key="explain-with-attention"):
            try:
                asked = workspace.explain(job.id, bundle=name)
            except UserError as error:
                show_user_error(error)
                return
            open_job(asked.id, EXPLAIN)


def show_way_on(job: Job) -> None:
    """A link to the page that lays known regions over this explanation."""
    st.page_link(REGIONS, label="Do the important segments lie on known domains, motifs, sites?",
                 icon=":material/join:", query_params={"explanation": job.id})


def offer_residues(workspace: Workspace, job: Job, folder: ExplanationFolder, chosen: int | str) -> None:
    """For a pair: the method that takes a minute or more, and leads to single residues."""
    known = {*folder.summary["methods"], *folder.summary["unavailable"]}
    if chosen in GROUPS or RESIDUES in known:
        return
    asked = residue_job_of(workspace, job, folder, chosen)
    if asked is not None:
        show_status(workspace, asked)
        if not asked.state.is_finished or (asked.state == JobState.DONE and not asked.results_removed):
            return
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown("**Segments are tens of residues long.** The score can be followed back to single "
                    "residues, through the language model. That takes one to three minutes for most pairs.")
        if st.button("Go down to residues", icon=":material/zoom_in:", key="explain-residues"):
            try:
                workspace.explain_by_residue(job.id, int(chosen))
            except UserError as error:
                show_user_error(error)
                return
            st.rerun()


def _has_attention(card: Manifest) -> bool:
    return "heads" in card.sizes
