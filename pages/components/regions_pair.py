"""One pair: both proteins with their regions, the chosen segments, and the test of this pair alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from esm2amp_core.errors import JobError
from esm2amp_core.explanations import METHODS
from esm2amp_core.figures.explanation_pair import PairTokens, residue_words
from esm2amp_core.figures.explanation_parts import residue_values, token_values, unit_of
from esm2amp_core.figures.explanation_track import sequence_track
from esm2amp_core.figures.region_numbers import MOST_TYPES, drawn_types, type_colours, with_all
from esm2amp_core.figures.region_pair import pair_table
from esm2amp_core.figures.region_track import add_regions
from esm2amp_core.jobs import Job
from esm2amp_core.number_text import number_text
from esm2amp_core.region_files import LOW, TOP, RegionFolder
from esm2amp_core.sequences import Protein
from esm2amp_core.structures.colours import RegionLayer
from esm2amp_core.workspace import Workspace
from pages.components.explain_drawings import drawings
from pages.components.explain_selection import choose, chosen_tokens, clickable_chart
from pages.components.explain_structure import choose_in_3d, importance_of
from pages.components.file_row import files_row
from pages.components.page import show_user_error
from pages.components.pair_choice import ROW, choose_from
from pages.components.regions_columns import percent_columns, show_tests, unit_columns
from pages.components.regions_job import left_out
from pages.components.regions_reading import PairView, open_pair
from pages.components.structure_view import show_structure
from pages.components.text import literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEGMENT = "regions-segment"


def show_pair(workspace: Workspace, job: Job, folder: RegionFolder) -> None:
    """A pair of the list; the address keeps its row."""
    row = _choose(folder)
    own = folder.coverage[folder.coverage["row"] == row]
    try:
        view = open_pair(workspace, job, row)
    except JobError as error:
        show_user_error(error)
        st.caption("The pictures of single pairs need the explanation; the tables below do not.")
    else:
        _choose_segment(view.pair)
        _show_tracks(job, folder, view, own)
        with st.expander("In 3D, on a structure of these proteins"):
            _show_in_3d(workspace, job, folder, view)
    _show_tables(job, folder, row, own)


def _choose(folder: RegionFolder) -> int:
    pairs = folder.coverage.drop_duplicates("row")
    names = {row: f"Row {row}: {a} and {b}" for row, a, b in
             zip(pairs["row"].tolist(), pairs["protein_a"], pairs["protein_b"], strict=True)}
    rows = list(names)
    asked = st.query_params.get(ROW, "")
    chosen = int(asked) if asked.isdecimal() and int(asked) in names else rows[0]
    if asked and str(chosen) != asked:
        st.warning(f"Row {literal(asked, limit=20)} is not among the analysed pairs; shown is row {chosen}.")
    choose_from(rows, chosen, words=names.get, key="regions-pair")
    return chosen


def _choose_segment(pair: PairTokens) -> None:
    """A box for the keyboard; a click on a picture does the same."""
    chosen = chosen_tokens(pair)
    st.session_state[SEGMENT] = chosen[0] if chosen else None  # the address decides
    st.selectbox(
        "Chosen segment", [token for token in pair.tokens if pair.residues(token)], index=None, key=SEGMENT,
        width=320, placeholder="none", on_change=_segment_picked,
        format_func=lambda token: f"{token}: {residue_words(*pair.residues(token))}",
    )  # fmt: skip


def _segment_picked() -> None:
    token = st.session_state[SEGMENT]
    choose((token,) if token else ())


def _show_tracks(job: Job, folder: RegionFolder, view: PairView, own: pd.DataFrame) -> None:
    values, signed = token_values(view.part)
    # Framed are whole segments; single residues have a curve instead.
    framed = {} if folder.is_by_residue else {
        name: own.loc[own["selection"] == name, "token"].tolist() for name in (TOP, LOW)}  # fmt: skip
    regions = {side: folder.regions_of(name) for side, name in zip("AB", view.pair.names, strict=True)}
    chosen, types = chosen_tokens(view.pair), _track_types(folder, regions)
    for side, sequence in zip("AB", view.sequences, strict=True):
        figure = sequence_track(sequence, side, values, view.pair, signed=signed,
                                residues=residue_values(view.part, side), chosen=framed.get(TOP, ()))
        clickable_chart(
            add_regions(figure, regions[side], types, view.pair, side, low=framed.get(LOW, ()),
                        chosen=chosen),
            key=f"regions-track-{side}", alt=f"Protein {side}: its segments and its annotated regions",
        )  # fmt: skip
    method = METHODS[view.part.method].title
    frames = ("" if folder.is_by_residue else
              f" Framed in pink: the top segments; dotted: the low ones.{_apart(view)}")
    fewer = "" if len(types) == len(folder.types) else (
        f" Drawn are types that these proteins have, at most {MOST_TYPES}; the table holds all regions.")
    files_row(
        job, f"regions_of_row_{view.row}", lambda: pair_table(view.part, view.pair, regions, framed),
        drawings(_on_paper, view, regions, types, framed),
        f"Above, the ten segments of each protein, coloured by {method}: "
        f"{_colour_words(values, view, signed)} Below, its annotated regions, a row per type; point at one "
        f"for its note, its residues and its evidence.{frames} Drag over a stretch to zoom in until the "
        "letters show; the house above shows all again. Click a segment to shade it here and in 3D."
        f"{fewer}",
    )  # fmt: skip


def _track_types(folder: RegionFolder, regions: dict[str, pd.DataFrame]) -> list[str]:
    """Rows of the pictures: all types where these are few, else the commonest of the two proteins."""
    if len(folder.types) <= MOST_TYPES:
        return folder.types
    counts = pd.concat(regions.values())["type"].value_counts()
    common = set(counts[counts.index.isin(folder.types)].index[:MOST_TYPES])
    return [name for name in folder.types if name in common]


def _colour_words(values: np.ndarray, view: PairView, signed: bool) -> str:
    """What the colours say, and how much the strongest is."""
    most = number_text(float(np.nanmax(np.abs(values), initial=0)))
    unit = unit_of(view.part.method)
    if signed:
        return ("**blue speaks for an interaction, orange against**, colourless is 0; the strongest colour "
                f"is {most} ({unit}).")
    return f"**the darker, the more it matters**; the strongest colour is {most} ({unit})."


def _apart(view: PairView) -> str:
    """Why a strong colour may stand on a segment that is not at the top; empty where it cannot."""
    if np.allclose(view.part.magnitude, np.abs(view.part.value)):
        return ""
    return (" Colours are sums, in which what speaks for and against cancels; top and low go by size without "
            "signs, as in the paper, so that they can differ from the strongest colours.")


def _show_in_3d(workspace: Workspace, job: Job, folder: RegionFolder, view: PairView) -> None:
    proteins = [Protein(name, sequence)
                for name, sequence in zip(view.pair.names, view.sequences, strict=True)]
    known = tuple(tuple(folder.regions_of(name)[["start", "end", "type"]].itertuples(index=False, name=None))
                  for name in view.pair.names)
    show_structure(workspace, proteins, importances=[importance_of(view.part, view.pair)],
                   regions=RegionLayer(known, type_colours(folder.types)), chosen=chosen_tokens(view.pair),
                   on_choose=choose_in_3d, key=f"structure-row-{view.row}",
                   about={"Numbers from": f"{job.title} (analysis {job.id}, row {view.row})"})


def _on_paper(
    view: PairView, regions: dict[str, pd.DataFrame], types: list[str], framed: dict[str, list[str]]
) -> Figure:
    from esm2amp_core.plots.regions import region_tracks

    values, signed = token_values(view.part)
    return region_tracks(values, view.pair, regions, types, unit=unit_of(view.part.method), signed=signed,
                         title=METHODS[view.part.method].title, framed=framed)


def _show_tables(job: Job, folder: RegionFolder, row: int, own: pd.DataFrame) -> None:
    drawn = drawn_types(folder.enrichment, folder.types)
    types = with_all(drawn)
    if not folder.is_by_residue:
        st.subheader("Its top and low segments", anchor=False)
        shown = own[["selection", "rank", "token", "protein", "start", "end", "importance", *types]]
        st.dataframe(shown, hide_index=True, height="content", key="pair-coverage",
                     column_config=unit_columns(folder.summary["unit"]) | percent_columns(types))
        files_row(job, f"coverage_of_row_{row}", lambda: own.reset_index(drop=True),
                  words="How many percent of each segment lie inside regions of each type."
                        f"{left_out(folder)}")
    st.subheader("Is it more than chance, for this pair alone?", anchor=False)
    tests = folder.pairs[folder.pairs["row"] == row].drop(columns=["row", "protein_a", "protein_b"])
    show_tests(tests[tests["type"].isin(types)], folder.summary["unit"], key="pair-tests", height="content")
    files_row(
        job, f"test_of_row_{row}", lambda: tests.reset_index(drop=True),
        words=("Compared with the residues rotated along their proteins; corrected for all pairs and types."
               if folder.is_by_residue else
               "Compared with all ways to choose as many segments of the same proteins; corrected for all "
               "pairs and types. With so few segments, hardly a pair can show anything by itself."),
    )  # fmt: skip
