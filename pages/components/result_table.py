"""The table of scores: filters above it, the pair of a chosen row below it."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core.jobs import Job
from esm2amp_core.predictions import PredictionTable
from esm2amp_core.trust import Seen
from esm2amp_core.workspace import Workspace
from pages.components.model_words import JobModel, model_of
from pages.components.page import error_boundary
from pages.components.pair_details import explain, show_pair
from pages.components.prevalence import Expectation, choose_prevalence, curve_of, show_expected
from pages.components.result_filter import (
    INTERACTING,
    NOT_INTERACTING,
    ORDERS,
    OUTCOMES,
    SHOWN_ROWS,
    ResultFilter,
)
from pages.components.results import load_results, summarise
from pages.components.text import TALL_ROW, count

STATUS_WORDS = {"ok": "ok", "warning": "warning", "error": "not scored"}
SEEN_WORDS = {Seen.BOTH.value: "both", Seen.ONE.value: "one", Seen.NONE.value: "none"}

ROW, FIRST_ROWS = 35, 15
"""Pixels of a row, and how many are seen at first."""
REFRESH_SECONDS, REFRESH_SECONDS_LARGE, LARGE = 5, 30, 5_000
MOST_EXPLAINED = 2_000


def explore_results(workspace: Workspace, job: Job) -> None:
    """Filters, table, and the pair of the row that is selected.

    A fragment: choosing a row or a filter draws this part anew, not the page. While the job runs,
    the rows done so far are read again now and then; a large job's less often.
    """
    pause = REFRESH_SECONDS if job.n_rows <= LARGE else REFRESH_SECONDS_LARGE
    st.fragment(_explore, run_every=None if job.state.is_finished else pause)(workspace, job.id)


def _explore(workspace: Workspace, job_id: str) -> None:
    with error_boundary():
        job = workspace.jobs.get(job_id)
        frame = load_results(workspace, job).frame
        if frame.empty:
            finished = job.state.is_finished
            st.caption("No row was scored." if finished else "Rows appear here as they are done.")
            return
        model = model_of(workspace, job)
        chosen = choose_filter(job)
        matching = chosen.apply(frame)
        expected = _expect(job, model, frame, matching, chosen) if job.state.is_finished else None
        shown = matching.head(SHOWN_ROWS)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(_shown_words(len(shown), len(matching), len(frame)))
            if job.state.is_finished and job.n_done > job.n_errors:
                _offer_explanations(workspace, job)
        selected = _show_table(shown, key=f"table-{job.id}")
        if selected is not None:
            show_pair(workspace, job, shown.iloc[selected], expected)


def _offer_explanations(workspace: Workspace, job: Job) -> None:
    """The button that explains every scored pair."""
    too_many = job.n_done > MOST_EXPLAINED
    words = "What the pairs have in common: averages over all of them, and each pair by itself."
    if too_many:
        words = (f"At most {MOST_EXPLAINED:,} pairs are explained at once here. Select a row to explain one "
                 "pair; for more, use the command “esm2amp explain”.")
    label = "Explain all pairs"
    if job.n_done - job.n_errors == 1:
        label, words = "Explain the pair", "Which segments of the two proteins made the score."
    if st.button(label, icon=":material/lightbulb:", help=words, disabled=too_many):
        explain(workspace, job)


def _expect(
    job: Job, model: JobModel, frame: pd.DataFrame, matching: pd.DataFrame, chosen: ResultFilter
) -> Expectation | None:
    """Ask for the expected share of interacting pairs and say what follows; None where it cannot be used."""
    curve = curve_of(job, model, frame)
    with st.container(border=True):
        question, answer = st.columns([2, 3], vertical_alignment="center", gap="medium")
        with question:
            prevalence = choose_prevalence(job, model, curve)
        if curve is None or prevalence is None:
            return None
        low, high = chosen.probabilities(model.threshold)
        expected = Expectation(curve, prevalence)
        with answer:
            show_expected(
                expected, model.threshold, n_called=summarise(frame)["interacting"],
                n_selected=int(matching["probability"].notna().sum()), low=low, high=high,
            )  # fmt: skip
    return expected


def choose_filter(job: Job) -> ResultFilter:
    """Widgets of the filter, side by side."""
    search, slider, order = st.columns([2, 2, 1.4], vertical_alignment="bottom")
    protein = search.text_input(
        "Find a protein", key=f"protein-{job.id}", placeholder="part of an id, or of your own columns",
        icon=":material/search:", help="Looks into the ids, and into the columns of your table that hold "
        "words, such as gene names.",
    )  # fmt: skip
    lowest, highest = slider.slider(
        "Probability from … to", 0.0, 1.0, (0.0, 1.0), step=0.01, key=f"range-{job.id}"
    )
    chosen_order = order.selectbox("Order", ORDERS, key=f"order-{job.id}")
    outcome = st.segmented_control(
        "Outcome", OUTCOMES, default=OUTCOMES[0], required=True, key=f"outcome-{job.id}",
        label_visibility="collapsed",
    )  # fmt: skip
    return ResultFilter(
        protein=protein, outcome=outcome, order=chosen_order, lowest=lowest, highest=highest
    )


ALL_IN_DOWNLOADS = "The downloads hold every row of the job, whatever is filtered."


def _shown_words(n_shown: int, n_matching: int, n_all: int) -> str:
    if n_matching == 0:
        return f"No row matches these filters. {ALL_IN_DOWNLOADS}"
    if n_shown == n_matching == n_all:
        return f"{count(n_all, 'row')}. Select a row to see the pair."
    if n_shown == n_matching:
        matching = f"{n_matching:,} of {count(n_all, 'row')} match."
        return f"{matching} Select a row to see the pair. {ALL_IN_DOWNLOADS}"
    return (
        f"The first {n_shown:,} of {count(n_matching, 'matching row')} are shown; narrow the filters to "
        f"see others. {ALL_IN_DOWNLOADS}"
    )


def _show_table(shown: pd.DataFrame, *, key: str) -> int | None:
    """Draw the rows; the answer is the position of the selected one."""
    carried = PredictionTable(shown).carried
    view = pd.DataFrame(
        {
            "row": shown["row"],
            "protein_a": shown["protein_a"],
            "protein_b": shown["protein_b"],
            "probability": shown["probability"],
            "interacts": _call_words(shown),
            **({"trust_class": shown["trust_class"].map(SEEN_WORDS)} if "trust_class" in shown else {}),
            "status": shown["status"].map(STATUS_WORDS),
            **({"message": shown["message"]} if shown["message"].any() else {}),
            **{name: shown[name] for name in carried},
        }
    )
    # Notes are whole sentences: higher rows let them run over three lines.
    row_height = TALL_ROW if shown["message"].head(FIRST_ROWS).any() else ROW
    event = st.dataframe(
        view,
        key=key,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height=min(38 + row_height * max(len(view), 1), 528),
        row_height=row_height,
        placeholder="–",
        column_config=_columns(),
        alt="Scores of the pairs",
    )
    rows = event["selection"]["rows"]
    # After a filter the old selection may point past the end of the shorter table.
    return rows[0] if rows and rows[0] < len(shown) else None


def _call_words(shown: pd.DataFrame) -> pd.Series:
    words = {True: INTERACTING.lower(), False: NOT_INTERACTING.lower()}
    return shown["interacts"].map(words, na_action="ignore").astype("string")


def _columns() -> dict[str, object]:
    column = st.column_config
    return {
        "row": column.NumberColumn("Row", width=60, help="Number of the row in your table, from 1."),
        "protein_a": column.TextColumn("Protein A"),
        "protein_b": column.TextColumn("Protein B"),
        "probability": column.ProgressColumn(
            "Probability", min_value=0, max_value=1, format="%.3f", width=170,
            help="How likely the model thinks an interaction is, from 0 to 1.",
        ),
        "interacts": column.TextColumn(
            "Call", help="interacting: the probability reaches the model's threshold."
        ),
        "trust_class": column.TextColumn(
            "Known proteins", help="How many of the two the model has learned from. Select the row to see "
            "which training proteins they are like, and what that means for the score.",
        ),
        "status": column.TextColumn("Status", width=110, help="warning: scored, but read the note."),
        "message": column.TextColumn("Note", width=350),
    }  # fmt: skip
