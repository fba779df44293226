"""Starting an evaluation: from a scored job whose table has labels, or from a labelled table."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.bundles import Manifest
from esm2amp_core.errors import Severity, UserError
from esm2amp_core.jobs import LONGEST_TITLE, Job
from esm2amp_core.kinds import EVALUATE, PREDICT
from esm2amp_core.labelled import find_label_column
from esm2amp_core.reports import REPORT
from esm2amp_core.workspace import Workspace
from pages.components.draft import Source, read_draft
from pages.components.evaluation import show_report
from pages.components.inputs import bare_name
from pages.components.navigation import open_job
from pages.components.page import show_user_error
from pages.components.results import load_results
from pages.components.text import literal

LABELS = "a column called label: 1 where the two proteins interact, 0 where they do not."


def show_job_evaluation(workspace: Workspace, job: Job) -> None:
    """The report of an evaluation; for a prediction whose table has labels, the button that makes one."""
    if job.kind == EVALUATE:
        folder = workspace.folders.report(job.id)
        if (folder / REPORT).is_file():
            st.subheader("Measured against the labels", anchor=False)
            show_report(folder)
        return
    if job.kind != PREDICT or not job.state.is_finished or job.n_done == job.n_errors:
        return
    label = find_label_column(load_results(workspace, job).carried)
    if label is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Your table has a column **{literal(label)}**: the scores can be measured against it.")
        if st.button("Evaluate against labels", icon=":material/fact_check:"):
            _start(workspace, job, label)


def _start(workspace: Workspace, job: Job, label: str) -> None:
    title = f"Evaluation: {job.title}"[:LONGEST_TITLE]
    try:
        started = workspace.submit_evaluation(
            workspace.inputs(job.id), label=label, bundle=str(job.params.get("bundle", "")), title=title
        )
    except UserError as error:
        show_user_error(error)
        return
    open_job(started.id)


def show_upload(workspace: Workspace, bundles: dict[str, Manifest]) -> None:
    """A labelled table of one's own, measured with a chosen model."""
    with st.expander("Evaluate a model on your own labelled pairs"):
        st.caption(
            f"A table of pairs with {LABELS} You get AUROC, precision and the other figures with their 95 % "
            "intervals, curves, and a report to keep."
        )
        left, right = st.columns(2)
        table = left.file_uploader("Labelled pairs (CSV, TSV or XLSX, also .gz)", key="labelled-table",
                                   max_upload_size=workspace.settings.max_file_mb)
        fasta = right.file_uploader("Sequences (FASTA, also .gz), if they are not in the table",
                                    key="labelled-fasta", max_upload_size=workspace.settings.max_file_mb)
        name = st.selectbox("Model", list(bundles), format_func=lambda name: bundles[name].title,
                            key="evaluated-model")
        if st.button("Evaluate", type="primary", icon=":material/fact_check:", disabled=table is None):
            source = Source(table=table.getvalue(), filename=table.name, title=bare_name(table.name),
                            fasta=fasta.getvalue() if fasta else b"")
            _evaluate_upload(workspace, source, name)


def _evaluate_upload(workspace: Workspace, source: Source, bundle: str) -> None:
    try:
        draft = read_draft(source, workspace.settings)
        if draft.pairs is None:
            st.error(literal(draft.reason))
            return
        label = find_label_column(draft.pairs.carried)
        if label is None:
            st.error(f"The table lacks {LABELS}")
            return
        errors = draft.pairs.problems(Severity.ERROR)
        if len(errors) == len(draft.pairs):
            row, reason = next(iter(errors.items()))
            st.error(f"No pair of this table can be scored. Row {row:,}: {literal(reason)}")
            return
        title = f"Evaluation: {source.title}"[:LONGEST_TITLE]
        job = workspace.submit_evaluation(draft.pairs, label=label, bundle=bundle, title=title)
    except UserError as error:
        show_user_error(error)
        return
    open_job(job.id)
