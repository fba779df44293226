"""The bare address: straight to the screen most people came for."""

import streamlit as st

from pages.components.navigation import PREDICT, ensure_declared

ensure_declared()
st.switch_page(PREDICT)
