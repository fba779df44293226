"""Files of an analysis: each picture with its numbers, each table, and all of it at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from esm2amp_core import exports
from esm2amp_core.jobs import Job
from esm2amp_core.region_files import RegionFolder
from pages.components.explain_downloads import MIMES, zipped

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def files_row(
    job: Job, name: str, table: Callable[[], pd.DataFrame],
    drawings: Mapping[str, Callable[[], bytes]] | None = None, words: str = "",
) -> None:  # fmt: skip
    """What a picture or a table shows, and beside that its numbers (CSV, XLSX) and itself (SVG, PNG)."""
    makers: dict[str, Callable[[], bytes]] = {
        "csv": lambda: exports.delimited(table()),
        "xlsx": lambda: exports.workbook(table(), name.replace("_", " ")[:31]), **(drawings or {}),
    }  # fmt: skip
    left, right = st.columns([3.4, 1.6], gap="medium")
    left.caption(words)
    with right.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for suffix, make in makers.items():
            kind = "Numbers" if suffix in ("csv", "xlsx") else "Picture, journal width,"
            st.download_button(
                suffix.upper(), data=make, file_name=f"{stem_of(job)}_{name}.{suffix}",
                mime=MIMES.get(suffix, XLSX), on_click="ignore", type="tertiary",
                icon=":material/download:", key=f"file-{name}-{suffix}",
                help=f"{kind} of “{name.replace('_', ' ')}”",
            )  # fmt: skip


def all_files(job: Job, folder: RegionFolder) -> None:
    """The folder as one archive: what `esm2amp regions` writes."""
    st.download_button(
        "Download all tables (ZIP)", data=lambda: zipped(folder.folder), mime="application/zip",
        file_name=f"{stem_of(job)}.zip", on_click="ignore", icon=":material/folder_zip:", key="file-all",
        help="Every table as CSV, and summary.json: how all of it was made.",
    )  # fmt: skip


def stem_of(job: Job) -> str:
    """Begin of a file's name that every system accepts."""
    return re.sub(r"[^\w.-]+", "_", job.title).strip("._-")[:60] or f"regions_{job.id}"
