"""Baits against a library, or all proteins against each other. The address holds the screen."""

import streamlit as st

from esm2amp_core.jobs import JobState
from pages.components.job_choice import choose_job
from pages.components.job_head import show_head
from pages.components.model_words import about_model, model_of
from pages.components.navigation import SCREEN
from pages.components.page import page
from pages.components.screen_sections import explore
from pages.components.screen_start import show_kept, start_screen

with page("Screen") as workspace:
    if "job" not in st.query_params:
        start_screen(workspace)
        st.stop()
    job = choose_job(workspace, SCREEN)
    model = model_of(workspace, job)
    st.page_link(SCREEN, label="New screen", icon=":material/add:")
    show_head(workspace, job, about_model(model))
    if job.results_removed:
        st.info("This screen was removed to save disk. Give its proteins again.")
    elif job.state == JobState.DONE:
        explore(workspace, job.id)
    elif job.state.is_finished:
        show_kept(workspace, job)
