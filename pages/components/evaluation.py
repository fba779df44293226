"""An evaluation report on screen: figures with their intervals, curves, classes, baselines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from esm2amp_core.figures.evaluation import (
    baseline_intervals,
    precision_recall_curve,
    reliability_diagram,
    roc_curve,
)
from esm2amp_core.report_words import (
    AHEAD,
    CLASSES,
    COMPARED,
    CURVES,
    INTERVAL,
    MEASURES,
    RARE,
    difference_words,
    facts,
    interval_words,
    point_words,
    verdict,
)
from esm2amp_core.reports import PREVALENCES, REPORT, REPORT_PAGE, TABLES, Interval, Report, read_report
from pages.components.text import count, literal

CHARTS = {"roc": roc_curve, "precision_recall": precision_recall_curve, "reliability": reliability_diagram}
HEADLINES = ("auroc", "aupr", "mcc", "accuracy", "ece")


def show_report(folder: Path) -> None:
    """The whole report of a folder.

    Raises
    ------
    ReportError
        If it cannot be read.
    """
    report = read_report(folder)
    st.markdown("  \n".join(map(literal, verdict(report))))
    if report.notes:
        st.info("\n\n".join(map(literal, report.notes)), icon=":material/info:")
    _headlines(report)
    _curves(report)
    if report.baselines:
        _baselines(report)
    if report.classes:
        _classes(report)
    _prevalence(report)
    with st.expander("All figures, and what they mean"):
        _measures(report)
    with st.expander("How the evaluation was made"):
        _table(("What", "Value"), facts(report).items(), "Provenance of the evaluation")
    _downloads(folder)


def _headlines(report: Report) -> None:
    for column, name in zip(st.columns(len(HEADLINES)), HEADLINES, strict=True):
        title, meaning = MEASURES[name]
        interval = report.measures[name]
        with column.container(border=True):
            st.metric(title, f"{interval.value:.3f}", help=meaning)
            known = f"95 %: {interval.low:.3f} to {interval.high:.3f}"
            st.caption(known if interval.is_known else "no interval")
    st.caption(INTERVAL)


def _curves(report: Report) -> None:
    for column, (name, (title, words)) in zip(st.columns(len(CURVES)), CURVES.items(), strict=True):
        with column:
            st.markdown(f"**{title}**")
            _chart(CHARTS[name](report), title)
            st.caption(words)


def _baselines(report: Report) -> None:
    st.markdown("**Baselines: what simpler means reach on the same pairs**")
    _chart(baseline_intervals(report), "AUROC of the model and of each baseline")
    rows = [
        (baseline.title, MEASURES[name][0], interval_words(baseline.measures[name]),
         difference_words(baseline.difference[name]))
        for baseline in report.baselines for name in COMPARED
    ]  # fmt: skip
    with st.expander("All baseline figures, and the model's lead"):
        st.caption(AHEAD)
        _table(("Baseline", "Figure", "Baseline's value", "Model minus baseline"), rows, "Baselines")
        st.markdown("\n".join(f"- **{literal(baseline.title)}**: {literal(baseline.description)}"
                              for baseline in report.baselines))


def _classes(report: Report) -> None:
    st.markdown("**New and seen proteins**")
    rows = []
    for part in report.classes:
        title, meaning = CLASSES[part.name]
        figures = (interval_words(part.measures[name]) if part.measures else "–"
                   for name in ("auroc", "aupr"))
        rows.append((title, f"{part.n_pairs:,}", *figures, f"{meaning} {part.note}".strip()))
    _table(("Class", "Pairs", "AUROC", "AUPR", "Meaning"), rows, "Figures by class")
    st.caption(f"Seen means the very same chain, according to {literal(report.data['classes_from'])}.")


def _prevalence(report: Report) -> None:
    st.markdown("**Where interactions are rare**")
    rows = []
    for point in report.operating_points:
        rows.append((point_words(point), f"{100 * point.recall.value:.1f} %",
                     f"{100 * point.false_positive_rate.value:.1f} % "
                     f"({count(point.false_positives, 'pair')})",
                     *(_percent(point.precision[share]) for share in PREVALENCES)))
    header = ("Called from", "Recall", "False alarms", *(f"Precision at {share}" for share in PREVALENCES))
    _table(header, rows, "Precision where interactions are rare")
    st.caption(RARE)


def _measures(report: Report) -> None:
    counts = report.confusion
    rows = [(MEASURES[name][0], interval_words(interval), MEASURES[name][1])
            for name, interval in report.measures.items()]
    _table(("Figure", "Value (95 % interval)", "Meaning"), rows, "All figures")
    calls = [("interacts", f"{counts['tp']:,}", f"{counts['fn']:,}"),
             ("does not interact", f"{counts['fp']:,}", f"{counts['tn']:,}")]
    _table(("Label", "Called interacting", "Not called"), calls, "Calls and labels")


def _downloads(folder: Path) -> None:
    with st.container(horizontal=True):
        for name in (REPORT_PAGE, REPORT, *TABLES):
            if (folder / name).is_file():
                st.download_button(
                    f"Download {name}", data=lambda name=name: (folder / name).read_bytes(), file_name=name,
                    on_click="ignore", icon=":material/download:", key=f"report-{folder}-{name}",
                )  # fmt: skip


def _percent(interval: Interval) -> str:
    value = f"{100 * interval.value:.1f} %"
    return f"{value} ({100 * interval.low:.1f} to {100 * interval.high:.1f})" if interval.is_known else value


def _chart(figure: go.Figure, title: str) -> None:
    stem = title.lower().replace(" ", "_")
    st.plotly_chart(
        figure, alt=title, key=f"chart-{stem}",
        config={"displaylogo": False, "modeBarButtons": [["toImage"]],
                "toImageButtonOptions": {"format": "svg", "filename": stem}},
    )  # fmt: skip


def _table(header: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> None:
    st.dataframe(pd.DataFrame(list(rows), columns=list(header)), hide_index=True, alt=name, height="content")
