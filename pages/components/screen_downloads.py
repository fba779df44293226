"""Files of a screen: tables, the network, every pair's score, all of it at once; and how it was made."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import streamlit as st

from esm2amp_core import screen_files as names
from esm2amp_core.errors import JobError
from esm2amp_core.jobs import Job
from esm2amp_core.predictions import precision_in_words
from esm2amp_core.screen_files import ScreenFolder
from pages.components.file_row import stem_of
from pages.components.page import show_user_error
from pages.components.screen_reading import ANEW, called_words
from pages.components.text import count, flatten, literal

MOST_PAIRS = 10_000_000
"""Of more, a browser would be handed some hundred megabytes from this program's memory."""
TABLES = {
    names.HITS: "best pairs, by probability and by z", names.PARTNERS: "best partners of each protein",
    names.PROTEINS: "each protein with its mean, spread and number of best pairs",
    names.HISTOGRAM: "histogram of all scores", names.LEFT_OUT: "records that were not scored, and why",
    names.GRAPHML: "network of the best pairs for Cytoscape and Gephi (GraphML)",
    names.EDGES: "network of the best pairs for Cytoscape: edges (TSV)",
    names.NODES: "network of the best pairs for Cytoscape: nodes (TSV)",
}  # fmt: skip
SHOWN_LEFT_OUT = 1_000


def show_files(job: Job, screen: ScreenFolder) -> None:
    """Every file, what was left out, and the settings."""
    missing = [name for name in (*TABLES, names.MANIFEST) if not (screen.folder / name).is_file()]
    for name in missing:
        show_user_error(JobError(f"{name} of the screen is missing.", hint=ANEW))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Tables and network**")
        st.caption(f"The network holds all best pairs, not only those drawn: "
                   f"{called_words(screen, screen.hits, 'best pair', 'best pairs')}")
        for name, words in TABLES.items():
            if name not in missing:
                _button(job, name, words[:1].upper() + words[1:],
                        lambda name=name: (screen.folder / name).read_bytes())
    with right:
        st.markdown("**Every pair's score**")
        try:
            _all_scores(job, screen)
        except JobError as error:  # said here: a button that is pressed cannot say anything
            show_user_error(JobError(error.message, hint=ANEW))
        if not missing:
            st.markdown("**Everything but the single scores**")
            _button(job, "tables.zip", "All tables, network and settings (ZIP)",
                    lambda: _zipped(screen.folder))
    if len(screen.left_out):
        names_of = "its" if len(screen.left_out) == 1 else "their"
        with st.expander(f"{count(len(screen.left_out), 'record')} not scored under {names_of} own name"):
            st.dataframe(screen.left_out.head(SHOWN_LEFT_OUT), hide_index=True,
                         alt="Records that were left out")
    facts = {key: value for key, value in screen.summary.items() if key not in ("notes", "format")}
    facts = flatten(facts | {"model": precision_in_words(facts["model"])})
    with st.expander("How these numbers were made"):
        st.dataframe(pd.DataFrame({"What": ["job", *facts], "Value": [job.id, *facts.values()]}),
                     hide_index=True, alt="Provenance")


def _all_scores(job: Job, screen: ScreenFolder) -> None:
    n_pairs = screen.summary["n_pairs"]
    screen.check_parts()
    if n_pairs > MOST_PAIRS:
        st.markdown(f"{n_pairs:,} pairs are too many for a download. They lie on the machine that made them, "
                    "as Parquet files:")
        st.code(str(screen.folder / names.PARTS), language=None)
        return
    _button(job, "all_scores.parquet", f"All {n_pairs:,} pairs (Parquet)", lambda: _parquet(screen))
    _button(job, "all_scores.csv.gz", f"All {n_pairs:,} pairs (CSV, gzipped)", lambda: _csv(screen))


def _button(job: Job, name: str, label: str, make: Callable[[], bytes]) -> None:
    st.download_button(literal(label), data=make, file_name=f"{stem_of(job)}_{name}", on_click="ignore",
                       type="tertiary", icon=":material/download:", key=f"screen-file-{name}")


def _parquet(screen: ScreenFolder) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "scores.parquet"
        screen.write_parquet(path)
        return path.read_bytes()


def _csv(screen: ScreenFolder) -> bytes:
    """A part at a time, so that only the packed text is in memory."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=3) as file:
        for chunk in screen.csv_chunks():
            file.write(chunk)
    return buffer.getvalue()


def _zipped(folder: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (*TABLES, names.SUMMARY, names.MANIFEST):
            archive.write(folder / name, name)
    return buffer.getvalue()
