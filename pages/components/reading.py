"""Reading the input once, not at every click."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings
from pages.components import state
from pages.components.draft import Draft, Source, read_draft
from pages.components.page import show_user_error


def read_source(source: Source | None, settings: Settings) -> Draft | None:
    """What was understood of the source, with the person's corrections so far; None if nothing was."""
    if source is None:
        state.drop_draft()
        return None
    known = state.get_draft()
    if known is not None and known.source == source:
        return known
    try:
        with st.spinner("Reading your pairs …", show_time=True):
            draft = read_draft(source, settings)
    except UserError as error:
        state.drop_draft()
        show_user_error(error)
        return None
    state.keep_draft(draft)
    return draft
