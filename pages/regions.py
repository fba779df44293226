"""Do the important segments lie on functional regions? The address holds the analysis and the pair."""

import streamlit as st

from esm2amp_core.jobs import JobState
from pages.components.job_actions import show_actions
from pages.components.job_choice import choose_job
from pages.components.job_status import show_status, state_badge
from pages.components.navigation import REGIONS
from pages.components.page import page
from pages.components.regions_reading import open_analysis
from pages.components.regions_sections import explore
from pages.components.regions_start import show_way_back, start_analysis
from pages.components.text import literal, when

with page("Regions") as workspace:
    if "job" not in st.query_params:
        start_analysis(workspace)
        st.stop()
    job = choose_job(workspace, REGIONS)
    show_way_back(job)
    st.title(literal(job.title, limit=90), anchor=False)
    facts, actions = st.columns([5, 4], vertical_alignment="center")
    with facts.container(horizontal=True, vertical_alignment="center"):
        state_badge(job)
        st.caption(f"Submitted {when(job.created)}")
    with actions:
        show_actions(workspace, job)
    show_status(workspace, job)
    if job.results_removed:
        st.info("This analysis was removed to save disk. Start it again from its explanation.")
    elif job.state == JobState.DONE:
        open_analysis(workspace, job)
        explore(workspace, job.id)
