"""One tab per question, of which only the open one is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st


def show_tabs(sections: Mapping[str, Callable[[], None]], *, key: str) -> None:
    """Tabs with these titles; what a tab shows is made when it is opened."""
    tabs = st.tabs(list(sections), key=key, on_change="rerun")
    for tab, show in zip(tabs, sections.values(), strict=True):
        if tab.open:
            with tab:
                show()
