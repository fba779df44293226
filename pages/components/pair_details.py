"""One pair of a result: its score in words, what to know about it, its sequences."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core.errors import UserError
from esm2amp_core.jobs import Job
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import RESULT_COLUMNS, TRUST_COLUMNS, Status
from esm2amp_core.trust import Seen
from esm2amp_core.workspace import Workspace
from pages.components.navigation import EXPLAIN, open_job
from pages.components.page import show_user_error
from pages.components.prevalence import Expectation, at_least_as_high_words
from pages.components.text import count, literal

LINE = 60
"""Residues per line, as in FASTA files."""


def show_pair(workspace: Workspace, job: Job, result: pd.Series, expected: Expectation | None) -> None:
    """Everything known of the selected row."""
    pairs = _inputs(workspace, job.id)
    with st.container(border=True):
        names = f"{literal(result['protein_a'], limit=60)} and {literal(result['protein_b'], limit=60)}"
        st.markdown(f"**Row {result['row']}: {names}**")
        scored = result["status"] != Status.ERROR
        st.markdown(_outcome_words(result))
        if scored and expected is not None:
            st.markdown(at_least_as_high_words(expected, result["probability"]))
        if message := result["message"]:
            (st.warning if scored else st.error)(literal(message))
        if "trust_note" in result and pd.notna(result["trust_note"]):
            _show_trust(result)
        if scored and st.button(
            "Explain this pair", icon=":material/lightbulb:", type="primary",
            help="Which segments of the two proteins made the score, by several methods.",
        ):  # fmt: skip
            explain(workspace, job, (int(result["row"]),))
        for side, column in zip("ab", st.columns(2), strict=True):
            with column:
                _show_protein(f"Protein {side.upper()}", result[f"protein_{side}"], pairs)
        _show_carried(result)


def explain(workspace: Workspace, job: Job, rows: tuple[int, ...] = ()) -> None:
    """Have rows explained, all of them where none is named, and go there; what was explained is kept."""
    try:
        asked = workspace.explain(job.id, rows)
    except UserError as error:
        show_user_error(error)
        return
    open_job(asked.id, EXPLAIN)


def _show_trust(result: pd.Series) -> None:
    """How near the two proteins are to those the model has learned from."""
    words = Seen(result["trust_class"]).words
    st.markdown(
        f"**How near to the training data:** {literal(result['trust_note'])}  \n"
        f":small[{words[:1].upper()}{words[1:]} (class {result['trust_class']}). "
        f"Protein A: {_nearest_words(result, 'a')}; protein B: {_nearest_words(result, 'b')}.]",
        help="Compared are stretches of six residues, letters that replace each other in evolution counted "
        "as one. From 40 in 100 in common, four fifths of the residues are about the same; from 15, half "
        "of them. More distant relatives are not noticed.",
    )


def _nearest_words(result: pd.Series, side: str) -> str:
    """The nearest training protein of one of the two."""
    name = literal(str(result[f"nearest_{side}"]), limit=40)
    if result[f"seen_{side}"]:
        return f"in the training data as {name}"
    if not name:
        return "nothing in common with any training protein"
    share = round(100 * result[f"similarity_{side}"])
    return f"nearest is {name}, with {share} in 100 stretches in common"


def _outcome_words(result: pd.Series) -> str:
    if result["status"] == Status.ERROR:
        return "This pair could not be scored:"
    call = "called **interacting**" if result["interacts"] else "called **not interacting**"
    return (
        f"Probability **{result['probability']:.3f}**, {call}. "
        f"Before calibration the model gave {result['logit']:+.2f} on its own scale (the logit)."
    )


def _show_protein(label: str, name: str, pairs: PairTable) -> None:
    protein = pairs.proteins.get(name)
    if protein is None:
        st.markdown(f"{label}: no usable sequence.")
        return
    st.markdown(f"{label}: {count(len(protein.sequence), 'residue')}")
    lines = [protein.sequence[i : i + LINE] for i in range(0, len(protein.sequence), LINE)]
    st.code("\n".join([f">{name}", *lines]), language=None, height=200 if len(lines) > 6 else "content")


def _show_carried(result: pd.Series) -> None:
    carried = result.drop([name for name in (*RESULT_COLUMNS, *TRUST_COLUMNS) if name in result])
    if len(carried):
        with st.expander("Other columns of your table"):
            values = pd.DataFrame({"Column": carried.index, "Value": carried.astype("string").to_numpy()})
            st.dataframe(values, hide_index=True)


@st.cache_resource(show_spinner=False, max_entries=2, ttl="10m")
def _inputs(_workspace: Workspace, job_id: str) -> PairTable:
    """Input of a job; never changes once submitted. A job's id cannot be guessed and belongs to one owner."""
    return _workspace.inputs(job_id)
