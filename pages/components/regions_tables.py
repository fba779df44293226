"""Tables of an analysis, and how it was made."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core.figures.region_numbers import drawn_types, with_all
from esm2amp_core.jobs import Job
from esm2amp_core.region_files import RegionFolder
from pages.components.explain_downloads import zipped
from pages.components.file_row import files_row, stem_of
from pages.components.regions_columns import percent_columns, show_tests, unit_columns
from pages.components.regions_job import left_out
from pages.components.text import flatten

MOST_SHOWN = 5_000


def show_coverage(job: Job, folder: RegionFolder) -> None:
    """Each chosen segment with the share of it that each type covers."""
    types = with_all(drawn_types(folder.enrichment, folder.types))
    name = st.text_input("Find a protein", placeholder="part of its name", key="regions-find").strip()
    table = folder.coverage
    if name:
        here = [table[column].str.contains(name, case=False, regex=False)
                for column in ("protein_a", "protein_b")]
        table = table[here[0] | here[1]]
    hidden = [name for name in folder.types if name not in types]
    st.dataframe(table.head(MOST_SHOWN).drop(columns=hidden), hide_index=True, key="coverage",
                 column_config=unit_columns(folder.summary["unit"]) | percent_columns(types))
    some = f"The first {MOST_SHOWN:,} of {len(table):,} lines; the files hold them all. " if (
        len(table) > MOST_SHOWN) else ""  # fmt: skip
    files_row(job, "coverage", lambda: folder.coverage,
              words=f"{some}One line per pair and chosen {folder.summary['unit']}: how many percent of it "
              "lie inside regions of each type. Residues count from 1, both ends included."
              f"{left_out(folder)}")


def show_settings(job: Job, folder: RegionFolder) -> None:
    """What a reader must know, every setting, and all files."""
    about = folder.summary
    st.download_button(
        "Download all tables (ZIP)", data=lambda: zipped(folder.folder), mime="application/zip",
        file_name=f"{stem_of(job)}.zip", on_click="ignore", icon=":material/folder_zip:", key="file-all",
        help="What `esm2amp regions` writes: every table as CSV, and summary.json, how all of it was made.",
    )  # fmt: skip
    st.markdown("\n".join(f"- {note}" for note in about["notes"]))
    facts = {"inputs": about["inputs"], **about["settings"], **about["chance"],
             "classes": about["classes"], "pairs with equal importances": about["pairs_with_ties"]}
    table = pd.DataFrame(flatten(facts).items(), columns=["Setting", "Value"])
    st.dataframe(table, hide_index=True, key="settings")
    st.caption("On the command line, “esm2amp regions METHOD.csv --annotations FILE -o DIR” does the same "
               "with the files of an explanation.")
    with st.expander("Tests of each pair"):
        show_tests(folder.pairs.head(MOST_SHOWN), about["unit"], key="pair-tests-all")
        files_row(job, "pair_enrichment", lambda: folder.pairs,
                  words="As in the table of the whole job, for each pair on its own.")
