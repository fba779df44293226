"""The Explain page below its head: the sequences, what is chosen, and one tab per kind of picture."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from esm2amp_core.explanations import METHODS
from esm2amp_core.figures import explanation_parts as parts_of
from esm2amp_core.figures.explanation_pair import residue_words
from esm2amp_core.figures.explanation_ranking import leaders_of, others_as_often
from esm2amp_core.workspace import Workspace
from pages.components.explain_pictures import (
    show_bars,
    show_interactions,
    show_matrix,
    show_swarm,
    show_tracks,
    show_waterfall,
)
from pages.components.explain_provenance import show_provenance
from pages.components.explain_reading import View, open_folder, open_view
from pages.components.explain_selection import show_selection
from pages.components.explain_structure import show_in_3d
from pages.components.explain_trust import decoys_reach_it, has_tests, show_trust, unfaithful_methods
from pages.components.page import error_boundary
from pages.components.tabs import show_tabs
from pages.components.text import count

FIRST, MOST_EQUAL = 3, 5
"""Segments named in the headline; of equal ones so many by name."""


def explore(workspace: Workspace, job_id: str, chosen: int | str) -> None:
    """Pictures of a pair or a mean; a fragment: a click draws them anew, not the page."""
    st.fragment(_explore)(workspace, job_id, chosen)


def _explore(workspace: Workspace, job_id: str, chosen: int | str) -> None:
    with error_boundary():
        job = workspace.jobs.get(job_id)
        view = open_view(workspace, job, open_folder(workspace, job), chosen)
        unfaithful = unfaithful_methods(view)
        if decoys_reach_it(view):
            st.warning("Shuffled or random proteins often score as high as this pair: the score says little "
                       "about these two. “How far to trust it” shows how many do.")
        st.markdown(_first_words(view, unfaithful))
        if view.is_pair:
            show_tracks(view, unfaithful)
        show_selection(view)
        show_tabs(sections_of(workspace, view, unfaithful), key="explain-section")


def sections_of(
    workspace: Workspace, view: View, unfaithful: set[str]
) -> dict[str, Callable[[], None]]:
    """What can be drawn of what is there: decided by the axes of the numbers, not by the methods' names."""
    sections: dict[str, Callable[[], None]] = {"Which segments matter": lambda: show_bars(view, unfaithful)}
    for part in view.parts.values():
        if parts_of.has_token_matrix(part):
            sections[METHODS[part.method].title] = lambda part=part: show_matrix(view, part, unfaithful)
        if parts_of.has_interactions(part):
            sections["Working together"] = lambda part=part: show_interactions(view, part)
    if any(parts_of.is_additive(part) for part in view.parts.values()):
        sections["Step by step to the score"] = lambda: show_waterfall(view, unfaithful)
    if not view.is_pair:
        sections["Pair by pair"] = lambda: show_swarm(view)
    if view.is_pair:
        sections["In 3D"] = lambda: show_in_3d(workspace, view, unfaithful)
    if has_tests(view):
        sections["How far to trust it"] = lambda: show_trust(view)
    sections["Files and settings"] = lambda: show_provenance(workspace, view)
    return sections


def _first_words(view: View, unfaithful: set[str]) -> str:
    """The segments that most methods put first, those left aside that do no better than chance."""
    trusted = [part for method, part in view.parts.items() if method not in unfaithful]
    if not trusted:
        return ("None of the methods does better than a random order here: nothing should be read from this "
                "explanation.")
    leaders = leaders_of(trusted, view.pair.tokens, FIRST)
    if not leaders:
        return "No segment matters more than any other here."
    if len(trusted) == 1:
        named = ", ".join(_equals(view, one.tokens) for one in leaders)
        return (f"**Most important to the model**, by the length of the bars of "
                f"{METHODS[trusted[0].method].title}: {named}.")
    named = ", ".join(f"{_equals(view, one.tokens)} by {one.votes} of {len(trusted)}" for one in leaders)
    others = others_as_often(trusted, leaders, FIRST)
    last = f"by {leaders[-1].votes} of {len(trusted)}"
    more = f"; {count(others, 'other segment')} {last} too" if others else ""
    which = "" if len(trusted) == len(view.parts) else " that do better than a random order"
    return (f"**Most important to the model**: {named}{more}. So many of the methods{which} have it among "
            f"their {FIRST} longest bars, for the interaction or against it.")


def _equals(view: View, tokens: tuple[str, ...]) -> str:
    """A token, or several that are told as equal."""
    named = [_short(view, token) for token in tokens[:MOST_EQUAL]]
    more = f" and {len(tokens) - MOST_EQUAL:,} more" if len(tokens) > MOST_EQUAL else ""
    return named[0] if len(tokens) == 1 else f"{' = '.join(named)}{more} (equal)"


def _short(view: View, token: str) -> str:
    found = view.pair.residues(token)
    return token if found is None else f"{token} ({residue_words(*found)})"
