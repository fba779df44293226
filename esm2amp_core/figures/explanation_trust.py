"""Tests of an explanation: curves against random orders, the pair among its controls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from esm2amp_core.figures.explanation_numbers import count_controls
from esm2amp_core.figures.explanation_pair import CHOSEN, FAINT, MUTED, POSITIVE

LINES = ("#2f86bd", "#d9641a", "#0f9d76", "#b05fa8", "#b58a00", "#56b4e9", "#8a5a44")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid")
BAND = "rgba(138,150,162,0.28)"


def removal_curves(
    curves: Mapping[str, Mapping[str, np.ndarray]], random: Mapping[str, np.ndarray]
) -> go.Figure:
    """The score as tokens go, or come, in the order of each method.

    Parameters
    ----------
    curves : mapping of str to mapping of str to ndarray, shape=(K,)
        Panel, then title of a method, to the logit after 0, 1, ... tokens.
    random : mapping of str to ndarray, shape=(3, K)
        Panel to mean, lower and upper end of random orders.
    """
    figure = make_subplots(rows=1, cols=len(curves), shared_yaxes=True, subplot_titles=list(curves),
                           horizontal_spacing=0.04)  # fmt: skip
    names = list(dict.fromkeys(name for panel in curves.values() for name in panel))
    for column, (panel, found) in enumerate(curves.items(), start=1):
        mean, low, high = random[panel]
        steps = list(range(len(mean)))
        first = {"showlegend": column == 1}
        figure.add_scatter(x=[*steps, *steps[::-1]], y=[*high, *low[::-1]], fill="toself", fillcolor=BAND,
                           line={"width": 0}, hoverinfo="skip", name="95 of 100 random orders",
                           legendgroup="random", row=1, col=column, **first)  # fmt: skip
        figure.add_scatter(x=steps, y=mean, mode="lines", line={"color": FAINT, "width": 1.5},
                           name="mean of random orders", legendgroup="mean", row=1, col=column,
                           hovertemplate="random: %{y:.3g}<extra></extra>", **first)  # fmt: skip
        for name, values in found.items():
            i = names.index(name) % len(LINES)
            figure.add_scatter(
                x=steps, y=values, mode="lines", line={"color": LINES[i], "dash": DASHES[i], "width": 2},
                name=name, legendgroup=name, row=1, col=column, **first,
                hovertemplate=f"{name}: %{{y:.3g}} after %{{x}} segments<extra></extra>",
            )  # fmt: skip
        figure.update_xaxes(title="segments, most important first", row=1, col=column)
    figure.update_yaxes(title="score (logit)", row=1, col=1)
    figure.update_layout(height=400, margin={"l": 10, "r": 10, "t": 34, "b": 10}, dragmode=False,
                         legend={"orientation": "h", "y": -0.22, "yanchor": "top"})  # fmt: skip
    return figure


def controls_histogram(nulls: Mapping[str, np.ndarray], own: float) -> go.Figure:
    """How probable the model finds controls, one panel per kind, with the pair's own line in each.

    Parameters
    ----------
    nulls : mapping of str to ndarray, shape=(n,)
        Kind of control, in words, to its probabilities.
    own : float
        The pair's probability.
    """
    edges, counts_of = count_controls(nulls, own)
    low, high = edges[0], edges[-1]
    figure = make_subplots(rows=len(nulls), cols=1, shared_xaxes=True, vertical_spacing=0.3 / len(nulls),
                           subplot_titles=list(nulls))  # fmt: skip
    for row, counts in enumerate(counts_of.values(), start=1):
        colours = [POSITIVE if left >= own else MUTED for left in edges[:-1]]
        figure.add_bar(
            x=edges[:-1], y=counts, width=np.diff(edges), offset=0, customdata=edges[1:],
            marker={"color": colours, "line": {"width": 0}},
            hovertemplate="%{y} controls from %{x:.3f} to %{customdata:.3f}<extra></extra>", row=row, col=1,
        )  # fmt: skip
        figure.add_vline(x=own, line={"color": CHOSEN, "width": 2}, row=row, col=1)
        figure.update_yaxes(nticks=3, tickformat=",d", rangemode="tozero", row=row, col=1)
    figure.update_xaxes(range=[low, high])
    # Beside its line the number would stand on the bars, or on a panel's title.
    figure.update_xaxes(title=f"probability of interaction (line: this pair, {own:.3f})", row=len(nulls),
                        col=1)  # fmt: skip
    figure.update_annotations(font_size=12)
    figure.update_layout(height=70 + 115 * len(nulls), showlegend=False, bargap=0, dragmode=False,
                         margin={"l": 10, "r": 10, "t": 26, "b": 10})  # fmt: skip
    return figure
