"""How an analysis of regions begins: an explanation, one of its methods, annotations, perhaps labels."""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from esm2amp_core.errors import UserError
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanations import METHODS
from esm2amp_core.features import SEGMENTS
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.kinds import EXPLAIN
from esm2amp_core.kinds import REGIONS as KIND
from esm2amp_core.labelled import find_label_column
from esm2amp_core.workspace import Workspace
from pages.components.navigation import EXPLAIN as EXPLAIN_PAGE
from pages.components.navigation import REGIONS, open_job
from pages.components.page import show_user_error
from pages.components.text import count, literal, when

EXPLANATION = "explanation"
MOST_LISTED = 200
RECENT = 10
FILE, LOOKUP = "file", "lookup"
SOURCES = {FILE: "A file of mine", LOOKUP: "Look them up at UniProt"}
SUFFIXES = ["tsv", "txt", "csv", "json", "gff", "gff3", "xlsx", "gz"]
FORMATS = """- **UniProt**: on uniprot.org, search for your accessions or use “ID mapping”, then Download as \
TSV (with the columns of “Family & Domains” and “Function”), JSON or GFF
- **InterProScan**: its TSV or JSON result (the TSV does not tell what kind of entry a match is)
- **A table of your own**: CSV, TSV or XLSX with the columns protein, type, start, end; perhaps also \
length, note, evidence. Residues count from 1, both ends included
- each may be gzipped; proteins must have the names they have in the explanation"""


class Source(NamedTuple):
    """Where annotations come from: contents and name of a file, or UniProt."""

    annotations: bytes = b""
    filename: str = ""
    lookup: bool = False


def start_analysis(workspace: Workspace) -> None:
    """The form of a new analysis, and links to earlier ones."""
    st.title("Regions", anchor=False)
    st.markdown("Do the segments that matter to the model lie on functional regions of the proteins, more "
                "often than chance would have it? Choose an explanation and bring the regions.")
    done = workspace.jobs.list(owner=workspace.settings.owner, kind=EXPLAIN, states=(JobState.DONE,),
                               limit=MOST_LISTED)
    explained = {job.id: job for job in done if not job.results_removed}
    if explained:
        form, earlier = st.columns([3, 1.4], gap="large")
        with form:
            _form(workspace, explained)
        with earlier:
            _show_earlier(workspace)
    else:
        st.info("Nothing was explained yet. Explain the pairs of a result first: open it and choose “Explain "
                "all pairs”.")
        st.page_link(EXPLAIN_PAGE, label="Go to Explain", icon=":material/arrow_forward:")
        _show_earlier(workspace)


def _form(workspace: Workspace, explained: dict[str, Job]) -> None:
    asked = st.query_params.get(EXPLANATION, "")
    if asked and asked not in explained:
        st.warning("The explanation in the address is not there, or not finished; the newest is chosen.")
    ids = list(explained)
    job_id = st.selectbox(
        "Explanation", ids, index=ids.index(asked) if asked in ids else 0,
        format_func=lambda key: f"{explained[key].title} · {count(explained[key].n_rows, 'pair')} · "
                                f"{when(explained[key].created)}",
    )  # fmt: skip
    folder = ExplanationFolder(workspace.folders.explanation(job_id))
    if not any(token.partition(".")[2] in SEGMENTS for token in folder.tokens):
        st.warning("The model of this explanation does not tell segments apart, so that none can be more "
                   "important than others. Explain the pairs by another model, such as starter_amps.")
        return
    left, right = st.columns(2)
    method = left.selectbox("Method", folder.methods, format_func=lambda key: METHODS[key].title,
                            help="The explanation that ranks the segments of each pair by size.")
    k = right.number_input("Top and low segments of each pair", 1, 10, 3,
                           help="The paper takes 3 of the 20. Of single residues, a tenth is taken.")
    label = _choose_label(workspace, job_id)
    source = _choose_source()
    if st.button("Compare with regions", type="primary", icon=":material/play_arrow:",
                 disabled=source is None):
        try:
            job = workspace.compare_regions(job_id, method=method, k=int(k), label=label, **source._asdict())
        except UserError as error:
            show_user_error(error)
            return
        st.query_params.clear()
        open_job(job.id, REGIONS)


def _choose_label(workspace: Workspace, job_id: str) -> str:
    carried = workspace.inputs(job_id).carried
    if not carried:
        return ""
    found = find_label_column(carried)
    return st.selectbox(
        "Column that says whether a pair really interacts", ["", *carried],
        index=carried.index(found) + 1 if found else 0, format_func=lambda name: name or "none",
        help="With labels, pairs that are rightly and wrongly called are counted apart (TP, TN, FP, FN).",
    )  # fmt: skip


def _choose_source() -> Source | None:
    which = st.segmented_control("Regions of the proteins", list(SOURCES), default=FILE, required=True,
                                 format_func=SOURCES.get)
    if which == LOOKUP:
        st.info("When you press the button below, the proteins' accessions, such as P04637, are sent to "
                "rest.uniprot.org. Nothing else is sent: no sequence, no score, no pair. What UniProt "
                "answers is kept, so that nothing is asked twice.", icon=":material/cloud_upload:")
        return Source(lookup=True)
    file = st.file_uploader("File with regions", type=SUFFIXES, max_upload_size=None)
    with st.expander("Which files can be read, and where they come from"):
        st.markdown(FORMATS)
    return None if file is None else Source(file.getvalue(), file.name)


def _show_earlier(workspace: Workspace) -> None:
    found = workspace.jobs.list(owner=workspace.settings.owner, kind=KIND, limit=RECENT)
    if found:
        st.subheader("Earlier", anchor=False)
        for job in found:
            st.page_link(REGIONS, label=literal(job.title, limit=60), query_params={"job": job.id})
            st.caption(f"{job.state.value}, {when(job.created)}")


def show_way_back(workspace: Workspace, job: Job) -> None:
    """Links to the explanation and to a new analysis of it; what to know where it was deleted."""
    source = str(job.params.get("source", ""))
    if not workspace.jobs.exists(source):
        st.caption("The explanation behind this comparison was deleted: its tables are still here, the "
                   "pictures of single pairs are not.")
        return
    with st.container(horizontal=True):
        st.page_link(EXPLAIN_PAGE, label="Back to the explanation", icon=":material/arrow_back:",
                     query_params={"job": source})
        st.page_link(REGIONS, label="Another comparison", icon=":material/add:",
                     query_params={EXPLANATION: source})
