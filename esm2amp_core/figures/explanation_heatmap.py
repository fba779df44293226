"""Token by token: attention, interactions of segments, agreement of methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from esm2amp_core.figures.explanation_pair import (
    CHOSEN,
    CLICKABLE,
    DARK,
    DIVERGING,
    FAINT,
    LETTERS,
    SEQUENTIAL,
    STILL,
    PairTokens,
)

HEIGHT = 620


def token_heatmap(
    matrix: np.ndarray,
    pair: PairTokens,
    *,
    template: str,
    signed: bool = False,
    chosen: Sequence[str] = (),
) -> go.Figure:
    """One number per pair of tokens, with a line between the proteins.

    Parameters
    ----------
    matrix : ndarray, shape=(2T, 2T)
        Rows are drawn from the top.
    pair : PairTokens
    template : str
        What a cell says of itself: ``{row}``, ``{column}`` and ``{value}`` are filled in.
    signed : bool
        Colours are then centred on 0.
    chosen : sequence of str
        Tokens whose row and column are outlined.
    """
    n, hovers = len(pair.tokens), pair.hovers()
    figure = go.Figure()
    figure.add_heatmap(
        z=matrix, colorscale=DIVERGING if signed else SEQUENTIAL, hoverinfo="skip",
        xgap=1, ygap=1, colorbar={"thickness": 12, "outlinewidth": 0, "len": 0.9}, **_limits(matrix, signed),
    )  # fmt: skip
    rows, columns = np.divmod(np.arange(n * n), n)
    figure.add_scatter(
        x=columns, y=rows, mode="markers", showlegend=False,
        marker={"symbol": "square", "size": 12, "color": CLICKABLE},
        **STILL,
        customdata=[[pair.tokens[i], pair.tokens[j]] for i, j in zip(rows, columns, strict=True)],
        text=[template.format(row=hovers[i], column=hovers[j], value=_number(matrix[i, j]))
              for i, j in zip(rows, columns, strict=True)],
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    border, edge = pair.per_protein - 0.5, n - 0.5
    for line in ({"x0": border, "x1": border, "y0": -0.5, "y1": edge},
                 {"y0": border, "y1": border, "x0": -0.5, "x1": edge}):
        figure.add_shape(type="line", line={"color": FAINT, "width": 2}, **line)
    for i in pair.positions(chosen):
        for box in ({"x0": -0.5, "x1": edge, "y0": i - 0.5, "y1": i + 0.5},
                    {"y0": -0.5, "y1": edge, "x0": i - 0.5, "x1": i + 0.5}):
            figure.add_shape(type="rect", line={"color": CHOSEN, "width": 2.5}, **box)
    ticks = {"tickvals": list(range(n)), "ticktext": list(pair.tokens), "showgrid": False, "zeroline": False,
             "tickfont": {"size": 11}, "ticks": "", "showline": False}  # fmt: skip
    figure.update_xaxes(range=[-0.5, edge], tickangle=-90, constrain="domain", **ticks)
    figure.update_yaxes(range=[edge, -0.5], scaleanchor="x", constrain="domain", **ticks)
    figure.update_layout(height=HEIGHT, margin={"l": 10, "r": 10, "t": 10, "b": 10}, hovermode="closest",
                         dragmode=False, clickmode="event+select", plot_bgcolor="rgba(0,0,0,0)")
    return figure


def named_heatmap(
    matrix: np.ndarray, names: Sequence[str], *, limit: float = 1.0
) -> go.Figure:
    """A small square table of numbers from -limit to limit, each written into its cell."""
    names = list(names)
    figure = go.Figure()
    figure.add_heatmap(
        z=matrix, x=names, y=names, colorscale=LETTERS, zmin=-limit, zmax=limit, xgap=2, ygap=2,
        colorbar={"thickness": 12, "outlinewidth": 0},
        hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>",
    )  # fmt: skip
    cells = [(x, y, matrix[j, i]) for j, y in enumerate(names) for i, x in enumerate(names)]
    figure.add_scatter(
        x=[x for x, _, _ in cells], y=[y for _, y, _ in cells], mode="text", hoverinfo="skip",
        text=["–" if np.isnan(value) else f"{value:.2f}" for _, _, value in cells], showlegend=False,
        textfont={"color": [FAINT if np.isnan(value) else DARK for _, _, value in cells]},
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False, tickangle=-30)
    figure.update_layout(height=130 + 46 * len(names), margin={"l": 10, "r": 10, "t": 10, "b": 10},
                         dragmode=False, plot_bgcolor="rgba(0,0,0,0)")
    return figure


def _limits(matrix: np.ndarray, signed: bool) -> dict[str, float]:
    if signed:
        most = float(np.nanmax(np.abs(matrix), initial=0)) or 1.0
        return {"zmin": -most, "zmax": most}
    return {"zmin": 0.0, "zmax": float(np.nanmax(matrix, initial=0)) or 1.0}


def _number(value: float) -> str:
    return f"{value:.3g}"
