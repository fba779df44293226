"""What every page has in common: its frame, the workspace, and the one place where errors are caught."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import streamlit as st

from esm2amp_core.errors import Issue, UserError
from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace
from pages.components.early_scripts import early_scripts
from pages.components.navigation import ensure_declared
from pages.components.text import count, literal

logger = logging.getLogger("esm2amp.pages")

# A person waits no longer than this for a program that holds the database; a worker has more time.
LOCK_SECONDS = 3

# A file: Streamlit fetches the pictures of emoji and symbols for the browser's tab from the internet.
ICON, LOGO = (Path(__file__).with_name(name) for name in ("icon.svg", "logo.svg"))

# The table's own download holds only the rows on screen and writes cells as they are, so that a
# spreadsheet would run a cell that starts with "=". The buttons under the table do neither.
STYLE = """<style>
[data-testid="stElementToolbarButton"]:has(button[aria-label^="Download as CSV"]) { display: none; }
[data-testid="stMainBlockContainer"] { max-width: 1440px; margin: 0 auto; }
[data-testid="stMainBlockContainer"] [data-testid="stPageLink-NavLink"] { padding-left: 0; background: none; }
[data-testid="stMainBlockContainer"] [data-testid="stPageLink-NavLink"] p { text-decoration: underline; }
</style>"""


@contextmanager
def page(title: str) -> Iterator[Workspace]:
    """Frame of a page: ``with page("Jobs") as workspace: ...``.

    Whatever is raised inside is shown in words a person can act on, never as a traceback.
    """
    ensure_declared()
    st.set_page_config(page_title=f"{title} · esm2amp", page_icon=ICON, layout="wide")
    st.logo(LOGO, size="medium")
    st.html(STYLE)  # alone: Streamlit gives room to HTML that holds more than a style
    with error_boundary():
        workspace = _open_workspace(Settings.from_environment())
        workspace.ensure_worker()
        yield workspace
    if scripts := early_scripts():
        st.html(scripts, unsafe_allow_javascript=True)


@contextmanager
def error_boundary() -> Iterator[None]:
    """Show errors of the block and stop there. `page` has one; fragments, which run alone, need their own."""
    try:
        yield
    except UserError as error:
        show_user_error(error)
        st.stop()
    except Exception:  # the page's boundary: whatever else went wrong becomes an incident number
        number = secrets.token_hex(3).upper()
        logger.exception("Incident %s", number)
        st.error(
            f"Something went wrong that should not have. Incident **{number}**.\n\nYour jobs are safe. "
            "Load the page again; if it happens again, send this number together with the lines "
            "after it in the terminal where the app was started."
        )
        st.stop()


def show_user_error(error: UserError) -> None:
    """Message, hint, and every single problem behind a fold."""
    st.error(f"{literal(error.message)}\n\n{literal(error.hint)}".strip())
    if error.details:
        with st.expander(count(len(error.details), "detail"), expanded=len(error.details) <= 10):
            st.dataframe(pd.DataFrame([_detail_row(detail) for detail in error.details]), hide_index=True)


def _detail_row(detail: Issue | str) -> dict[str, object]:
    if isinstance(detail, Issue):
        return {"Row": detail.row, "Value": detail.value, "Problem": detail.problem, "Remedy": detail.remedy}
    return {"Problem": str(detail)}


@st.cache_resource(show_spinner=False)
def _open_workspace(settings: Settings) -> Workspace:
    """One database connection pool per process; the settings are the key."""
    return Workspace.open(settings, lock_seconds=LOCK_SECONDS)
