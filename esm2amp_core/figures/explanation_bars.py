"""Importance of segments: all methods side by side, and one method's way from base value to score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from esm2amp_core.figures.explanation_numbers import count_steps
from esm2amp_core.figures.explanation_pair import (
    CHOSEN,
    CLICKABLE,
    FAINT,
    MUTED,
    NEGATIVE,
    POSITIVE,
    STILL,
    PairTokens,
)
from esm2amp_core.figures.explanation_parts import Bars
from esm2amp_core.number_text import number_text

PIXELS_PER_BAR = 22
TITLE_LETTERS = 16
BETWEEN = 0.018
"""Between two panels, as a share of the width."""


def importance_bars(
    panels: Sequence[Bars], pair: PairTokens, *, chosen: Sequence[str] = ()
) -> go.Figure:
    """Bars of every method in a panel of its own; tokens stand in the same order in all of them."""
    n, hovers, traces, titles, axes = len(pair.tokens), pair.hovers(), [], [], {}
    width = (1 - BETWEEN * (len(panels) - 1)) / len(panels)
    for number, panel in enumerate(panels, start=1):
        most = float(np.nanmax(np.abs(panel.values), initial=0)) or 1.0
        low, high = (-1.08 * most if panel.signed else 0.0), 1.08 * most
        left = (number - 1) * (width + BETWEEN)
        right = min(left + width, 1)  # rounding may lead beyond
        axes[f"xaxis{number}"] = {
            "domain": [left, right], "range": [low, high], "nticks": 3, "tickfont": {"size": 10},
            "zeroline": panel.signed, "zerolinecolor": FAINT, "showgrid": False, "automargin": False,
        }  # fmt: skip
        titles.append({"text": _wrapped(panel.title), "x": left + width / 2, "xref": "paper", "y": 1,
                       "yref": "paper", "xanchor": "center", "yanchor": "bottom", "showarrow": False,
                       "font": {"size": 12}})  # fmt: skip
        place = {"y": list(range(n)), "orientation": "h", "xaxis": f"x{number}", **STILL}
        traces.append(go.Bar(x=panel.values, hoverinfo="skip",
                             marker={"color": _colours(panel), "line": {"width": 0}}, **place))  # fmt: skip
        # The whole width of a row can be clicked, also where its bar is short.
        traces.append(go.Bar(
            x=[high - low] * n, base=[low] * n, width=1, marker={"color": CLICKABLE, "line": {"width": 0}},
            customdata=[[token] for token in pair.tokens],
            text=[f"{words}<br>{panel.title}: {number_text(value, '+.3g' if panel.signed else '.3g')}"
                  for words, value in zip(hovers, panel.values, strict=True)],
            textposition="none", hovertemplate="%{text}<extra></extra>", **place,
        ))  # fmt: skip
    y = pair.per_protein - 0.5
    between = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": y, "y1": y,
               "line": {"color": FAINT, "width": 1, "dash": "dot"}}  # fmt: skip
    # One call and one axis for all rows: ten times as fast as subplots that are filled one by one.
    figure = go.Figure(traces, {
        **axes, "annotations": titles, "shapes": [between],
        "yaxis": {"tickvals": list(range(n)), "ticktext": pair.tokens, "range": [n - 0.5, -0.5],
                  "zeroline": False, "showgrid": False, "automargin": False},
        "height": PIXELS_PER_BAR * n + 100, "barmode": "overlay", "bargap": 0.25, "showlegend": False,
        "margin": {"l": 90, "r": 10, "t": 52, "b": 34}, "dragmode": False, "clickmode": "event+select",
        "hovermode": "closest",
    })  # fmt: skip
    for i in pair.positions(chosen):
        _outline(figure, i)
    return figure


def waterfall(
    values: np.ndarray,
    pair: PairTokens,
    *,
    base: float,
    output: float,
    chosen: Sequence[str] = (),
    scale_words: str = "score",
) -> go.Figure:
    """From the base value over the segments to the score; chosen ones are steps of their own."""
    steps = count_steps(values, pair.tokens, base, chosen=chosen)
    n = len(steps.labels)
    words = dict(zip(pair.tokens, pair.hovers(), strict=True))
    figure = go.Figure()
    figure.add_bar(
        x=steps.values, base=steps.starts, y=list(range(n)), orientation="h",
        marker={"color": [POSITIVE if v >= 0 else NEGATIVE for v in steps.values],
                "line": {"width": 0}}, **STILL,
        text=[number_text(value, "+.3g") for value in steps.values], textposition="outside", cliponaxis=False,
        customdata=[[token] for token in steps.tokens],
        hovertext=[f"{words.get(token, label)}: {number_text(value, '+.3g')}" for token, label, value in
                   zip(steps.tokens, steps.labels, steps.values, strict=True)],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    for row, start in enumerate(steps.starts[1:]):
        figure.add_shape(type="line", x0=start, x1=start, y0=row + 0.32, y1=row + 0.68,
                         line={"color": FAINT, "width": 1})
    ends = np.concatenate([steps.starts, steps.starts + steps.values, [base, output]])
    for value, name, y in ((base, "base value", -0.75), (output, pair.output_words, n - 0.25)):
        figure.add_vline(x=value, line={"color": FAINT, "width": 1.5, "dash": "dash"})
        anchor, shift = ("left", 4) if value < (ends.min() + ends.max()) / 2 else ("right", -4)
        figure.add_annotation(x=value, y=y, text=f"{name} {number_text(value)}", showarrow=False,
                              yanchor="middle", xanchor=anchor, xshift=shift)  # fmt: skip
    for i, token in enumerate(steps.tokens):
        if token and token in chosen:
            _outline(figure, i)
    room = 0.12 * (float(np.ptp(ends)) or 1.0)
    figure.update_xaxes(range=[ends.min() - room, ends.max() + room], title=scale_words, zeroline=False)
    figure.update_yaxes(tickvals=list(range(n)), ticktext=steps.labels, range=[n + 0.1, -1.1], showgrid=False,
                        zeroline=False)  # fmt: skip
    figure.update_layout(height=30 * n + 120, showlegend=False, bargap=0.3, dragmode=False,
                         clickmode="event+select", hovermode="closest",
                         margin={"l": 10, "r": 10, "t": 10, "b": 10})  # fmt: skip
    return figure


def _colours(panel: Bars) -> list[str] | str:
    if panel.muted:
        return MUTED
    return [POSITIVE if value >= 0 else NEGATIVE for value in panel.values]


def _outline(figure: go.Figure, row: int) -> None:
    """A frame over the whole width of the picture."""
    figure.add_shape(type="rect", xref="paper", x0=0, x1=1, y0=row - 0.5, y1=row + 0.5, yref="y",
                     line={"color": CHOSEN, "width": 2})


def _wrapped(title: str) -> str:
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + len(word) + 1 > TITLE_LETTERS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)
