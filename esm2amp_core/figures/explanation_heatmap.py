"""Token by token: attention, interactions of segments, agreement of methods."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from esm2amp_core.figures.explanation_numbers import SIZES_AND_SIGNS, colour_range
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
from esm2amp_core.number_text import number_text

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
    lowest, highest = colour_range(matrix, signed=signed)
    figure = go.Figure()
    figure.add_heatmap(
        z=matrix, colorscale=DIVERGING if signed else SEQUENTIAL, hoverinfo="skip",
        xgap=1, ygap=1, colorbar={"thickness": 12, "outlinewidth": 0, "len": 0.9}, zmin=lowest, zmax=highest,
    )  # fmt: skip
    rows, columns = np.divmod(np.arange(n * n), n)
    figure.add_scatter(
        x=columns, y=rows, mode="markers", showlegend=False,
        marker={"symbol": "square", "size": 12, "color": CLICKABLE},
        **STILL,
        customdata=[[pair.tokens[i], pair.tokens[j]] for i, j in zip(rows, columns, strict=True)],
        text=[template.format(row=hovers[i], column=hovers[j], value=number_text(matrix[i, j]))
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
    matrix: np.ndarray, names: Sequence[str], *, limit: float = 1.0, beside: np.ndarray | None = None,
    headings: tuple[str, str] = SIZES_AND_SIGNS,
) -> go.Figure:  # fmt: skip
    """A small square table of numbers from -limit to limit, each written into its cell.

    Parameters
    ----------
    matrix : ndarray, shape=(M, M)
        NaN is written as a dash.
    names : sequence of str, length=M
    limit : float
    beside : ndarray, shape=(M, M), optional
        A second table on its right, such as `Agreement.signed_mean`; not drawn where nothing of it is known.
    headings : tuple of str, length=2
        Above the two tables.
    """
    names, tables = list(names), [matrix]
    if beside is not None and np.isfinite(beside).any():
        tables.append(beside)
    several = len(tables) > 1
    figure = make_subplots(1, len(tables), shared_yaxes=True, horizontal_spacing=0.04,
                           subplot_titles=headings if several else None)  # fmt: skip
    for column, table in enumerate(tables, start=1):
        figure.add_heatmap(
            z=table, x=names, y=names, colorscale=LETTERS, zmin=-limit, zmax=limit, xgap=2, ygap=2,
            colorbar={"thickness": 12, "outlinewidth": 0}, showscale=column == len(tables),
            hovertemplate="%{y} and %{x}: %{z:.2f}<extra></extra>", row=1, col=column,
        )  # fmt: skip
        cells = [(x, y, table[j, i]) for j, y in enumerate(names) for i, x in enumerate(names)]
        figure.add_scatter(
            x=[x for x, _, _ in cells], y=[y for _, y, _ in cells], mode="text", hoverinfo="skip",
            text=[number_text(value, ".2f") for _, _, value in cells], showlegend=False,
            textfont={"color": [FAINT if np.isnan(value) else DARK for _, _, value in cells]},
            row=1, col=column,
        )  # fmt: skip
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(showgrid=False, tickangle=-30)
    figure.update_annotations(font_size=12)
    figure.update_layout(height=130 + 46 * len(names) + 24 * several, dragmode=False,
                         margin={"l": 10, "r": 10, "t": 34 if several else 10, "b": 10},
                         plot_bgcolor="rgba(0,0,0,0)")  # fmt: skip
    return figure
