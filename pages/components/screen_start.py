"""How a screen begins: its proteins, what was understood of them, a model, and the one button."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core import exports
from esm2amp_core.bundles import Manifest
from esm2amp_core.errors import UserError
from esm2amp_core.jobs import Job
from esm2amp_core.kinds import SCREEN as KIND
from esm2amp_core.screen_options import ScreenOptions, count_background
from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace
from pages.components import state
from pages.components.navigation import SCREEN, open_job
from pages.components.page import show_user_error
from pages.components.screen_draft import ScreenDraft, ScreenSource, read_draft
from pages.components.screen_inputs import choose_source
from pages.components.submit import COMPARABLE, choose_model_and_title, queue_words, time_words, timed_jobs
from pages.components.text import count, literal, when

BYTES_PER_PAIR, BYTES_PER_PROTEIN, BYTES_PER_NUMBER = 9, 1_000, 4
"""Measured with the starter: compressed scores; tables of the proteins. Features are float32."""
SHOWN_LEFT_OUT = 1_000
RECENT = 10
MB = 1_000_000


def start_screen(workspace: Workspace) -> None:
    """The form of a new screen, and links to earlier ones."""
    st.title("Which proteins interact with mine?", anchor=False)
    st.markdown("Score your proteins of interest, the **baits**, against a whole **library**, or all "
                "proteins of a file against each other. The best pairs are listed, with how far each stands "
                "out from what its proteins score elsewhere. Nothing leaves this machine.")
    draft = _read(choose_source(workspace.settings), workspace.settings)
    if draft is not None:
        _show_review(draft, workspace.settings)
        _show_submit(workspace, draft)
    _show_earlier(workspace)


def show_kept(workspace: Workspace, job: Job) -> None:
    """For a screen that was cancelled or failed: what is there already when it is run again."""
    if n_kept := workspace.kept_pairs(job.id):
        st.info(f"{n_kept:,} of {count(job.params['n_pairs'], 'pair')} are scored and kept: “Run again” goes "
                "on from there.", icon=":material/replay:")
    elif after := workspace.went_on(job):
        st.info("A later job took over the pairs that were scored here, and went on from there:",
                icon=":material/replay:")
        st.page_link(SCREEN, label=literal(after.title, limit=60), query_params={"job": after.id},
                     icon=":material/arrow_forward:")
    else:
        st.caption("No scored pairs are kept here; what the language model has read is not read again.")


def _read(source: ScreenSource | None, settings: Settings) -> ScreenDraft | None:
    """What was understood of the source; read once, not at every click."""
    known = state.get_screen_draft()
    if source is None or (known is not None and known.source == source):
        return known if source is not None else None
    state.keep_screen_draft(None)
    try:
        with st.spinner("Reading the proteins …", show_time=True):
            draft = read_draft(source, settings)
    except UserError as error:
        show_user_error(error)
        return None
    state.keep_screen_draft(draft)
    return draft


def _show_review(draft: ScreenDraft, settings: Settings) -> None:
    proteins = draft.proteins
    plan = draft.plan
    st.subheader("What was understood", anchor=False)
    numbers = [
        ("Pairs", plan.n_pairs, "Each two proteins once: A with B is B with A. A protein is not scored "
         "with itself."),
        ("Residues", proteins.n_residues, "Total length of the different sequences. The language model reads "
         "each once; with few pairs, this takes most of the time."),
        ("Left out", proteins.n_failed, "Records that cannot be used; each is named below with its reason."),
    ]  # fmt: skip
    if proteins.is_all_vs_all:
        numbers.insert(0, ("Proteins", len(proteins.proteins), "Different sequences."))
    else:
        numbers[:0] = [("Baits", proteins.n_baits, "Different sequences."),
                       ("Library", plan.n_library, "Different sequences; baits that are in it count too.")]
    for column, (label, number, tip) in zip(st.columns(len(numbers)), numbers, strict=True):
        column.metric(label, f"{number:,}", help=tip, border=True)
    st.caption(f"Proteins of more than {settings.max_residues:,} residues are left out, never cut. Files may "
               f"have {settings.max_file_mb:,} MB.")
    _show_left_out(proteins.left_out, proteins.n_failed)
    if proteins.warnings:
        with st.expander(count(len(proteins.warnings), "note")):
            for warning in proteins.warnings[:SHOWN_LEFT_OUT]:
                st.markdown(f"- {literal(warning)}")


def _show_left_out(left_out: pd.DataFrame, n_left_out: int) -> None:
    """Each record that is not scored under its own name."""
    if left_out.empty:
        st.success("Every record can be used.", icon=":material/check:")
        return
    n_merged = len(left_out) - n_left_out
    words = [f"{count(n_left_out, 'record')} cannot be used"] if n_left_out else []
    if n_merged:
        words.append(f"{count(n_merged, 'name')} {'has' if n_merged == 1 else 'have'} a sequence that stands "
                     "there under another name already, and is scored once")
    with st.expander(f"{'; '.join(words)}.", expanded=len(left_out) <= 10, icon=":material/rule:"):
        st.dataframe(
            left_out.head(SHOWN_LEFT_OUT), hide_index=True, alt="Records that are not scored",
            column_config={"file": "File", "protein": "Record", "screened_as": "Scored as",
                           "problem": st.column_config.TextColumn("Problem", width="large"),
                           "remedy": "Remedy"},
        )  # fmt: skip
        st.download_button("Download this list (CSV)", data=lambda: exports.delimited(left_out),
                           file_name="left_out.csv", mime="text/csv", on_click="ignore",
                           icon=":material/download:")


def _show_submit(workspace: Workspace, draft: ScreenDraft) -> None:
    st.subheader("Run", anchor=False)
    source, n_pairs = draft.source, draft.plan.n_pairs
    manifest, title = choose_model_and_title(workspace, source.title, source.digest)
    n_there = count_background(workspace.bundle_folder(manifest.name))
    n_besides = draft.plan.n_reference_pairs(ScreenOptions().n_reference(n_there))
    if n_besides:
        st.caption(f"Besides, {count(n_besides, 'pair')} with reference proteins of the model: they tell "
                   "whether a protein that meets few others here scores high with everything.")
    estimate = _estimate(workspace, manifest, n_pairs + n_besides, draft.proteins.n_residues)
    st.caption(f"{estimate} {queue_words(workspace)}".strip())
    _show_disk(workspace, manifest, n_pairs + n_besides, len(draft.proteins.proteins))
    if st.button(f"Screen {count(n_pairs, 'pair')}", type="primary", icon=":material/play_arrow:",
                 disabled=n_pairs == 0):
        try:
            job = workspace.submit_screen(
                source.library, source.bait, library_name=source.library_name, bait_name=source.bait_name,
                bundle=manifest.name, title=title,
            )  # fmt: skip
        except UserError as error:
            show_user_error(error)
            return
        state.keep_screen_draft(None)
        open_job(job.id, SCREEN)


def _estimate(workspace: Workspace, manifest: Manifest, n_pairs: int, n_residues: int) -> str:
    """How long it may take to read so many residues and to score so many pairs.

    Which of both takes the time depends on the model and on what it has read before. So only screens that are
    alike in both count, and what has grown more since decides.
    """
    alike = []
    for job, seconds in timed_jobs(workspace, manifest, KIND):
        told = job.params
        pairs, residues = told["n_pairs"] + told.get("n_reference_pairs", 0), told.get("n_residues", 0)
        if not told.get("n_kept_pairs") and _is_like(pairs, n_pairs) and _is_like(residues, n_residues):
            alike.append((pairs, residues, seconds))
    pairs, residues, seconds = map(sum, zip(*alike, strict=True)) if alike else (1, 1, 0.0)
    return time_words(max(n_pairs / pairs, n_residues / residues) * seconds, len(alike), "screen")


def _is_like(then: int, now: int) -> bool:
    return now <= COMPARABLE * then and then <= COMPARABLE * now


def _show_disk(workspace: Workspace, manifest: Manifest, n_pairs: int, n_proteins: int) -> None:
    kept = n_pairs * BYTES_PER_PAIR + n_proteins * BYTES_PER_PROTEIN
    features = n_proteins * len(manifest.features.tokens) * manifest.encoder.width * BYTES_PER_NUMBER
    st.caption(f"The scores take {_size(kept)} of disk; while it runs, {_size(features)} more.")
    if kept + features > workspace.disk_use().free:
        st.warning("There is not that much room on the disk.", icon=":material/hard_drive:")


def _size(n_bytes: float) -> str:
    if n_bytes >= 1000 * MB:
        return f"about {n_bytes / (1000 * MB):,.1f} GB"
    return f"about {n_bytes / MB:,.0f} MB" if n_bytes >= MB else "less than 1 MB"


def _show_earlier(workspace: Workspace) -> None:
    found = workspace.jobs.list(owner=workspace.settings.owner, kind=KIND, limit=RECENT)
    if found:
        st.subheader("Earlier screens", anchor=False)
        for job in found:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.page_link(SCREEN, label=literal(job.title, limit=60), query_params={"job": job.id})
                st.caption(f"{job.state.value}, {when(job.created)}")
