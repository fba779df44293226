"""The Regions page below its head: the finding in a sentence, and one tab per question."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from esm2amp_core.explanations import METHODS
from esm2amp_core.figures.region_numbers import SIGNIFICANT, interval_words, p_words, points_words
from esm2amp_core.jobs import Job
from esm2amp_core.region_files import ALL, CHANCE, ENDS, LOW, TOP, RegionFolder
from esm2amp_core.workspace import Workspace
from pages.components.explain_selection import TOKEN
from pages.components.page import error_boundary
from pages.components.pair_choice import ROW
from pages.components.regions_annotations import show_annotations
from pages.components.regions_job import MORE_THAN_CHANCE, show_enrichment, show_hit_rates
from pages.components.regions_pair import show_pair
from pages.components.regions_reading import open_analysis
from pages.components.regions_tables import show_coverage, show_settings
from pages.components.tabs import show_tabs
from pages.components.text import count, literal

PAIR_BY_PAIR = "Pair by pair"


def explore(workspace: Workspace, job_id: str) -> None:
    """Everything that is known; a fragment: a click draws it anew, not the page."""
    st.fragment(_explore)(workspace, job_id)


def _explore(workspace: Workspace, job_id: str) -> None:
    with error_boundary():
        job = workspace.jobs.get(job_id)
        folder = open_analysis(workspace, job)
        st.markdown(_what_was_compared(job, folder))
        st.markdown(finding_words(folder))
        if words := bias_words(folder):
            st.warning(words, icon=":material/straighten:")
        if unknown := folder.summary["annotations"]["proteins_unknown"]:
            st.info(f"{len(unknown):,} of {count(folder.summary['n_proteins'], 'protein')} are not in the "
                    "annotations and count as having no region; the tab “Annotations” names them.")
        if len(folder.issues):
            st.info(f"{count(len(folder.issues), 'note')} on rows of the annotations that were left out or "
                    "cut, or are not certain: see the tab “Annotations”.")
        # A link to a pair, or to a segment of one, opens where it can be seen.
        asked = PAIR_BY_PAIR if {ROW, TOKEN} & set(st.query_params) else None
        show_tabs(_sections(workspace, job, folder), key="regions-section", first=asked)


def _sections(workspace: Workspace, job: Job, folder: RegionFolder) -> dict[str, Callable[[], None]]:
    pair = {PAIR_BY_PAIR: lambda: show_pair(workspace, job, folder)}
    together = {MORE_THAN_CHANCE: lambda: show_enrichment(job, folder),
                "Hit rates": lambda: show_hit_rates(job, folder)}
    rest = {f"Coverage of each {folder.summary['unit']}": lambda: show_coverage(job, folder),
            "Annotations": lambda: show_annotations(workspace, job, folder),
            "Files and settings": lambda: show_settings(job, folder)}
    # A single pair has no whole job to speak of: its own picture comes first.
    return pair | together | rest if folder.summary["n_pairs"] == 1 else together | pair | rest


def _what_was_compared(job: Job, folder: RegionFolder) -> str:
    about, chosen = folder.summary, folder.summary["chosen_per_pair"]
    method = METHODS[job.params["method"]].title
    source = about["annotations"]["source"] if job.params["lookup"] else job.params["annotations"]
    release = ", ".join(about["annotations"]["releases"])
    many = f"{chosen['least']:,}" if chosen["least"] == chosen["most"] else (
        f"{chosen['least']:,} to {chosen['most']:,}")  # fmt: skip
    return (f"**{count(about['n_pairs'], 'pair')}** of **{count(about['n_proteins'], 'protein')}** · the "
            f"{many} most and least important {about['unit']}s of each pair by **{method}** · regions: "
            f"**{literal(source, limit=60)}**{f' (release {literal(release)})' if release else ''}")


def finding_words(folder: RegionFolder) -> str:
    """What was found for the union of the types, in plain words."""
    table = folder.enrichment.set_index(["selection", "against", "type"])
    line = table.loc[(TOP, CHANCE, ALL)]
    by_residue = folder.is_by_residue
    mean = "" if by_residue else "On average, "
    of_top, of_low = (("of the top residues lie", "of the low residues") if by_residue else
                      ("of a top segment lies", "of a low segment"))  # fmt: skip
    if np.isnan(line["p_value"]):
        return (f"Nothing can be compared: the regions cover each {folder.summary['unit']} of these proteins "
                "alike, or none.")
    interval = interval_words(line["difference_low"], line["difference_high"])
    low = table.loc[(LOW, CHANCE, ALL)]
    verdict = ("this cannot be told apart from chance" if not line["q_value"] <= SIGNIFICANT else
               "more than chance would give" if line["difference"] > 0 else "less than chance would give")
    return (f"{mean}**{line['coverage']:.1f} %** {of_top} inside an annotated region; by chance it would be "
            f"**{line['reference']:.1f} %** ({points_words(line['difference'])} points"
            f"{interval and f', {interval}'}; corrected "
            f"p {p_words(line['q_value'])}): **{verdict}**. The same {of_low}: {low['coverage']:.1f} % "
            f"(by chance {low['reference']:.1f} %).")


def bias_words(folder: RegionFolder) -> str:
    """A warning where the top units prefer the ends of the chains, or avoid them; else empty."""
    table = folder.positions.set_index(["selection", "against", "type"])
    line = table.loc[(TOP, CHANCE, ENDS)]
    if not line["q_value"] <= SIGNIFICANT:
        return ""
    more = line["difference"] > 0
    return (f"The top {folder.summary['unit']}s {'prefer' if more else 'avoid'} the ends of the proteins: "
            f"{line['coverage']:.0f} % lie in the first or last tenth, by chance {line['reference']:.0f} %. "
            f"Regions that are {'frequent' if more else 'rare'} there look enriched for this reason alone, "
            "others look depleted.")
