"""Installed models with their cards, and how to install another."""

import streamlit as st

from pages.components.evaluation_list import show_chosen_report, show_reports
from pages.components.evaluation_start import show_upload
from pages.components.model_card import show_broken, show_card
from pages.components.model_install import show_install
from pages.components.page import page

with page("Models") as workspace:
    if show_chosen_report(workspace):
        st.stop()
    st.title("Models", anchor=False)
    bundles = workspace.bundles()
    if not bundles:
        st.warning("No model is installed. Install one below.")
    for manifest in bundles.values():
        show_card(manifest)
        show_reports(workspace, manifest)
    show_broken(workspace.broken_bundles())
    if bundles:
        show_upload(workspace, bundles)
    show_install(workspace)
