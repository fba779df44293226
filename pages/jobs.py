"""Everything that was ever submitted, and what is running now."""

import streamlit as st

from pages.components.disk_use import show_disk_use
from pages.components.job_list import show_jobs
from pages.components.page import page
from pages.components.protein_search import find_protein

with page("Jobs") as workspace:
    st.title("Jobs", anchor=False)
    jobs, proteins = st.tabs(["History", "Find a protein"])
    with jobs:
        show_jobs(workspace)
    with proteins:
        find_protein(workspace)
    show_disk_use(workspace)
