"""What a method says of many pairs: a point per pair and token."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from esm2amp_core.figures.explanation_numbers import spread
from esm2amp_core.figures.explanation_pair import CHOSEN, FAINT, MUTED, POSITIVE, STILL, PairTokens

MOST_PAIRS = 300
"""Pairs drawn; of more, every n-th."""


def beeswarm(
    values: np.ndarray,
    pair: PairTokens,
    *,
    rows: Sequence[int],
    called: np.ndarray,
    signed: bool,
    chosen: Sequence[str] = (),
) -> go.Figure:
    """A row of points per token; points of equal value stand beside each other.

    Parameters
    ----------
    values : ndarray, shape=(N, 2T)
    pair : PairTokens
        Of no pair in particular.
    rows : sequence of int, length=N
        What the pairs are called.
    called : ndarray, dtype=bool, shape=(N,)
        True for pairs called interacting.
    signed : bool
    chosen : sequence of str
    """
    kept = shown_pairs(len(values))
    n = len(pair.tokens)
    figure = go.Figure()
    for name, colour, which in (("called interacting", POSITIVE, called[kept]),
                                ("called not interacting", MUTED, ~called[kept])):
        at = kept[which]
        if not len(at):
            continue
        part = values[at]
        y = np.concatenate([token + spread(part[:, token]) for token in range(n)])
        figure.add_scattergl(
            x=part.T.ravel(), y=y, mode="markers", name=name,
            marker={"color": colour, "size": 5, "opacity": 0.75}, **STILL,
            customdata=[[pair.tokens[token], int(rows[i])] for token in range(n) for i in at],
            hovertemplate="%{customdata[0]}, row %{customdata[1]}: %{x:.3g}<extra></extra>",
        )  # fmt: skip
    for i in pair.positions(chosen):
        figure.add_shape(type="rect", xref="paper", x0=0, x1=1, y0=i - 0.5, y1=i + 0.5,
                         line={"color": CHOSEN, "width": 2})
    figure.add_hline(y=pair.per_protein - 0.5, line={"color": FAINT, "width": 1, "dash": "dot"})
    figure.update_xaxes(zeroline=signed, zerolinecolor=FAINT, title="importance" if not signed else
                        "speaks against the interaction  ←  0  →  speaks for it")  # fmt: skip
    figure.update_yaxes(tickvals=list(range(n)), ticktext=list(pair.tokens), range=[n - 0.5, -0.5],
                        showgrid=False, zeroline=False)  # fmt: skip
    figure.update_layout(height=24 * n + 100, margin={"l": 10, "r": 10, "t": 10, "b": 10}, dragmode=False,
                         clickmode="event+select", hovermode="closest",
                         legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})  # fmt: skip
    return figure


def shown_pairs(count: int) -> np.ndarray:
    """Positions of the pairs that are drawn: all, or evenly chosen ones."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_PAIRS)).round().astype(int))
