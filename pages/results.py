"""The scores of one job. The address holds its id."""

import streamlit as st

from pages.components.evaluation_start import show_job_evaluation
from pages.components.job_choice import choose_job
from pages.components.job_head import show_head
from pages.components.model_words import about_model, model_of
from pages.components.page import page
from pages.components.result_summary import (
    show_downloads,
    show_histogram,
    show_meaning,
    show_provenance,
    show_summary,
)
from pages.components.result_table import explore_results
from pages.components.results import load_results
from pages.components.screen_explain import show_way_back

with page("Results") as workspace:
    job = choose_job(workspace)
    model = model_of(workspace, job)

    show_way_back(workspace, job)
    show_head(workspace, job, about_model(model))
    if not job.results_removed:
        if job.state.is_finished and job.n_done:
            frame = load_results(workspace, job).frame
            show_summary(frame)
            show_meaning(model)
            show_histogram(frame, model)
            show_job_evaluation(workspace, job)
        heading, downloads = st.columns([2, 5], vertical_alignment="bottom")
        heading.subheader("Pairs", anchor=False)
        if job.state.is_finished and job.n_done:
            with downloads:
                show_downloads(workspace, job)
        explore_results(workspace, job)
    show_provenance(job, model)
