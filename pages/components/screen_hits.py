"""The table of a screen's best pairs."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from esm2amp_core import exports
from esm2amp_core.jobs import Job
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.workspace import Workspace
from pages.components.file_row import MIMES, stem_of
from pages.components.screen_explain import offer_explanation
from pages.components.screen_reading import called_words, sticky_of
from pages.components.text import count

SCORE, Z, PARTNERS = "Highest probability", "Highest z", "Best partners of each"
RANKS = {SCORE: "rank_by_score", Z: "rank_by_z"}
SHOWN_ROWS = 2_000
STICKY_WORDS = {(True, True): "both", (True, False): "A", (False, True): "B", (False, False): ""}


def show_hits(workspace: Workspace, job: Job, screen: ScreenFolder) -> None:
    """Choices above, the table, and what can be done with the rows that are selected."""
    order = st.segmented_control("Order", (SCORE, Z, PARTNERS), default=SCORE, required=True,
                                 key="screen-order", label_visibility="collapsed",
                                 format_func=lambda order: order + (
                                     " protein" if screen.is_all_vs_all else " bait") * (order == PARTNERS))
    find, hide = st.columns([2, 3], vertical_alignment="bottom")
    name = find.text_input("Find a protein", key="screen-protein", placeholder="part of an id",
                           icon=":material/search:")
    hidden = bool(sticky_of(screen).any()) and hide.toggle("Hide pairs of sticky proteins",
                                                           key="screen-sticky")
    hits = _partners(screen) if order == PARTNERS else _hits(screen, RANKS[order])
    shown = _matching(hits, name.strip(), hide_sticky=hidden)
    _show_count(screen, shown, len(hits), order)
    shown = shown.head(SHOWN_ROWS)
    selected = _show_table(shown, order, key=f"hits-{job.id}-{order}")
    chosen = shown.iloc[[row for row in selected if row < len(shown)]]
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        offer_explanation(workspace, job, chosen)
    with right.container(horizontal=True, horizontal_alignment="right"):
        _offer_files(job, screen.partners if order == PARTNERS else screen.hits,
                     "partners" if order == PARTNERS else "hits")


def _hits(screen: ScreenFolder, rank: str) -> pd.DataFrame:
    hits = screen.hits.dropna(subset=rank).sort_values(rank, kind="stable")
    return _with_sticky(hits.assign(rank=hits[rank].astype(int)), screen)


def _partners(screen: ScreenFolder) -> pd.DataFrame:
    names = {"protein": "protein_a", "partner": "protein_b", "z_protein": "z_a", "z_partner": "z_b"}
    return _with_sticky(screen.partners.rename(columns=names), screen)


def _with_sticky(hits: pd.DataFrame, screen: ScreenFolder) -> pd.DataFrame:
    sticky = sticky_of(screen)
    ends = (hits[f"protein_{side}"].map(sticky).fillna(False).astype(bool) for side in "ab")
    return hits.assign(sticky=[STICKY_WORDS[pair] for pair in zip(*ends, strict=True)])


def _matching(hits: pd.DataFrame, name: str, *, hide_sticky: bool) -> pd.DataFrame:
    keep = pd.Series(True, index=hits.index)
    if name:
        keep &= (hits["protein_a"].str.contains(name, case=False, regex=False)
                 | hits["protein_b"].str.contains(name, case=False, regex=False))
    if hide_sticky:
        keep &= hits["sticky"] == ""
    return hits[keep].reset_index(drop=True)


def _show_count(screen: ScreenFolder, shown: pd.DataFrame, n_all: int, order: str) -> None:
    one, many = ("best partner", "best partners") if order == PARTNERS else ("best pair", "best pairs")
    matching = "" if len(shown) == n_all else f"{len(shown):,} of {count(n_all, one)} match. "
    called = called_words(screen, shown, one, many) if len(shown) else ""
    more = f" The first {SHOWN_ROWS:,} are shown." if len(shown) > SHOWN_ROWS else ""
    st.caption(f"{matching}{called}{more} Select rows to explain them. All pairs, not only the best, are "
               "under “Files and settings”.")


def _show_table(hits: pd.DataFrame, order: str, *, key: str) -> list[int]:
    """Draw the rows; positions of the selected ones."""
    scores = ["probability", "z", "z_a", "z_b"]
    columns = (["protein_a", "rank", "protein_b", *scores] if order == PARTNERS else
               ["rank", "protein_a", "protein_b", *scores, "rank_for_a", "rank_for_b"])
    if hits["z_a"].isna().all() or hits["z_b"].isna().all():  # then z is the other one
        columns = [name for name in columns if name not in ("z_a", "z_b")]
    if (hits["sticky"] != "").any():
        columns.append("sticky")
    event = st.dataframe(
        _without_minus_zero(hits[columns]), key=key, hide_index=True, on_select="rerun",
        selection_mode="multi-row",
        height=min(38 + 35 * max(len(hits), 1), 528), placeholder="–", column_config=_columns(order),
        alt="Best pairs of the screen",
    )  # fmt: skip
    return event["selection"]["rows"]


def _without_minus_zero(hits: pd.DataFrame) -> pd.DataFrame:
    """A z that rounds to 0 is shown as 0.00, not as -0.00."""
    z = [name for name in ("z", "z_a", "z_b") if name in hits]
    return hits.assign(**{name: hits[name].mask(hits[name].abs() < 0.005, 0.0) for name in z})


def _columns(order: str) -> dict[str, object]:
    column = st.column_config
    of_protein = order == PARTNERS
    return {
        "rank": column.NumberColumn("Rank", width=60),
        "protein_a": column.TextColumn("Protein" if of_protein else "Protein A", width=190),
        "protein_b": column.TextColumn("Partner" if of_protein else "Protein B", width=190),
        "probability": column.ProgressColumn("Probability", min_value=0, max_value=1, format="%.3f",
                                             width=150),
        "z": column.NumberColumn("z", format="%.2f", help="The smaller of the two; the other one's where a "
                                 "protein has none. The tab “Proteins” tells with whom each is compared."),
        "z_a": column.NumberColumn("z for protein" if of_protein else "z for A", format="%.2f",
                                   help="How far this score lies above the protein's own mean, in standard "
                                   "deviations of its scores."),
        "z_b": column.NumberColumn("z for partner" if of_protein else "z for B", format="%.2f",
                                   help="The same for the other protein."),
        "rank_for_a": column.NumberColumn("Rank for A", help="Place of this pair among all of protein A's."),
        "rank_for_b": column.NumberColumn("Rank for B", help="Place of this pair among all of protein B's."),
        "sticky": column.TextColumn("Sticky", help="Which of the two scores high with everything."),
    }  # fmt: skip


def _offer_files(job: Job, table: pd.DataFrame, name: str) -> None:
    for suffix, mime, make in (
        ("csv", "text/csv", lambda: exports.delimited(table)),
        ("xlsx", MIMES["xlsx"], lambda: exports.workbook(table, name.title())),
    ):
        st.download_button(f"Download {suffix.upper()}", data=make, mime=mime, on_click="ignore",
                           file_name=f"{stem_of(job)}_{name}.{suffix}", icon=":material/download:",
                           key=f"{name}-{suffix}")
