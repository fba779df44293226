"""What a browser tab remembers besides its widgets: the draft, terms that were shown, a question to ask.

Results are in the database: a refresh, a second tab or a restart finds them there.
"""

from __future__ import annotations

import streamlit as st

from pages.components.draft import Draft
from pages.components.screen_draft import ScreenDraft

DRAFT = "draft"
N_EDITS = "n_edits"
TERMS = "terms"
QUESTION = "question"
SCREEN_DRAFT = "screen-draft"


def get_draft() -> Draft | None:
    """What was read from the input of the Predict page, if anything."""
    return st.session_state.get(DRAFT)


def keep_draft(draft: Draft) -> None:
    """Remember what was read; widgets that show it start afresh."""
    st.session_state[DRAFT] = draft
    st.session_state[N_EDITS] = n_edits() + 1


def drop_draft() -> None:
    """Forget what was read: it has become a job, or the input is gone."""
    st.session_state.pop(DRAFT, None)


def get_screen_draft() -> ScreenDraft | None:
    """What was read from the input of the Screen page, if anything."""
    return st.session_state.get(SCREEN_DRAFT)


def keep_screen_draft(draft: ScreenDraft | None) -> None:
    """Remember what was read, or forget it: it has become a job, or the input is gone."""
    st.session_state[SCREEN_DRAFT] = draft


def n_edits() -> int:
    """Changes of the draft so far; part of the keys of widgets that show it."""
    return st.session_state.get(N_EDITS, 0)


def get_terms(model: str) -> str:
    """Licence and citation of a published model as last asked for; empty if they were not."""
    return st.session_state.get(TERMS, {}).get(model, "")


def keep_terms(model: str, terms: str) -> None:
    """Remember licence and citation of a model while the person reads them."""
    st.session_state[TERMS] = {model: terms}


def drop_terms() -> None:
    """Forget them: they were accepted."""
    st.session_state.pop(TERMS, None)


def ask(action: str, job_id: str) -> None:
    """Have the next run of the page ask the person about an action on a job."""
    st.session_state[QUESTION] = (action, job_id)


def take_question() -> tuple[str, str] | None:
    """The action and the job to ask about now, once."""
    return st.session_state.pop(QUESTION, None)
