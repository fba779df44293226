"""A protein from end to end: its segments with their importance, its letters, its residues' importance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType

from esm2amp_core.figures.explanation_pair import (
    CHOSEN,
    CLICKABLE,
    DARK,
    DIVERGING,
    FAINT,
    LETTERS,
    MUTED,
    MUTED_SIZES,
    PALE,
    POSITIVE,
    SEQUENTIAL,
    STILL,
    PairTokens,
    picture_text,
)
from esm2amp_core.number_text import number_text

HEIGHT, CURVE_HEIGHT = 122, 90
ROOM_PIXELS, EVERY = 8, 4
"""A cell needs more than so many for a letter; and every which letter belongs to one trace."""
# Automatic margins would have Plotly draw everything twice.
BORDERS = {"showgrid": False, "zeroline": False, "showticklabels": False, "fixedrange": True, "ticks": "",
           "automargin": False}


def sequence_track(
    sequence: str,
    side: str,
    values: np.ndarray,
    pair: PairTokens,
    *,
    signed: bool,
    residues: np.ndarray | None = None,
    chosen: Sequence[str] = (),
    muted: bool = False,
    muted_residues: bool = False,
) -> go.Figure:
    """Segments as blocks above the letters, which show as soon as there is room for them.

    Parameters
    ----------
    sequence : str, length=L
    side : str
        ``A`` or ``B``.
    values : ndarray, shape=(2T,)
        Of all tokens of the pair: both proteins share one scale.
    pair : PairTokens
    signed : bool
        Colours are then centred on 0.
    residues : ndarray, shape=(L,), optional
        One number per residue: a curve below, and the colour behind the letters.
    chosen : sequence of str
        Tokens that are outlined.
    muted, muted_residues : bool
        True where nothing should be read from `values`, or from `residues`: these are grey.
    """
    end, name = len(sequence) + 0.5, picture_text(pair.names["AB".index(side)], limit=60)
    # The colour of zero behind the letters: seen where nothing is known of residues.
    shapes = [{"type": "rect", "x0": 0.5, "x1": end, "y0": 0.03, "y1": 0.93, "layer": "below",
               "fillcolor": LETTERS[len(LETTERS) // 2][1], "line": {"width": 0}}]  # fmt: skip
    shapes += [
        {"type": "rect", "x0": found[0] - 0.5, "x1": found[1] + 0.5, "y0": 0, "y1": 1, "yref": "paper",
         "line": {"color": CHOSEN, "width": 2.5}}
        for token in chosen if token.startswith(f"{side}.") and (found := pair.residues(token))
    ]  # fmt: skip
    traces = _segments(side, values, pair, signed, muted)
    traces += _letters(sequence, side, residues, pair, muted_residues)
    layout = {
        "xaxis": {"range": [0.5, end], "showgrid": False, "zeroline": False, "ticks": "outside",
                  "tickformat": ",~f", "minallowed": 0.5, "maxallowed": end, "automargin": False},
        "yaxis": {**BORDERS, "range": [0, 2], "domain": [0, 1] if residues is None else [0.5, 1]},
        "annotations": [{"text": f"<b>{side}</b> · {name} · {len(sequence):,} residues", "x": 0, "y": 1,
                         "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom",
                         "showarrow": False}],
        "shapes": shapes, "height": HEIGHT, "showlegend": False, "barmode": "overlay",
        "bargap": 0.001,  # without a gap Plotly rounds bars to whole pixels, away from their outlines
        "margin": {"l": 6, "r": 6, "t": 26, "b": 34}, "dragmode": "zoom", "clickmode": "event+select",
        "hovermode": "closest", "hoverdistance": 50, "plot_bgcolor": "rgba(0,0,0,0)",
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": FAINT, "activecolor": CHOSEN},
    }  # fmt: skip
    if residues is not None:
        most = _largest(residues)
        traces.append(go.Scatter(
            x=list(range(1, len(sequence) + 1)), y=residues, yaxis="y2", mode="lines",
            line={"color": MUTED if muted_residues else POSITIVE, "width": 1.2}, text=list(sequence),
            hovertemplate="%{text}%{x}: %{y:+.3g}<extra></extra>",
        ))  # fmt: skip
        layout["yaxis2"] = {**BORDERS, "range": [-1.05 * most, 1.05 * most], "domain": [0, 0.46],
                            "zeroline": True, "zerolinecolor": FAINT}  # fmt: skip
        layout["xaxis"]["anchor"] = "y2"
        layout["height"] += CURVE_HEIGHT
    return go.Figure(traces, layout)


def _segments(
    side: str, values: np.ndarray, pair: PairTokens, signed: bool, muted: bool
) -> list[BaseTraceType]:
    """Upper row: one block per segment, which can be clicked."""
    own = [(i, token, found) for i, token in enumerate(pair.tokens)
           if token.startswith(f"{side}.") and (found := pair.residues(token))]
    hovers, limit = pair.hovers(), _largest(values)
    shown, centred = (np.abs(values), False) if muted else (values, signed)
    colours = MUTED_SIZES if muted else DIVERGING if signed else SEQUENTIAL
    blocks = go.Bar(
        x=[(start + end) / 2 for _, _, (start, end) in own],
        width=[end - start + 1 for _, _, (start, end) in own],
        y=[0.96] * len(own), base=[1.02] * len(own),
        marker={"color": [float(shown[i]) for i, _, _ in own], "colorscale": colours,
                "cmin": -limit if centred else 0, "cmax": limit, "line": {"color": FAINT, "width": 1}},
        customdata=[[token] for _, token, _ in own],
        hovertext=[f"{hovers[i]}<br>{number_text(values[i], '+.3g' if signed else '.3g')}"
                   for i, _, _ in own],
        hovertemplate="%{hovertext}<extra></extra>", **STILL,
    )  # fmt: skip
    # Blocks may have any colour on either page: their numbers bring a ground of their own.
    numbers = go.Scatter(
        x=blocks.x, y=[1.5] * len(own), mode="markers+text",
        marker={"color": PALE, "size": 17}, textfont={"color": DARK, "size": 11}, hoverinfo="skip",
        text=[token.partition(".")[2].removeprefix("segment") for _, token, _ in own], **STILL,
    )  # fmt: skip
    return [blocks, numbers]


def _letters(
    sequence: str, side: str, residues: np.ndarray | None, pair: PairTokens, muted: bool
) -> list[BaseTraceType]:
    """Lower row: letters, which zooming shows, on cells that can be clicked."""
    places, known = list(range(1, len(sequence) + 1)), residues is not None
    token_of = [""] * len(sequence)
    for token in pair.tokens:
        if token.startswith(f"{side}.segment"):
            start, end = pair.residues(token)
            token_of[start - 1 : end] = [token] * (end - start + 1)
    most = _largest(residues) if known else 1.0
    colours = [go.Heatmap(z=[residues], x=places, y=[0.48], dy=0.9, zmin=-most, zmax=most, hoverinfo="skip",
                          colorscale=LETTERS, showscale=False)] if known and not muted else []  # fmt: skip
    # Plotly fits the texts of a heatmap to its cells, less the gap between these, and makes none where
    # nothing is left: a text per bar that is hidden when too small takes most of the time of the page.
    # It fits only where several rows are in view: there is another one, of texts that nobody sees. A cell
    # as wide as four residues has its letter grow four times as fast with the zoom: hardly one is too small.
    letters = [
        go.Heatmap(
            z=np.zeros((2, len(own))), x=own, y=[0.48, 1.48], xgap=EVERY * ROOM_PIXELS, hoverinfo="skip",
            text=[[sequence[place - 1] for place in own], [" "] * len(own)], texttemplate="%{text}",
            textfont={"color": DARK, "family": "monospace"}, showscale=False,
            colorscale=[[0, CLICKABLE], [1, CLICKABLE]],
        ) for own in (places[start::EVERY] for start in range(EVERY))
    ]  # fmt: skip
    hovers, own = pair.hovers(), [token for token in dict.fromkeys(token_of) if token]
    stretches = [pair.residues(token) for token in own]
    beds = go.Bar(
        x=[(start + end) / 2 for start, end in stretches], y=[0.9] * len(own), base=[0.03] * len(own),
        width=[end - start + 1 for start, end in stretches], customdata=[[token] for token in own],
        marker={"color": CLICKABLE, "line": {"width": 0}},
        hovertext=[hovers[pair.tokens.index(token)] for token in own],
        hovertemplate="%{hovertext}<extra></extra>", **STILL,
    )  # fmt: skip
    # Of a marker that is not displayed Plotly tells all the same, if the pointer is near: an element per
    # residue would take most of the time. Further away, in a wide cell, the segment answers; and the markers
    # stand low, lest they answer for the blocks above.
    cells = go.Scatter(
        x=places, y=[0.25] * len(sequence), mode="markers", customdata=[[token] for token in token_of],
        marker={"color": CLICKABLE, "maxdisplayed": 1},
        hovertext=[f"{letter}{i}" + (f": {number_text(residues[i - 1], '+.3g')}" if known else "")
                   for i, letter in enumerate(sequence, start=1)],
        hovertemplate="%{hovertext}<extra></extra>", **STILL,
    )  # fmt: skip
    return [*colours, *letters, beds, cells]


def _largest(values: np.ndarray) -> float:
    return float(np.nanmax(np.abs(values), initial=0)) or 1.0
