"""A whole job against functional regions: hit rates, enrichment, and where in the chains segments lie."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from esm2amp_core.figures.explanation_pair import picture_text
from esm2amp_core.figures.region_numbers import (
    CLASSES,
    Comparison,
    HitPanel,
    class_title,
    interval_words,
    p_words,
    points_words,
)
from esm2amp_core.region_files import SEGMENT

TOP_COLOUR, LOW_COLOUR, CHANCE_COLOUR = "#2f86bd", "#d99a00", "rgba(138,150,162,0.35)"
HOLLOW = "rgba(0,0,0,0)"
ROW_HEIGHT = 34


def hit_rate_bars(
    panels: Sequence[HitPanel], names: Sequence[str], threshold: float, unit: str = SEGMENT
) -> go.Figure:
    """Share of pairs of each class whose top, or low, units reach a coverage; one row per type.

    Parameters
    ----------
    panels : sequence of HitPanel
    names : sequence of str, length=T
        Types, and their union.
    threshold : float
        In percent, for the words of the hover.
    unit : str
        `SEGMENT` or `RESIDUE`.
    """
    rows = _rows(names)
    titles = [f"{class_title(panel.name)}<br><sup>{panel.n_pairs:,} {_pairs(panel.n_pairs)}</sup>"
              for panel in panels]
    figure = make_subplots(1, len(panels), shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.02)
    for column, panel in enumerate(panels, start=1):
        for name, values, colour in (("top", panel.top, TOP_COLOUR), ("low", panel.low, LOW_COLOUR)):
            figure.add_bar(
                y=rows, x=values, orientation="h", name=f"{name} {unit}s", legendgroup=name,
                marker={"color": colour}, showlegend=column == 1,
                customdata=[picture_text(CLASSES.get(panel.name, panel.name), limit=60)] * len(rows),
                hovertemplate=f"%{{y}}, {name}: %{{x:.1f}} % of %{{customdata}}<br>reach {threshold:g} % "
                "coverage<extra></extra>",
                row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(range=[0, 102], showgrid=True, zeroline=True, fixedrange=True, tickvals=[0, 50, 100])
    _finish(figure, names, len(panels), "pairs that hit (%)")
    figure.update_layout(barmode="group", bargap=0.25)
    return figure


def enrichment_plot(found: Sequence[Comparison], names: Sequence[str]) -> go.Figure:
    """Differences in percentage points with their intervals; behind them, what chance alone gives."""
    rows = _rows(names)
    figure = make_subplots(1, len(found), shared_yaxes=True, horizontal_spacing=0.025,
                           subplot_titles=[comparison.title for comparison in found])
    for column, (title, table, is_finding) in enumerate(found, start=1):
        spread = table["chance_high"] - table["chance_low"]
        figure.add_bar(
            y=rows, x=spread, base=table["chance_low"], orientation="h", marker={"color": CHANCE_COLOUR},
            width=0.5, name="95 % of what chance gives", showlegend=column == 1, hoverinfo="skip",
            row=1, col=column,
        )  # fmt: skip
        values = table["difference"]
        figure.add_scatter(
            x=values, y=rows, mode="markers", name=title, showlegend=False,
            marker={"color": [TOP_COLOUR if known else HOLLOW for known in is_finding], "size": 11,
                    "line": {"color": TOP_COLOUR, "width": 2}},
            error_x={"type": "data", "array": (table["difference_high"] - values).fillna(0),
                     "arrayminus": (values - table["difference_low"]).fillna(0), "color": TOP_COLOUR,
                     "thickness": 2, "width": 5},
            hovertext=[_words(line, title) for line in table.itertuples()],
            hovertemplate="%{hovertext}<extra></extra>", row=1, col=column,
        )  # fmt: skip
    for label, colour in (("corrected p at most 0.05", TOP_COLOUR), ("not told apart from chance", HOLLOW)):
        figure.add_scatter(x=[None], y=[rows[0]], mode="markers", name=label,
                           marker={"color": colour, "size": 11, "line": {"color": TOP_COLOUR, "width": 2}})
    largest = _reach(found)
    figure.update_xaxes(zeroline=True, zerolinewidth=1.5, showgrid=True, fixedrange=True,
                        range=[-largest, largest])
    _finish(figure, names, len(found), "difference in coverage (percentage points)")
    return figure


def position_plot(top: pd.DataFrame, low: pd.DataFrame, unit: str = SEGMENT) -> go.Figure:
    """Share of the top and of the low units in each tenth of their chains; chance is one in ten."""
    figure = go.Figure()
    places = list(range(1, len(top) + 1))
    for name, table, colour, symbol in ((f"top {unit}s", top, TOP_COLOUR, "circle"),
                                        (f"low {unit}s", low, LOW_COLOUR, "diamond")):
        figure.add_scatter(
            x=places, y=table["coverage"], mode="lines+markers", name=name,
            line={"color": colour, "width": 2}, marker={"size": 9, "symbol": symbol, "color": colour},
            error_y={"type": "data", "array": (table["difference_high"] - table["difference"]).fillna(0),
                     "arrayminus": (table["difference"] - table["difference_low"]).fillna(0),
                     "color": colour, "thickness": 1.2, "width": 3},
            customdata=[p_words(q) for q in table["q_value"]],
            hovertemplate=f"Tenth %{{x}}: %{{y:.1f}} % of the {name}<br>corrected p "
            "%{customdata}<extra></extra>",
        )  # fmt: skip
    # Named in the legend: a word in the picture would be overdrawn by points and intervals.
    figure.add_scatter(
        x=[places[0], places[-1]], y=[float(top["reference"].mean())] * 2, mode="lines", name="chance",
        line={"color": "#8a96a2", "width": 1.5, "dash": "dash"}, hoverinfo="skip",
    )  # fmt: skip
    figure.update_layout(
        height=310, margin={"l": 8, "r": 8, "t": 8, "b": 8}, plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, hovermode="closest",
        xaxis={"title": "tenth of the chain", "tickvals": places, "fixedrange": True},
        yaxis={"title": f"share of the {unit}s", "ticksuffix": " %", "rangemode": "tozero",
               "fixedrange": True},
    )  # fmt: skip
    return figure


def _rows(names: Sequence[str]) -> list[str]:
    return [picture_text(name) for name in names]


def _finish(figure: go.Figure, names: Sequence[str], n_panels: int, x_title: str) -> None:
    rows = ROW_HEIGHT * len(names)
    figure.update_xaxes(title_text=x_title, row=1, col=(n_panels + 1) // 2)
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False, ticks="")
    figure.update_annotations(font_size=13)
    figure.update_layout(
        height=rows + 140, margin={"l": 8, "r": 8, "t": 48, "b": 92},
        legend={"orientation": "h", "y": -56 / rows, "yanchor": "top", "x": 0, "xanchor": "left"},
        plot_bgcolor="rgba(0,0,0,0)", hovermode="closest",
    )  # fmt: skip


def _reach(found: Sequence[Comparison]) -> float:
    """As far as anything drawn reaches from 0."""
    columns = ["difference", "difference_low", "difference_high", "chance_low", "chance_high"]
    every = np.concatenate([comparison.table[columns].to_numpy(float).ravel() for comparison in found])
    return 1.08 * (float(np.nanmax(np.abs(every), initial=0)) or 1.0)


def _words(line, title: str) -> str:
    ratio = "" if np.isnan(line.ratio) else f" ({line.ratio:.2f} times)"
    lines = (f"<b>{picture_text(str(line.type))}</b>, {title}",
             f"{line.coverage:.1f} % covered, {line.reference:.1f} % there",
             f"{points_words(line.difference)} points{ratio}",
             interval_words(line.difference_low, line.difference_high),
             f"p {p_words(line.p_value)}, corrected {p_words(line.q_value)}")
    return "<br>".join(filter(None, lines))


def _pairs(count: int) -> str:
    return "pair" if count == 1 else "pairs"
