"""Every score of a protein, over all jobs."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.workspace import Workspace
from pages.components.text import count, literal

LIMIT = 500


def find_protein(workspace: Workspace) -> None:
    """A search field and the scores it finds."""
    wanted = st.text_input(
        "Find a protein in all jobs", placeholder="its id, for example P04637",
        help="Lists the pairs of all jobs in which a protein has this in its id, with their scores. Other "
        "columns of your tables, such as gene names, are searched on the page of each result.",
        icon=":material/search:",
    ).strip()  # fmt: skip
    st.caption("Screens are not searched here, they have too many pairs: open one, and use “Find a protein” "
               "above its best pairs.")
    if not wanted:
        return
    found = workspace.jobs.find_protein(wanted, limit=LIMIT, owner=workspace.settings.owner)
    if found.empty:
        st.info(f"No scored pair has a protein with {literal(wanted, limit=60)} in its id. Gene names and "
                "other columns of your tables are searched on the page of each result.")
        return
    more = f" Only the first {LIMIT:,} are shown." if len(found) == LIMIT else ""
    st.caption(f"{count(len(found), 'score')} found.{more}")
    column = st.column_config
    st.dataframe(
        found.assign(open="/results?job=" + found["job_id"]).drop(columns="job_id"),
        hide_index=True,
        placeholder="–",
        alt="Scores of this protein in all jobs",
        column_order=["protein_a", "protein_b", "probability", "interacts", "title", "row", "open"],
        column_config={
            "protein_a": "Protein A",
            "protein_b": "Protein B",
            "probability": column.ProgressColumn("Probability", min_value=0, max_value=1, format="%.3f"),
            "interacts": column.CheckboxColumn("Called interacting"),
            "title": "Job",
            "row": column.NumberColumn("Row", width="small"),
            "open": column.LinkColumn("Results", display_text="open"),
        },
    )
