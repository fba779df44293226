"""How the scores of a job are distributed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

N_BINS = 20
# Blue and grey differ in lightness too: told apart in any colour vision, on white and on black.
ABOVE, BELOW, LINE = "#2f86bd", "#9aa7b3", "#d55e00"


class ScoreCounts(NamedTuple):
    """Pairs per interval of probability.

    Attributes
    ----------
    edges : ndarray, dtype=float64, shape=(n + 1,)
        From 0 to 1; a threshold is always one of them, so that no bar lies on both sides.
    counts : ndarray, dtype=int64, shape=(n,)
    """

    edges: np.ndarray
    counts: np.ndarray


def count_scores(probabilities: np.ndarray, *, threshold: float | None, n_bins: int = N_BINS) -> ScoreCounts:
    """Count probabilities in equal intervals.

    Parameters
    ----------
    probabilities : ndarray, dtype=float64, shape=(N,)
        NaN marks pairs without a score; they are not counted.
    threshold : float or None
        From which probability a pair is called interacting; None if that is not known.
    n_bins : int
        Intervals; one more where the threshold cuts one in two.
    """
    edges = np.linspace(0, 1, n_bins + 1)
    if threshold is not None:
        if not np.isclose(edges, threshold).any():
            edges = np.sort(np.append(edges, threshold))
        edges[np.isclose(edges, threshold)] = threshold
    counts, _ = np.histogram(probabilities[~np.isnan(probabilities)], bins=edges)
    return ScoreCounts(edges, counts)


def score_histogram(probabilities: np.ndarray, *, threshold: float | None) -> go.Figure:
    """Histogram of probabilities with the threshold marked, where it is known.

    Parameters
    ----------
    probabilities : ndarray, dtype=float64, shape=(N,)
    threshold : float or None
    """
    edges, counts = count_scores(probabilities, threshold=threshold)
    left, right = edges[:-1], edges[1:]
    figure = go.Figure()
    for name, colour, side in _sides(left, threshold):
        figure.add_bar(
            x=left[side],
            y=counts[side],
            width=(right - left)[side],
            offset=0,
            name=name,
            marker={"color": colour, "line": {"width": 1, "color": "rgba(255,255,255,0.35)"}},
            customdata=right[side],
            hovertemplate=f"%{{y:,}} pairs from %{{x:.2f}} to %{{customdata:.2f}}<br>{name}<extra></extra>",
        )
    if threshold is not None:
        figure.add_vline(x=threshold, line={"color": LINE, "width": 2, "dash": "dash"})
        figure.add_annotation(
            text=f"threshold {threshold:.2f}", x=threshold, y=1, yref="paper", yanchor="bottom",
            showarrow=False,
        )  # fmt: skip
    figure.update_xaxes(title="probability of interaction", range=[0, 1], tickformat=".1f")
    # Few pairs: whole numbers only, or 0.5 would be written as 1.
    few = {"dtick": 1} if counts.max(initial=0) <= 4 else {}
    figure.update_yaxes(title="pairs", rangemode="tozero", tickformat=",d", **few)
    figure.update_layout(
        height=280,
        margin={"l": 10, "r": 10, "t": 44, "b": 10},
        legend={"orientation": "h", "y": 1.06, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        bargap=0,
    )
    return figure


def _sides(left: np.ndarray, threshold: float | None) -> list[tuple[str, str, np.ndarray]]:
    """Name, colour and bars of each kind of bar, told by its left edge."""
    if threshold is None:
        return [("pairs", ABOVE, np.full(len(left), True))]
    above = left >= threshold
    return [("interacting", ABOVE, above), ("not interacting", BELOW, ~above)]
