"""The Screen page below its head: numbers, and one tab per question."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import Job
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.workspace import Workspace
from pages.components.model_words import model_of
from pages.components.page import error_boundary
from pages.components.result_summary import show_meaning
from pages.components.screen_downloads import show_files
from pages.components.screen_hits import show_hits
from pages.components.screen_pictures import show_background, show_histogram, show_network
from pages.components.screen_reading import ANEW, open_screen, sticky_of
from pages.components.tabs import show_tabs
from pages.components.text import count, literal

MOST_NOTES = 200
WIDTHS = (1, 1.35, 1.15, 1.15, 0.85)
"""Of the numbers: in a window of 1,000 pixels no label is cut."""

WHAT_Z_SAYS = (
    "**z** says by how many standard deviations a pair's score lies above what its proteins score with "
    "all others; of the two values of a pair, the smaller counts. A protein with fewer than 20 partners "
    "here, as those of a library that meets one bait, is compared with what it scores with reference "
    "proteins of the model.\n\n"
    "A **sticky** protein scores high with everything, so that its best pairs have a high probability "
    "but a low z: look first at those that are high in both. A protein counts as sticky if its mean "
    "logit lies at least 2 × 1.4826 × MAD above the median, where median and MAD (median absolute "
    "deviation) are those of the mean logits of all proteins of its role (bait, library, or both). A "
    "mean of fewer than 20 scores is not judged, nor a role with fewer than 20 means."
)


def explore(workspace: Workspace, job_id: str) -> None:
    """Everything that is known; a fragment: a click draws it anew, not the page."""
    st.fragment(_explore)(workspace, job_id)


def _explore(workspace: Workspace, job_id: str) -> None:
    with error_boundary():
        job = workspace.jobs.get(job_id)
        try:
            _show_screen(workspace, job, open_screen(workspace, job))
        except JobError as error:
            raise JobError(error.message, hint=ANEW) from error


def _show_screen(workspace: Workspace, job: Job, screen: ScreenFolder) -> None:
    _show_summary(screen)
    show_meaning(model_of(workspace, job))
    _show_notes(screen.summary["notes"])
    show_tabs({
        "Best pairs": lambda: show_hits(workspace, job, screen),
        "Network": lambda: show_network(job, screen),
        "All scores": lambda: show_histogram(job, screen),
        "Proteins": lambda: show_background(job, screen),
        "Files and settings": lambda: show_files(job, screen),
    }, key="screen-section")  # fmt: skip


def _show_notes(notes: list[str]) -> None:
    """What z says, folded so that the best pairs are near; what is special in this screen."""
    more = f", and {count(len(notes), 'note')} on this screen" if notes else ""
    with st.expander(f"What z and sticky mean{more}"):
        st.markdown(WHAT_Z_SAYS)
        st.markdown("\n".join(f"- {literal(note)}" for note in notes[:MOST_NOTES]))


def _show_summary(screen: ScreenFolder) -> None:
    about = screen.summary
    n_sticky = int(sticky_of(screen).sum())
    numbers = [
        ("Pairs scored", f"{about['n_pairs']:,}", "Each two proteins once: A with B is B with A. No "
         "protein is paired with itself, unless that was asked for."),
        ("Called interacting", f"{about['n_called']:,}",
         f"{about['n_called'] / about['n_pairs']:.2%} of the pairs: their probability reaches the model's "
         f"threshold, {about['threshold']:.2f}."),
        _proteins(screen),
        ("Sticky proteins", f"{n_sticky:,}", "Their mean logit lies at least 2 × 1.4826 × the median "
         "absolute deviation above the median of their role. “What z and sticky mean” has the rule, the tab "
         "“Proteins” shows them."),
        ("Left out", f"{about['n_failed']:,}", "Records that could not be scored; “Files and settings” lists "
         "them."),
    ]  # fmt: skip
    for column, (label, number, tip) in zip(st.columns(WIDTHS), numbers, strict=True):
        column.metric(label, number, help=tip, border=True)
    n_all = 0 if screen.is_all_vs_all else about["n_baits"] * about["n_library"]
    if n_all > about["n_pairs"]:
        st.caption(f"{about['n_baits']:,} × {about['n_library']:,} is {n_all:,}, but "
                   f"{count(about['n_pairs'], 'pair')}: a bait that is in the library is not paired with "
                   "itself, and two such baits are one pair.")


def _proteins(screen: ScreenFolder) -> tuple[str, str, str]:
    about = screen.summary
    if screen.is_all_vs_all:
        return "Proteins", f"{about['n_proteins']:,}", "Different sequences, each with each other one."
    return ("Baits × library", f"{about['n_baits']:,} × {about['n_library']:,}",
            "Different sequences; a bait that is in the library counts in both.")
