"""Baits against a library, or all proteins against each other. The address holds the screen."""

import streamlit as st

from esm2amp_core.jobs import JobState
from pages.components.job_actions import show_actions
from pages.components.job_choice import choose_job
from pages.components.job_status import show_status, state_badge
from pages.components.model_words import about_model, model_of
from pages.components.navigation import SCREEN
from pages.components.page import page
from pages.components.screen_sections import explore
from pages.components.screen_start import show_kept, start_screen
from pages.components.text import literal, when

with page("Screen") as workspace:
    if "job" not in st.query_params:
        start_screen(workspace)
        st.stop()
    job = choose_job(workspace, SCREEN)
    model = model_of(workspace, job)
    st.page_link(SCREEN, label="New screen", icon=":material/add:")
    st.title(literal(job.title, limit=90), anchor=False)
    facts, actions = st.columns([5, 4], vertical_alignment="center")
    with facts.container(horizontal=True, vertical_alignment="center"):
        state_badge(job)
        st.caption(f"{about_model(model)} · submitted {when(job.created)}")
    with actions:
        show_actions(workspace, job)
    show_status(workspace, job)
    if job.results_removed:
        st.info("This screen was removed to save disk. Give its proteins again.")
    elif job.state == JobState.DONE:
        explore(workspace, job.id)
    elif job.state.is_finished:
        show_kept(workspace, job)
