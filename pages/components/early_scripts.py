"""Streamlit's libraries of charts and tables, fetched and compiled while a person reads the first page.

Streamlit asks for them when the first chart or table is drawn, and the person then waits for a browser
that has not met 6 MB of script before.
"""

from functools import cache
from pathlib import Path

from streamlit import file_util

LIBRARIES = ("PlotlyChart", "DataFrame")
PAUSE_MS = 500
"""The page itself comes first."""


@cache
def early_scripts() -> str:
    """HTML that has an idle browser import them, but for renamed ones; "" if none is left."""
    folder = Path(file_util.get_static_dir(), "static", "js")
    names = [path.name for library in LIBRARIES for path in sorted(folder.glob(f"{library}.*.js"))]
    imports = " ".join(f'import("./static/js/{name}").catch(() => {{}});' for name in names)
    when_idle = f"(window.requestIdleCallback ?? setTimeout)(() => {{ {imports} }})"
    return f'<script type="module">setTimeout(() => {when_idle}, {PAUSE_MS})</script>' if names else ""
