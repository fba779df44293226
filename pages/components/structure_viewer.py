"""The 3D picture itself: 3Dmol.js, served by the app, drawing what Python has coloured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import streamlit as st

from esm2amp_core.structures.colours import CHOSEN, CONTACT, Legend

HERE = Path(__file__).resolve().parent
SCRIPT = "3Dmol-min.js"
HTML = """<div class="structure">
<div class="frame"><p class="pointed" aria-live="polite"></p>
<div class="canvas" tabindex="0" role="img"></div></div>
<div class="below"><div class="legend"></div>
<button type="button" class="reset">Reset the view</button>
<button type="button" class="png">Save as PNG</button></div>
</div>"""
FAILED = ("This browser cannot draw in 3D: WebGL is switched off, or the viewer's script could not be "
          "loaded. All else on this page works.")

_viewer = st.components.v2.component(
    "structure_viewer", html=HTML, css=(HERE / "structure_viewer.css").read_text(encoding="utf-8"),
    js=(HERE / "structure_viewer.js").read_text(encoding="utf-8"),
)  # fmt: skip


def show_viewer(
    scene: dict[str, Any], legend: Legend, *, alt: str, key: str,
    on_choose: Callable[[str], None] | None = None,
) -> None:
    """Show a scene, as `structures.scene.scene` gives it.

    Parameters
    ----------
    scene : dict
    legend : Legend
    alt : str
        What is seen, in words.
    key : str
    on_choose : callable, optional
        Called with the token of a residue that was clicked.
    """
    base = st.get_option("server.baseUrlPath").strip("/")
    data = {
        "scene": scene, "legend": asdict(legend), "alt": alt, "failed": FAILED, "outline": CHOSEN,
        "contact": CONTACT, "script": f"{'/' if base else ''}{base}/app/static/{SCRIPT}",
    }  # fmt: skip

    def clicked() -> None:
        token = st.session_state[key].get("chosen")
        if on_choose and token:
            on_choose(token)

    _viewer(key=key, data=data, on_chosen_change=clicked)
