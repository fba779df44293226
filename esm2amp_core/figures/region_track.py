"""A protein with its annotated regions below its segments: one row per type, a lane per overlap."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from esm2amp_core.figures.explanation_pair import (
    CHOSEN,
    FAINT,
    STILL,
    PairTokens,
    picture_text,
    residue_words,
)
from esm2amp_core.figures.explanation_track import BORDERS
from esm2amp_core.figures.region_numbers import lay_out, type_colours

LANE_HEIGHT, GAP, MARGINS, LABELS = 18, 12, 60, 128
UNSEEN = "rgba(0, 0, 0, 0)"
MOST_LANES = 6
"""Of one type; where more regions overlap, the others share the last lane."""


def add_regions(
    figure: go.Figure, regions: pd.DataFrame, types: Sequence[str], pair: PairTokens, side: str, *,
    low: Sequence[str] = (), chosen: Sequence[str] = (),
) -> go.Figure:  # fmt: skip
    """Add rows of regions below a `sequence_track`.

    Parameters
    ----------
    figure : Figure
        Is changed.
    regions : DataFrame
        Of this protein: `REGION_COLUMNS`. A region that reaches behind the end is drawn up to it.
    types : sequence of str
        Regions of other types are not drawn.
    pair : PairTokens
    side : str
        ``A`` or ``B``.
    low : sequence of str
        Tokens that are framed with dots.
    chosen : sequence of str
        Tokens that are shaded: those a person clicked.
    """
    length = pair.lengths["AB".index(side)]
    colours, rows = type_colours(types), {}
    laid = lay_out(regions, types, length, most_lanes=MOST_LANES)
    # Unseen: Plotly draws no axis to which nothing belongs.
    figure.add_bar(x=[(length + 1) / 2], width=[length], y=[1], yaxis="y3", hoverinfo="skip",
                   marker_color=UNSEEN)
    for name, own in laid.groupby("type", sort=False):
        _add_row(figure, own, colours[name])
        rows[name] = (own["lane"].min() + own["lane"].max()) / 2
    _make_room(figure, rows or {"no region": 0}, laid["lane"].nunique() or 1)
    dotted = {"line": {"color": FAINT, "width": 1.5, "dash": "dot"}}
    shaded = {"fillcolor": CHOSEN, "opacity": 0.25, "line": {"width": 0}}
    for tokens, look in ((low, dotted), (chosen, shaded)):
        for token in tokens:
            if token.startswith(f"{side}.") and (found := pair.residues(token)):
                figure.add_shape(type="rect", x0=found[0] - 0.5, x1=found[1] + 0.5, y0=0, y1=1, yref="paper",
                                 **look)
    return figure


def _add_row(figure: go.Figure, own: pd.DataFrame, colour: str) -> None:
    figure.add_bar(
        x=(own["start"] + own["shown_end"]) / 2, width=own["shown_end"] - own["start"] + 1,
        y=[0.7] * len(own), base=own["lane"] - 0.35, yaxis="y3",
        marker={"color": colour, "line": {"width": 0}},
        hovertext=[region_words(line) for line in own.itertuples()],
        hovertemplate="%{hovertext}<extra></extra>", **STILL,
    )  # fmt: skip


def _make_room(figure: go.Figure, rows: dict[str, float], n_lanes: int) -> None:
    """Shift what is there upwards, by as many pixels as the rows need."""
    before = figure.layout.height - MARGINS
    after = before + n_lanes * LANE_HEIGHT + GAP
    for axis in figure.select_yaxes():
        axis.domain = [1 - (1 - edge) * before / after for edge in axis.domain]
    figure.update_layout(
        height=after + MARGINS,
        yaxis3={**BORDERS, "range": [n_lanes - 0.4, -0.6], "domain": [0, n_lanes * LANE_HEIGHT / after],
                "showticklabels": True, "tickvals": list(rows.values()),
                "ticktext": [picture_text(name, limit=20) for name in rows], "anchor": "x"},
    )  # fmt: skip
    figure.update_layout(margin_l=LABELS)
    figure.update_xaxes(anchor="y3")


def region_words(line) -> str:
    """Type, note, place and evidence of a region, for a hover."""
    parts = [f"<b>{picture_text(line.type)}</b>", picture_text(line.note, limit=90),
             residue_words(line.start, line.end), picture_text(line.uncertain, limit=90),
             picture_text(line.evidence, limit=60)]  # fmt: skip
    return "<br>".join(filter(None, parts))
