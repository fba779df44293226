"""Why a pair got its score. The address holds the job, the row and the chosen segments."""

import streamlit as st

from esm2amp_core.jobs import JobState
from pages.components.explain_choice import (
    choose_pair,
    offer_attention,
    offer_residues,
    show_score,
    show_way_back,
    show_way_on,
)
from pages.components.explain_reading import open_folder, open_view
from pages.components.explain_sections import explore
from pages.components.job_choice import choose_job
from pages.components.job_head import show_head
from pages.components.model_words import about_model, model_of
from pages.components.navigation import EXPLAIN
from pages.components.page import page

with page("Explain") as workspace:
    job = choose_job(workspace, EXPLAIN)
    model = model_of(workspace, job)
    show_way_back(workspace, job)
    show_head(workspace, job, about_model(model))
    if job.results_removed:
        st.info("This explanation was removed to save disk. Explain the pairs again.")
    elif job.state == JobState.DONE:
        folder = open_folder(workspace, job)
        chosen = choose_pair(folder)
        show_score(open_view(workspace, job, folder, chosen), model.threshold)
        explore(workspace, job.id, chosen)
        show_way_on(job)
        offer_residues(workspace, job, folder, chosen)
    offer_attention(workspace, job, model)
