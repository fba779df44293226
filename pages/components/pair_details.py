"""One pair of a result: its score in words, what to know about it, its sequences."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core.jobs import Job
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import RESULT_COLUMNS, Status
from esm2amp_core.workspace import Workspace
from pages.components.text import count, literal

LINE = 60
"""Residues per line, as in FASTA files."""


def show_pair(workspace: Workspace, job: Job, result: pd.Series) -> None:
    """Everything known of the selected row."""
    pairs = _inputs(workspace, job.id)
    with st.container(border=True):
        names = f"{literal(result['protein_a'], limit=60)} and {literal(result['protein_b'], limit=60)}"
        st.markdown(f"**Row {result['row']}: {names}**")
        st.markdown(_outcome_words(result))
        if message := result["message"]:
            (st.error if result["status"] == Status.ERROR else st.warning)(literal(message))
        for side, column in zip("ab", st.columns(2), strict=True):
            with column:
                _show_protein(f"Protein {side.upper()}", result[f"protein_{side}"], pairs)
        _show_carried(result)
        st.caption("Which stretches of the two proteins drive a score will be shown on the Explain page, "
                   "which a later version brings.")  # fmt: skip


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
    carried = result.drop(list(RESULT_COLUMNS))
    if len(carried):
        with st.expander("Other columns of your table"):
            values = pd.DataFrame({"Column": carried.index, "Value": carried.astype("string").to_numpy()})
            st.dataframe(values, hide_index=True)


@st.cache_resource(show_spinner=False, max_entries=2, ttl="10m")
def _inputs(_workspace: Workspace, job_id: str) -> PairTable:
    """Input of a job; never changes once submitted. A job's id cannot be guessed and belongs to one owner."""
    return _workspace.inputs(job_id)
