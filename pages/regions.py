"""Do the important segments lie on functional regions? The address holds the analysis and the pair."""

import streamlit as st

from esm2amp_core.jobs import JobState
from pages.components.job_choice import choose_job
from pages.components.job_head import show_head
from pages.components.navigation import REGIONS
from pages.components.page import page
from pages.components.regions_reading import open_analysis
from pages.components.regions_sections import explore
from pages.components.regions_start import show_way_back, start_analysis

with page("Regions") as workspace:
    if "job" not in st.query_params:
        start_analysis(workspace)
        st.stop()
    job = choose_job(workspace, REGIONS)
    show_way_back(workspace, job)
    show_head(workspace, job)
    if job.results_removed:
        st.info("This analysis was removed to save disk. Start it again from its explanation.")
    elif job.state == JobState.DONE:
        open_analysis(workspace, job)
        explore(workspace, job.id)
