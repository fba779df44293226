"""How an explanation was made, and all of it as files."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import streamlit as st

from esm2amp_core.explanation_report.words import settings_asked
from esm2amp_core.predictions import precision_in_words
from esm2amp_core.workspace import Workspace
from pages.components.explain_downloads import show_all_files
from pages.components.explain_reading import View
from pages.components.explain_trust import method_table
from pages.components.text import count, flatten, when


def show_provenance(workspace: Workspace, view: View) -> None:
    """Downloads, what each method checked of itself, and everything the numbers depend on."""
    with st.container(horizontal=True):
        show_all_files(workspace, view)
    summary = view.folder.summary
    st.markdown("**What the methods checked of themselves**")
    st.dataframe(method_table(view), hide_index=True, alt="Checks of the methods", height="content")
    facts = {"Job": view.job.id, "Explained": when(view.job.finished),
             **({"Job that went down to residues": view.residue_job.id} if view.residue_job else {}),
             "Baseline": summary.get("baseline", ""),
             **{f"Model, {name}": value
                for name, value in flatten(precision_in_words(summary["model"])).items()},
             **flatten(settings_asked(summary["settings"])), **flatten(summary["versions"], "version of ")}
    st.markdown("**How it was made**")
    _table(("What", "Value"), ((name, str(value)) for name, value in facts.items()), "Provenance")
    if left_out := summary["left_out"]:
        st.markdown(f"**{count(len(left_out), 'row')} could not be explained**")
        _table(("Row", "Protein A", "Protein B", "Reason"),
               ((row["row"], row["protein_a"], row["protein_b"], row["reason"]) for row in left_out),
               "Rows that could not be explained")


def _table(header: tuple[str, ...], rows: Iterable[tuple], name: str) -> None:
    st.dataframe(pd.DataFrame(list(rows), columns=list(header)), hide_index=True, alt=name)
