"""The regions themselves: how many of which type, which proteins are not known, and what does not fit."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core.jobs import Job
from esm2amp_core.region_files import RegionFolder
from esm2amp_core.workspace import Workspace
from pages.components.file_row import files_row
from pages.components.navigation import REGIONS, open_job
from pages.components.text import TALL_ROW, count, literal

MOST_NAMED = 200


def show_annotations(workspace: Workspace, job: Job, folder: RegionFolder) -> None:
    """What the annotations say of the job's proteins."""
    about, n_proteins = folder.summary["annotations"], folder.summary["n_proteins"]
    st.markdown(
        f"{about['proteins_known']:,} of {count(n_proteins, 'protein')} are in the annotations, and "
        f"{about['proteins_with_region']:,} have a region of the types that were looked at. Where "
        "annotations are silent, a region may still exist: nobody may have looked."
    )  # fmt: skip
    _show_types(workspace, job, folder)
    if unknown := about["proteins_unknown"]:
        with st.expander(f"{count(len(unknown), 'protein')} not in the annotations"):
            more = f" and {len(unknown) - MOST_NAMED:,} more" if len(unknown) > MOST_NAMED else ""
            st.markdown(", ".join(literal(name, limit=40) for name in unknown[:MOST_NAMED]) + more)
    st.subheader("What does not fit", anchor=False)
    if folder.issues.empty:
        st.markdown("Every row could be read, and all regions lie within their proteins.")
    else:
        st.markdown(f"{count(len(folder.issues), 'note')}. A row that cannot be read is left out; of a "
                    "region that reaches beyond its protein's end, the part inside counts.")
        shown = folder.issues.drop(columns="severity")
        shown["row"] = [f"{row:,}" if row == row else "–" for row in shown["row"].astype(float)]
        wide = st.column_config.TextColumn(width="large")
        st.dataframe(shown, hide_index=True, key="issues", row_height=TALL_ROW,
                     column_config={"row": st.column_config.TextColumn(width="small"),
                                    "problem": wide, "remedy": wide})  # fmt: skip
        files_row(job, "annotation_issues", lambda: folder.issues,
                  words="Rows count from 1 below the header.")
    st.subheader("Regions of these proteins", anchor=False)
    st.dataframe(folder.regions, hide_index=True, key="regions")
    files_row(job, "regions", lambda: folder.regions,
              words="As the source gives them. Residues count from 1, both ends included.")


def _show_types(workspace: Workspace, job: Job, folder: RegionFolder) -> None:
    counts = folder.regions["type"].value_counts()
    looked_at = {name: True for name in folder.types}
    table = pd.DataFrame({
        "Type": [*folder.types, *(name for name in counts.index if name not in looked_at)],
    })  # fmt: skip
    table["Regions in these proteins"] = table["Type"].map(counts).fillna(0).astype(int)
    table["Looked at"] = table["Type"].isin(folder.types)
    st.dataframe(table, hide_index=True, width="content", key="types")
    _offer_other_types(workspace, job, folder, table["Type"][table["Regions in these proteins"] > 0].tolist())


def _offer_other_types(workspace: Workspace, job: Job, folder: RegionFolder, found: list[str]) -> None:
    """The same comparison with other types, as a job of its own."""
    present = [name for name in folder.types if name in found]
    chosen = st.multiselect("Types to look at", found, default=present, key="regions-types",
                            help="Unless chosen otherwise, those of the published analysis.")
    if set(chosen) in (set(present), set()):
        return
    if st.button("Compare again with these types", icon=":material/replay:"):
        params = job.params
        file = b"" if params["lookup"] else workspace.folders.annotations_file(job.id).read_bytes()
        asked = workspace.compare_regions(
            params["source"], method=params["method"], annotations=file, filename=params["annotations"],
            lookup=params["lookup"], label=params["label"], types=chosen, k=params["k"],
        )  # fmt: skip
        open_job(asked.id, REGIONS)
