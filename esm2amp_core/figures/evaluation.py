"""Curves of an evaluation report, and the model beside its baselines."""

from __future__ import annotations

import math

import plotly.graph_objects as go

from esm2amp_core.report_words import interval_words
from esm2amp_core.reports import Report

# Told apart by lightness too, on white and on black.
MODEL, OTHER, CHANCE = "#2f86bd", "#9aa7b3", "#7d8a96"
HEIGHT = 330


def roc_curve(report: Report) -> go.Figure:
    """Recall against false positive rate; the model's threshold is marked."""
    found, point = report.curves, report.operating_points[0]
    figure = _square("false positive rate", "recall")
    _chance(figure, (0, 1), (0, 1))
    figure.add_scatter(
        x=found.false_positive_rate, y=found.recall, mode="lines", line={"color": MODEL, "width": 2.5},
        hovertemplate="recall %{y:.3f} at false positive rate %{x:.3f}<extra></extra>",
    )  # fmt: skip
    figure.add_scatter(
        x=[point.false_positive_rate.value], y=[point.recall.value], mode="markers",
        marker={"color": MODEL, "size": 10},
        hovertemplate=f"threshold {point.threshold:.3g}: recall %{{y:.3f}}, false positive rate %{{x:.3f}}"
        "<extra></extra>",
    )  # fmt: skip
    return figure


def precision_recall_curve(report: Report) -> go.Figure:
    """Precision against recall, at the table's own share of interacting pairs."""
    found, share = report.curves, report.data["n_positive"] / report.data["n_scored"]
    figure = _square("recall", "precision")
    _chance(figure, (0, 1), (share, share))
    figure.add_scatter(
        x=found.recall[1:], y=found.precision, mode="lines", line={"color": MODEL, "width": 2.5},
        customdata=found.thresholds,
        hovertemplate="precision %{y:.3f} at recall %{x:.3f}<br>from probability %{customdata:.3f}"
        "<extra></extra>",
    )  # fmt: skip
    return figure


def reliability_diagram(report: Report) -> go.Figure:
    """Share of pairs that interact against their mean probability, over the probabilities that occur."""
    found = report.curves
    low, high = reliability_range(report)
    figure = _square("mean probability", "share that interacts", (low, high), (low, high))
    _chance(figure, (low, high), (low, high))
    observed = found.bin_observed
    bounds = [(y if a is None else a, y if b is None else b) for y, a, b in
              zip(observed, found.bin_observed_low, found.bin_observed_high, strict=True)]  # fmt: skip
    figure.add_scatter(
        x=found.bin_probability, y=observed, mode="lines+markers", marker={"color": MODEL, "size": 8},
        line={"color": MODEL, "width": 2}, customdata=found.bin_pairs,
        error_y={"type": "data", "color": MODEL, "thickness": 1.5, "width": 4,
                 "array": [b - y for y, (_, b) in zip(observed, bounds, strict=True)],
                 "arrayminus": [y - a for y, (a, _) in zip(observed, bounds, strict=True)]},
        hovertemplate="probability %{x:.3f}: %{y:.3f} interact<br>%{customdata:,} pairs<extra></extra>",
    )  # fmt: skip
    return figure


def baseline_intervals(report: Report) -> go.Figure:
    """AUROC of the model and of each baseline with its interval."""
    rows = [(baseline.title, baseline.measures["auroc"], OTHER) for baseline in reversed(report.baselines)]
    rows.append(("This model", report.measures["auroc"], MODEL))
    figure = go.Figure()
    for name, auroc, colour in rows:
        known = auroc.is_known
        figure.add_scatter(
            x=[auroc.value], y=[name], mode="markers", marker={"color": colour, "size": 11},
            error_x={"type": "data", "array": [auroc.high - auroc.value if known else 0], "color": colour,
                     "arrayminus": [auroc.value - auroc.low if known else 0], "thickness": 2.5, "width": 6},
            hovertemplate=f"AUROC {interval_words(auroc)}<extra></extra>",
        )  # fmt: skip
    figure.add_vline(x=0.5, line={"color": CHANCE, "width": 1.5, "dash": "dash"})
    figure.update_xaxes(title="AUROC")
    figure.update_layout(height=110 + 38 * len(rows), showlegend=False,
                         margin={"l": 10, "r": 20, "t": 10, "b": 10})
    return figure


def reliability_range(report: Report) -> tuple[float, float]:
    """The probabilities and shares that occur, with a little room."""
    found = report.curves
    values = [value for part in (found.bin_probability, found.bin_observed, found.bin_observed_low,
                                 found.bin_observed_high)
              for value in part if value is not None and not math.isnan(value)]  # fmt: skip
    return max(0.0, min(values) - 0.03), min(1.0, max(values) + 0.03)


def _square(
    x: str, y: str, x_range: tuple[float, float] = (0, 1), y_range: tuple[float, float] = (0, 1)
) -> go.Figure:
    figure = go.Figure()
    figure.update_xaxes(title=x, range=list(x_range))
    figure.update_yaxes(title=y, range=list(y_range))
    figure.update_layout(height=HEIGHT, showlegend=False, margin={"l": 10, "r": 10, "t": 10, "b": 10})
    return figure


def _chance(figure: go.Figure, x: tuple[float, float], y: tuple[float, float]) -> None:
    figure.add_scatter(x=list(x), y=list(y), mode="lines", hoverinfo="skip",
                       line={"color": CHANCE, "width": 1.5, "dash": "dash"})
