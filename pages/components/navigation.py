"""The screens of the app and how to reach them. A new page: one file in ``pages/``, one line in `PAGES`."""

from __future__ import annotations

import gc
from importlib import import_module
from pkgutil import iter_modules

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from esm2amp_core.jobs import Job
from esm2amp_core.kinds import page_of
from pages import components

PREDICT, SCREEN, RESULTS, EXPLAIN, REGIONS, JOBS, MODELS = (
    f"pages/{name}.py" for name in ("predict", "screen", "results", "explain", "regions", "jobs", "models")
)

# No icons: Streamlit would fetch them from the internet, as pictures for the browser's tab.
PAGES = {PREDICT: "Predict", SCREEN: "Screen", RESULTS: "Results", EXPLAIN: "Explain", REGIONS: "Regions",
         JOBS: "Jobs", MODELS: "Models"}
SHOW_A_JOB = (SCREEN, RESULTS, EXPLAIN, REGIONS)
"""Pages whose address names a job."""


def load_pages() -> None:
    """Import all that pages are made of, before the first visitor has to wait for it.

    Streamlit collects garbage after every run of a page, while the browser waits to hear that it ended: what
    the libraries hold for good, some hundred thousand objects, is not looked through again.
    """
    for module in iter_modules(components.__path__, f"{components.__name__}."):
        import_module(module.name)
    gc.collect()
    gc.freeze()


def declare_pages() -> st.Page:
    """Tell Streamlit the pages; the answer is the one to run."""
    home = st.Page("pages/home.py", title="esm2amp", default=True, visibility="hidden")
    pages = [st.Page(path, title=title) for path, title in PAGES.items()]
    return st.navigation([home, *pages], position="top")


def ensure_declared() -> None:
    """Start over through `app.py` if a page was run without it.

    The first visitor of a fresh server who opens ``/predict`` makes Streamlit run that file by
    itself, list the files of ``pages/`` by their raw names, and know its widgets by other ids than
    later. Declaring the pages switches all of this off for good.
    """
    if PagesManager.uses_pages_directory:
        declare_pages()
        st.rerun()


def page_for(job: Job) -> str:
    """The page that shows jobs of this one's kind."""
    return f"pages/{page_of(job.kind)}.py"


def open_job(job_id: str, page: str = RESULTS) -> None:
    """Go to the page of a job; its id is in the address, so that the link can be kept and shared."""
    st.switch_page(page, query_params=address_of(job_id, page))


def address_of(job_id: str, page: str) -> dict[str, str] | None:
    """What stands behind the page's name in the address."""
    return {"job": job_id} if page in SHOW_A_JOB else None
