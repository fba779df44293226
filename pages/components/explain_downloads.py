"""Files of an explanation: the numbers and drawings of one picture, and all of it at once."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import streamlit as st

from esm2amp_core import exports
from esm2amp_core.explanations import RESIDUES
from esm2amp_core.workspace import Workspace
from pages.components.explain_reading import View
from pages.components.file_row import file_buttons, file_stem


def picture_files(
    view: View, name: str, table: Callable[[], pd.DataFrame],
    drawings: Mapping[str, Callable[[], bytes]] | None = None,
) -> None:  # fmt: skip
    """The numbers of a picture as CSV, itself as SVG and PNG."""
    makers = {"csv": lambda: exports.delimited(table()), **(drawings or {})}
    file_buttons(stem_of(view), name, makers)


def caption_and_files(
    view: View, words: str, name: str, table: Callable[[], pd.DataFrame],
    drawings: Mapping[str, Callable[[], bytes]] | None = None,
) -> None:  # fmt: skip
    """What a picture shows and does not, and its files beside that."""
    left, right = st.columns([4, 1.3], gap="medium")
    left.caption(words)
    with right:
        picture_files(view, name, table, drawings)


def show_all_files(workspace: Workspace, view: View) -> None:
    """The report, and everything that was computed as one archive."""
    st.download_button(
        "Download the whole report (HTML)", data=lambda: _report(workspace, view), mime="text/html",
        file_name=f"{stem_of(view)}.html", on_click="ignore", icon=":material/description:", type="primary",
        key="file-report", help="One page with every picture, the numbers behind it and how to run it again.",
    )  # fmt: skip
    st.download_button(
        "Download all numbers (ZIP)",
        data=lambda: zipped(*(one.folder for one in (view.folder, view.residues) if one)),
        file_name=f"{stem_of(view)}_numbers.zip", mime="application/zip", on_click="ignore",
        icon=":material/folder_zip:", key="file-all",
        help="Each method's arrays (.npz) and table (.csv), the pairs, and how all of it was made.",
    )  # fmt: skip


def _report(workspace: Workspace, view: View) -> bytes:
    from esm2amp_core.explanation_report.report import pair_report, write_report  # Matplotlib loads slowly

    proteins = workspace.inputs(view.job.id).proteins
    if view.is_pair:
        return pair_report(view.folder, int(view.chosen), proteins, residues=view.residues)
    return write_report(view.folder, proteins)


def zipped(folder: Path, residues: Path | None = None) -> bytes:
    """The files of a folder as a ZIP archive; those of the job that went down to residues below it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for within, source in (("", folder), (f"{RESIDUES}/", residues)):
            for path in sorted(source.iterdir()) if source else ():
                if path.is_file():
                    archive.write(path, f"{within}{path.name}")
    return buffer.getvalue()


def stem_of(view: View) -> str:
    """Begin of the names of files: both proteins', or which pairs are meant."""
    words = "_and_".join(view.pair.names) if view.is_pair else f"{view.chosen}_{view.job.id}"
    return file_stem(words, otherwise=f"explanation_{view.job.id}")
