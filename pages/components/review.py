"""What was understood of the input, every problem in it, and means to mend them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from esm2amp_core.columns import ColumnMap, columns_like_sequences, guess_columns
from esm2amp_core.errors import PairError, Severity, UserError
from esm2amp_core.pairs import PairTable
from esm2amp_core.tables import unique_names
from pages.components import state
from pages.components.draft import Draft
from pages.components.page import show_user_error
from pages.components.text import TALL_ROW, count, literal

PREVIEW_ROWS = 200
MENDED_ROWS = 50
"""Rows that can be mended in the page at once; the next ones appear when these are right."""
SHOWN_ISSUES = 1_000
NO_COLUMN = "(none)"
COLUMN_FIELDS = {"protein_a": "Protein A", "protein_b": "Protein B",
                 "sequence_a": "Sequence of A", "sequence_b": "Sequence of B"}  # fmt: skip


def show_review(draft: Draft) -> None:
    """Everything about the input that a person should see before it runs."""
    st.subheader("What was understood", anchor=False)
    if draft.pairs is None:
        st.warning(literal(draft.reason), icon=":material/help:")
        choose_columns(draft, expanded=True)
        _show_table(draft.raw.frame.head(PREVIEW_ROWS), "The table as it was read")
        return
    _show_counts(draft)
    choose_columns(draft, expanded=_may_lack_columns(draft))
    show_issues(draft)
    mend_rows(draft)
    with st.expander("Preview of the pairs"):
        shown = draft.pairs.frame.head(PREVIEW_ROWS)
        if len(shown) < len(draft.pairs):
            st.caption(f"The first {PREVIEW_ROWS} of {len(draft.pairs):,} pairs.")
        _show_table(shown, "Preview of the pairs")


def _show_counts(draft: Draft) -> None:
    pairs = draft.pairs
    named = _names(pairs)
    used = {pairs.proteins[name].digest: pairs.proteins[name] for name in named if name in pairs.proteins}
    n_residues = sum(len(protein.sequence) for protein in used.values())
    numbers = (
        ("Pairs", len(pairs), "Rows of your table."),
        ("Different proteins", len(used), "Different sequences; each is read by the language model once."),
        ("Residues", n_residues, "Total length of the different sequences; it decides how long a job takes."),
        ("Pairs that can be scored", len(pairs) - len(draft.rows_with(Severity.ERROR)),
         "The others come back in the result with the reason."),
    )  # fmt: skip
    for column, (label, number, tip) in zip(st.columns(4), numbers, strict=True):
        column.metric(label, f"{number:,}", help=tip, border=True)


def _may_lack_columns(draft: Draft) -> bool:
    """Whether proteins lack sequences that stand in columns nobody chose."""
    named = set(_names(draft.pairs)) - {""}
    return bool(named - set(draft.pairs.proteins) and columns_like_sequences(draft.raw, draft.columns))


def _names(pairs: PairTable) -> np.ndarray:
    """All names in the pairs, each once."""
    return pd.unique(pairs.frame[["protein_a", "protein_b"]].to_numpy(dtype=object).ravel())


def choose_columns(draft: Draft, *, expanded: bool) -> None:
    """Say which columns hold what, and let the person change it."""
    names = [str(name) for name in draft.raw.frame.columns]
    now = draft.columns or guess_columns(draft.raw)
    label = f"Columns: {_column_words(now)}" if draft.columns else "Choose the columns"
    with st.expander(label, expanded=expanded), st.form(f"columns-{state.n_edits()}", border=False):
        places = st.columns(4)
        chosen = [
            _pick(place, words, names, getattr(now, field))
            for place, (field, words) in zip(places, COLUMN_FIELDS.items(), strict=True)
        ]
        first_is_data = bool(draft.raw.header) and st.checkbox(
            "The first row holds a pair, not the names of the columns"
        )
        st.caption("All other columns are carried into the result unchanged. A label is never needed.")
        if st.form_submit_button("Use these columns"):
            if first_is_data:
                chosen = [name and f"column {names.index(name) + 1}" for name in chosen]
            _use_columns(draft, ColumnMap(*chosen, has_header=not first_is_data))


def _use_columns(draft: Draft, columns: ColumnMap) -> None:
    try:
        state.keep_draft(draft.with_columns(columns))
    except PairError as error:
        show_user_error(error)
        return
    st.rerun()


def _pick(place: DeltaGenerator, label: str, names: list[str], chosen: str | None) -> str | None:
    options = [NO_COLUMN, *names]
    picked = place.selectbox(label, options, index=options.index(chosen) if chosen in names else 0)
    return None if picked == NO_COLUMN else picked


def _column_words(columns: ColumnMap) -> str:
    fields = [getattr(columns, field) for field in COLUMN_FIELDS]
    return ", ".join(literal(name, limit=30) for name in fields if name)


def show_issues(draft: Draft) -> None:
    """Every problem with its row, value and remedy, errors first."""
    issues = sorted(draft.pairs.issues, key=lambda issue: (issue.severity != Severity.ERROR, issue.row or 0))
    if not issues:
        st.success("No problems found.", icon=":material/check:")
        return
    n_errors, n_warnings = (len(draft.rows_with(severity)) for severity in Severity)
    words = []
    if n_errors:
        words.append(f"{count(n_errors, 'row')} cannot be scored without a change")
    if n_warnings:
        words.append(f"{count(n_warnings, 'row')} will be scored with a warning")
    (st.warning if n_errors else st.info)(f"{'; '.join(words) or 'Please read the notes'}.")
    table = pd.DataFrame(
        {
            "Row": pd.array([issue.row for issue in issues[:SHOWN_ISSUES]], dtype="Int64"),
            "Kind": [str(issue.severity) for issue in issues[:SHOWN_ISSUES]],
            "Value": [issue.value for issue in issues[:SHOWN_ISSUES]],
            "Problem": [issue.problem for issue in issues[:SHOWN_ISSUES]],
            "What to do": [issue.remedy for issue in issues[:SHOWN_ISSUES]],
        }
    )
    if len(issues) > SHOWN_ISSUES:
        st.caption(f"The first {SHOWN_ISSUES:,} of {len(issues):,} are listed.")
    text = st.column_config.TextColumn
    st.dataframe(
        table, hide_index=True, alt="Problems of the input", placeholder="all",
        height=min(38 + TALL_ROW * len(table), 480), row_height=TALL_ROW,
        column_config={"Row": st.column_config.NumberColumn(width=60), "Kind": text(width=70),
                       "Value": text(width=110), "Problem": text(width=460), "What to do": text(width=420)},
    )  # fmt: skip


def mend_rows(draft: Draft) -> None:
    """Means to mend the rows with errors in the page; what is left comes back in the result."""
    bad = draft.rows_with(Severity.ERROR)
    if not bad:
        return
    with st.expander(f"Mend {count(len(bad), 'row')} here", expanded=len(bad) <= MENDED_ROWS):
        st.caption(
            "Change cells, add sequences that are missing, and check again. Or leave it: the other rows "
            "are scored, and these come back in the result with the reason."
        )
        if len(bad) > MENDED_ROWS:
            st.caption(f"The first {MENDED_ROWS} of {len(bad):,} are shown.")
        with st.form(f"mend-{state.n_edits()}", border=False):
            # Row n of the pairs is line n - 1 of the raw table.
            numbers = pd.Index(bad[:MENDED_ROWS], name="Row")
            rows = draft.raw.frame.iloc[numbers - 1]
            reason = unique_names([*rows.columns, "Reason"])[-1]
            reasons = draft.pairs.problems(Severity.ERROR)
            shown = rows.set_axis(numbers).assign(**{reason: [reasons[row] for row in numbers]})
            text = st.column_config.TextColumn
            edited = st.data_editor(
                shown[[reason, *rows.columns]], disabled=["_index", reason], alt="Rows with errors",
                row_height=TALL_ROW,
                column_config={reason: text("Reason", width=420)}
                | {name: text(width="medium") for name in rows.columns},
            ).drop(columns=reason)  # fmt: skip
            fasta = st.text_area(
                "More sequences (FASTA)", height=100, placeholder=">Q00987\nMCNTNMSVPTDGAVTTSQIPASEQETLVRP…"
            )
            if st.form_submit_button("Check again", icon=":material/refresh:"):
                _check_again(draft, edited.fillna("").astype(str).set_axis(rows.index), fasta)


def _check_again(draft: Draft, rows: pd.DataFrame, fasta: str) -> None:
    try:
        mended = draft.with_rows(rows)
        state.keep_draft(mended.with_sequences(fasta) if fasta.strip() else mended)
    except UserError as error:
        show_user_error(error)
        return
    st.rerun()


def _show_table(table: pd.DataFrame, name: str) -> None:
    height = min(38 + 35 * max(len(table), 1), 320)
    st.dataframe(table, hide_index=True, alt=name, placeholder="–", height=height)
