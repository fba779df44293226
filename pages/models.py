"""Installed models with their cards, and how to install another."""

import streamlit as st

from pages.components.model_card import show_broken, show_card
from pages.components.model_install import show_install
from pages.components.page import page

with page("Models") as workspace:
    st.title("Models", anchor=False)
    bundles = workspace.bundles()
    if not bundles:
        st.warning("No model is installed. Install one below.")
    for manifest in bundles.values():
        show_card(manifest)
    show_broken(workspace.broken_bundles())
    show_install(workspace)
