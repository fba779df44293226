"""Files of what is shown: of a picture with its numbers, of a table; names that every system accepts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from esm2amp_core import exports
from esm2amp_core.jobs import Job

MIMES = {"csv": "text/csv", "svg": "image/svg+xml", "png": "image/png",
         "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}  # fmt: skip
NUMBERS = ("csv", "xlsx")


def files_row(
    job: Job, name: str, table: Callable[[], pd.DataFrame],
    drawings: Mapping[str, Callable[[], bytes]] | None = None, words: str = "",
) -> None:  # fmt: skip
    """What a picture or a table shows, and beside that its numbers (CSV, XLSX) and itself (SVG, PNG)."""
    left, right = st.columns([3.4, 1.6], gap="medium")
    left.caption(words)
    with right:
        file_buttons(stem_of(job), name, {
            "csv": lambda: exports.delimited(table()),
            "xlsx": lambda: exports.workbook(table(), name.replace("_", " ")[:31]), **(drawings or {}),
        })  # fmt: skip


def file_buttons(stem: str, name: str, makers: Mapping[str, Callable[[], bytes]]) -> None:
    """The same small row under every picture and table: a button per kind of file, made when asked for."""
    with st.container(horizontal=True, horizontal_alignment="right", gap="small"):
        for suffix, make in makers.items():
            kind = "Numbers" if suffix in NUMBERS else "Picture, journal width,"
            st.download_button(
                suffix.upper(), data=make, file_name=f"{stem}_{name}.{suffix}", mime=MIMES[suffix],
                on_click="ignore", icon=":material/download:", type="tertiary", key=f"file-{name}-{suffix}",
                help=f"{kind} of “{name.replace('_', ' ')}”",
            )  # fmt: skip


def stem_of(job: Job) -> str:
    """Begin of the names of a job's files: its title."""
    return file_stem(job.title, otherwise=f"esm2amp_{job.id}")


def file_stem(words: str, *, otherwise: str) -> str:
    """Words of a person as every system accepts them in a file's name; `otherwise` where nothing is left."""
    return re.sub(r"[^\w.-]+", "_", words).strip("._-")[:80] or otherwise
