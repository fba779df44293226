"""Which job a page is about."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import Job
from esm2amp_core.kinds import EXPLAIN, PREDICT
from esm2amp_core.workspace import Workspace
from pages.components import navigation
from pages.components.page import show_user_error

KINDS = {navigation.RESULTS: PREDICT, navigation.EXPLAIN: EXPLAIN}
NOTHING_YET = {
    navigation.RESULTS: ("There are no results yet. Score your first pairs: it takes a minute.",
                         navigation.PREDICT),
    navigation.EXPLAIN: ("Nothing was explained yet. Open a result, select a pair in its table, and choose "
                         "“Explain this pair”.", navigation.RESULTS),
}  # fmt: skip


def choose_job(workspace: Workspace, page: str = navigation.RESULTS) -> Job:
    """The job in the address; without one, the newest of the page, whose id is then written there.

    A page that is not in `KINDS` asks only where the address has a ``job``; an empty one leads to its form.

    Where there is no such job, says so, offers ways on, and ends the page.
    """
    job_id = st.query_params.get("job", "")
    if not job_id and page not in KINDS:  # a page that begins with a form of its own
        del st.query_params["job"]
        st.rerun()
    if not job_id:
        newest = workspace.jobs.list(owner=workspace.settings.owner, kind=KINDS[page], limit=1)
        if not newest:
            _offer(page, *NOTHING_YET[page])
        st.query_params["job"] = newest[0].id
        return newest[0]
    try:
        job = workspace.jobs.get(job_id)
    except JobError as error:
        show_user_error(error)
        _offer(page, "The history lists the jobs that are there.", navigation.JOBS)
    if (own := navigation.page_for(job)) != page:
        navigation.open_job(job.id, own)
    return job


def _offer(page: str, sentence: str, way_on: str) -> None:
    st.title(navigation.PAGES[page], anchor=False)
    st.markdown(sentence)
    st.page_link(way_on, label=f"Go to {navigation.PAGES[way_on]}", icon=":material/arrow_forward:")
    st.stop()
