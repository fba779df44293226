"""The evaluation reports that lie with a model, and the one in the address."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.bundles import Manifest
from esm2amp_core.report_words import interval_words
from esm2amp_core.reports import ReportError, read_report
from esm2amp_core.workspace import Workspace
from pages.components.evaluation import show_report
from pages.components.navigation import MODELS
from pages.components.text import count, literal


def show_chosen_report(workspace: Workspace) -> bool:
    """The report that the address names by ``model`` and ``report``; False if it names none."""
    model, name = st.query_params.get("model", ""), st.query_params.get("report", "")
    if not (model and name):
        return False
    st.page_link(MODELS, label="All models", icon=":material/arrow_back:")
    # Installed models only: an address must not lead into other folders.
    reports = workspace.reports(model) if model in workspace.bundles() else {}
    if name not in reports:
        st.error(f"The model {literal(model)} has no report {literal(name)}.")
        return True
    st.title(literal(read_report(reports[name]).title), anchor=False)
    show_report(reports[name])
    return True


def show_reports(workspace: Workspace, manifest: Manifest) -> None:
    """One line per report of a model: what it was measured on, AUROC, and the way to the whole of it."""
    reports = workspace.reports(manifest.name)
    if not reports:
        return
    with st.expander(f"Evaluation: {count(len(reports), 'report')}"):
        for name, folder in reports.items():
            try:
                report = read_report(folder)
            except ReportError as error:
                st.warning(literal(str(error)))
                continue
            about, link = st.columns([4, 1], vertical_alignment="center")
            auroc, pairs = interval_words(report.measures["auroc"]), count(report.data["n_scored"], "pair")
            about.markdown(f"**{literal(report.title)}**  \n"
                           f"AUROC {auroc} · {pairs} · {literal(report.created[:10])}")
            link.page_link(MODELS, label="Open the report", icon=":material/bar_chart:",
                           query_params={"model": manifest.name, "report": name})
