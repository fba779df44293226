"""The 3D picture itself: 3Dmol.js, served by the app, drawing what Python has coloured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from esm2amp_core.structures.viewer_page import SCRIPT, VIEWER_CSS, VIEWER_HTML, VIEWER_JS

FAILED = ("This browser cannot draw in 3D: WebGL is switched off, or the viewer's script could not be "
          "loaded. All else on this page works.")

_viewer = st.components.v2.component("structure_viewer", html=VIEWER_HTML, css=VIEWER_CSS, js=VIEWER_JS)


def show_viewer(
    data: dict[str, Any], *, key: str, on_choose: Callable[[str], None] | None = None
) -> None:
    """Show a scene.

    Parameters
    ----------
    data : dict
        As `structures.viewer_page.viewer_data` gives it.
    key : str
    on_choose : callable, optional
        Called with the token of a residue that was clicked.
    """
    base = st.get_option("server.baseUrlPath").strip("/")
    script = f"{'/' if base else ''}{base}/app/static/{SCRIPT}"

    def clicked() -> None:
        token = st.session_state[key].get("chosen")
        if on_choose and token:
            on_choose(token)

    _viewer(key=key, data={**data, "failed": FAILED, "script": script}, on_chosen_change=clicked)
