"""Which job a page is about."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import Job
from esm2amp_core.kinds import PREDICT
from esm2amp_core.workspace import Workspace
from pages.components import navigation
from pages.components.page import show_user_error


def choose_job(workspace: Workspace) -> Job:
    """The job in the address; without one, the newest, whose id is then written there.

    Where there is no such job, says so, offers ways on, and ends the page.
    """
    job_id = st.query_params.get("job", "")
    if not job_id:
        newest = workspace.jobs.list(owner=workspace.settings.owner, kind=PREDICT, limit=1)
        if not newest:
            _offer("There are no results yet. Score your first pairs: it takes a minute.", navigation.PREDICT)
        st.query_params["job"] = newest[0].id
        return newest[0]
    try:
        job = workspace.jobs.get(job_id)
    except JobError as error:
        show_user_error(error)
        _offer("The history lists the jobs that are there.", navigation.JOBS)
    if (page := navigation.page_for(job)) != navigation.RESULTS:
        st.switch_page(page)
    return job


def _offer(sentence: str, page: str) -> None:
    st.title("Results", anchor=False)
    st.markdown(sentence)
    st.page_link(page, label=f"Go to {navigation.PAGES[page]}", icon=":material/arrow_forward:")
    st.stop()
