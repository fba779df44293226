"""How the scores of all pairs of a screen are spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from esm2amp_core.figures.histogram import ABOVE, BELOW, LINE
from esm2amp_core.figures.screen_numbers import score_bars


def screen_histogram(histogram: pd.DataFrame, *, threshold: float, log_counts: bool) -> go.Figure:
    """Histogram of every pair's probability, with the threshold.

    Parameters
    ----------
    histogram : DataFrame
        `screen_files.HISTOGRAM_COLUMNS`.
    threshold : float
    log_counts : bool
        A few hits among many pairs are seen on a logarithmic axis only.
    """
    bars = score_bars(histogram)
    figure = go.Figure()
    # A bar that the threshold cuts in two is not called interacting as a whole.
    above = bars.left >= threshold - 1e-9
    for name, colour, side in (("interacting", ABOVE, above), ("not interacting", BELOW, ~above)):
        figure.add_bar(
            x=bars.left[side], y=bars.pairs[side], width=(bars.right - bars.left)[side], offset=0, name=name,
            marker={"color": colour, "line": {"width": 1, "color": "rgba(255,255,255,0.35)"}},
            customdata=bars.right[side],
            hovertemplate=f"%{{y:,}} pairs from %{{x:.2f}} to %{{customdata:.2f}}<br>{name}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=threshold, line={"color": LINE, "width": 2, "dash": "dash"})
    figure.add_annotation(text=f"threshold {threshold:.2f}", x=threshold, y=1, yref="paper", yanchor="bottom",
                          showarrow=False)
    figure.update_xaxes(title="probability of interaction", range=[0, 1], tickformat=".1f")
    most = int(bars.pairs.max(initial=1))
    if log_counts:  # from below 1, so that a bar of a single pair is seen
        figure.update_yaxes(title="pairs (logarithmic)", type="log", dtick=1, tickformat=",d",
                            range=[np.log10(0.5), np.log10(max(most, 10)) + 0.15])
    else:
        figure.update_yaxes(title="pairs", rangemode="tozero", tickformat=",d",
                            **({"dtick": 1} if most <= 4 else {}))
    figure.update_layout(
        height=280, margin={"l": 10, "r": 10, "t": 44, "b": 10}, bargap=0,
        legend={"orientation": "h", "y": 1.06, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )  # fmt: skip
    return figure
