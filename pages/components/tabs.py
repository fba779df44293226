"""One tab per question, of which only the open one is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st


def show_tabs(sections: Mapping[str, Callable[[], None]], *, key: str, first: str | None = None) -> None:
    """Tabs with these titles; what a tab shows is made when it is opened.

    Parameters
    ----------
    sections : mapping of str to callable
    key : str
    first : str, optional
        The one that is open until a person chooses; else the leftmost.
    """
    if first is not None and key not in st.session_state:
        st.session_state[key] = first
    tabs = st.tabs(list(sections), key=key, on_change="rerun")
    for tab, show in zip(tabs, sections.values(), strict=True):
        if tab.open:
            with tab:
                show()
