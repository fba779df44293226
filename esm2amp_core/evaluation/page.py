"""A report as one page to read: no script, nothing loaded, light and dark, fit to print."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from esm2amp_core.evaluation.svg import Chart, forest
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
from esm2amp_core.reports import PREVALENCES, Interval, Report

SHOWN_LEFT_OUT = 100
STYLE = """
:root{color-scheme:light dark;--ground:#fff;--text:#1c2733;--soft:#5a6875;--edge:#d6dde4;--panel:#f5f7f9;
--model:#1f6fa8;--other:#d55e00}
@media (prefers-color-scheme:dark){:root{--ground:#12171d;--text:#e4eaf0;--soft:#9dabb8;--edge:#33404c;
--panel:#1a222a;--model:#6db7ea;--other:#f0a35e}}
@media print{:root{color-scheme:light;--ground:#fff;--text:#000;--soft:#444;--edge:#bbb;--panel:#fff;
--model:#1f6fa8;--other:#d55e00}section{break-inside:avoid}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1000px;padding:2rem 1.25rem 4rem;background:var(--ground);color:var(--text);
font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}
h3{font-size:1rem;margin:1.2rem 0 .1rem}p{margin:.4rem 0}summary{cursor:pointer}
.soft,td.soft,figcaption{color:var(--soft)}
.verdict{background:var(--panel);border:1px solid var(--edge);border-radius:8px;padding:.7rem 1rem;
margin:1rem 0}
.note{border-left:3px solid var(--other);padding:.15rem 0 .15rem .8rem;margin:.6rem 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem 1.2rem .35rem 0;border-bottom:1px solid var(--edge);vertical-align:top}
th{font-weight:600}td:nth-child(2):not(:last-child){white-space:nowrap}
td.number,th.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.names td:first-child{white-space:nowrap}.names td:last-child{width:100%}
td:first-child .soft{display:block;white-space:normal;font-size:.9em}
.baselines{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(420px,100%),1fr));gap:0 2rem}
.baselines table{font-size:.9em}.baselines th,.baselines td{padding-right:.6rem}
th:last-child,td:last-child{padding-right:0}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:1.2rem}
figure{margin:0}svg{width:100%;height:auto;display:block}svg text{fill:var(--soft);font-size:12px}
svg .grid path{stroke:var(--edge);stroke-width:1}svg polyline{fill:none}
svg .curve{stroke:var(--model);stroke-width:2.2}svg .chance{stroke:var(--soft);stroke-dasharray:5 4;fill:none}
svg .interval{stroke:var(--model);stroke-width:2}svg .dot{fill:var(--model)}
.names.facts td{padding-top:.2rem;padding-bottom:.2rem;overflow-wrap:anywhere}
@media (max-width:600px){.scroll table{min-width:34rem}.baselines table{min-width:0}}
"""


def to_html(report: Report) -> str:
    """The whole page."""
    sections = (
        _head(report), _measures(report), _curves(report), _confusion(report), _prevalence(report),
        _classes(report), _baselines(report), _left_out(report), _provenance(report),
    )  # fmt: skip
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head><body>"
        f"{''.join(filter(None, sections))}</body></html>\n"
    )


def _head(report: Report) -> str:
    data = report.data
    size = (f"{data['n_scored']:,} pairs, {data['n_positive']:,} of them interacting, over "
             f"{data['n_proteins']:,} proteins · {report.created[:10]}")
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in report.notes)
    return (
        f"<h1>{escape(report.title)}</h1>"
        f'<p class="soft">Model: {escape(str(report.model.get("title", "")))} · {size}</p>'
        f'<div class="verdict">{"".join(f"<p>{escape(words)}</p>" for words in verdict(report))}</div>{notes}'
    )


def _measures(report: Report) -> str:
    rows = [(MEASURES[name][0], interval_words(interval), MEASURES[name][1])
            for name, interval in report.measures.items()]
    threshold = (f"A pair is called interacting from a probability of {report.settings['threshold']:.3g} on. "
                 f"{INTERVAL}")
    table = _table(("Figure", "Value (95 % interval)", "Meaning"), rows, kind="scroll names")
    return _section("How good the model is on these pairs", threshold, table)


def _curves(report: Report) -> str:
    found, data = report.curves, report.data
    share = data["n_positive"] / data["n_scored"]
    roc = Chart("ROC curve", "false positive rate", "recall")
    roc.line((0, 1), (0, 1), "chance")
    roc.line(found.false_positive_rate, found.recall, "curve")
    point = report.operating_points[0]
    roc.point(point.false_positive_rate.value, point.recall.value, f"threshold {point.threshold:.3g}")
    pr = Chart("Precision-recall curve", "recall", "precision")
    pr.line((0, 1), (share, share), "chance")
    pr.line(found.recall[1:], found.precision, "curve")
    charts = {"roc": roc, "precision_recall": pr, "reliability": _reliability(report)}
    figures = "".join(
        f"<figure>{charts[name].to_svg()}<figcaption><b>{title}.</b> {escape(words)}</figcaption></figure>"
        for name, (title, words) in CURVES.items()
    )
    return _section("Curves", "", f'<div class="charts">{figures}</div>')


def _reliability(report: Report) -> Chart:
    found = report.curves
    ends = [value for value in (*found.bin_probability, *found.bin_observed, *found.bin_observed_low,
                                *found.bin_observed_high) if value == value and value is not None]
    low, high = max(0.0, min(ends) - 0.03), min(1.0, max(ends) + 0.03)
    chart = Chart("Reliability diagram", "mean probability", "share that interacts", (low, high), (low, high))
    chart.line((low, high), (low, high), "chance")
    chart.line(found.bin_probability, found.bin_observed, "curve")
    rows = (found.bin_probability, found.bin_observed, found.bin_observed_low, found.bin_observed_high,
            found.bin_pairs)  # fmt: skip
    for x, y, start, end, pairs in zip(*rows, strict=True):
        if start is not None and start == start:
            chart.bar(x, start, end)
        chart.point(x, y, f"{pairs:,} pairs: probability {x:.2f}, {y:.2f} interact")
    return chart


def _confusion(report: Report) -> str:
    counts = report.confusion
    rows = (("interacts", f"{counts['tp']:,}", f"{counts['fn']:,}"),
            ("does not interact", f"{counts['fp']:,}", f"{counts['tn']:,}"))
    table = _table(("Label", "called interacting", "not called"), rows, numbers=(1, 2))
    return _section("Calls and labels", "How the pairs fall at the model's threshold.", table)


def _prevalence(report: Report) -> str:
    header = ("Called from", "Finds (recall)", "False alarms", *(f"at {share}" for share in PREVALENCES))
    rows = []
    for point in report.operating_points:
        recall = _percent(point.recall) if point.name == "threshold" else f"{100 * point.recall.value:.0f} %"
        rows.append((point_words(point), recall,
                     f"{_percent(point.false_positive_rate)}; {point.false_positives:,} pairs",
                     *(_percent(point.precision[share]) for share in PREVALENCES)))  # fmt: skip
    return _section("Where interactions are rare", RARE, _table(header, rows, numbers=range(1, 7)))


def _classes(report: Report) -> str:
    if not report.classes:
        return ""
    rows = []
    for part in report.classes:
        title, meaning = CLASSES[part.name]
        figures = (interval_words(part.measures[name]) if part.measures else "–"
                   for name in ("auroc", "aupr", "mcc"))
        numbers = (f"{part.n_pairs:,}", f"{part.n_positive:,}")
        rows.append((f"{title}\n{meaning} {part.note}", *numbers, *figures))
    header = ("Class", "Pairs", "Interacting", "AUROC", "AUPR", "MCC")
    words = ("A model may know a protein without knowing the pair: figures for seen proteins say little "
             f"about new ones. Seen means the very same chain, according to {report.data['classes_from']}.")
    return _section("New and seen proteins", words, _table(header, rows, numbers=range(1, 6)))


def _baselines(report: Report) -> str:
    if not report.baselines:
        return ""
    auroc = [("This model", report.measures["auroc"]),
             *((baseline.title, baseline.measures["auroc"]) for baseline in report.baselines)]  # fmt: skip
    picture = forest("AUROC of the model and the baselines",
                     [(name, found.value, found.low, found.high) for name, found in auroc], 0.5)
    header = ("Figure", "Baseline", "Model minus baseline")
    tables = "".join(
        f"<article><h3>{escape(baseline.title)}</h3><p class=soft>{escape(baseline.description)}</p>"
        + _table(header, [(MEASURES[name][0], interval_words(baseline.measures[name]),
                           difference_words(baseline.difference[name])) for name in COMPARED], numbers=(1, 2))
        + "</article>"
        for baseline in report.baselines
    )  # fmt: skip
    words = f"Trained on {report.data['n_train']:,} pairs and measured on the model's test pairs. {AHEAD}"
    return _section("Baselines: what simpler means reach", words,
                    f"<figure>{picture}<figcaption>AUROC with its 95 % interval; the dashed line is guessing."
                    f'</figcaption></figure><div class="baselines">{tables}</div>')


def _left_out(report: Report) -> str:
    if not report.left_out:
        return ""
    rows = [(f"{row['row']:,}", row["protein_a"], row["protein_b"], row["reason"])
            for row in report.left_out[:SHOWN_LEFT_OUT]]
    more = len(report.left_out) - len(rows)
    words = f"The first {SHOWN_LEFT_OUT}; scores.csv lists {more:,} more." if more else ""
    table = _table(("Row", "Protein A", "Protein B", "Reason"), rows, numbers=(0,))
    summary = f"{len(report.left_out):,} rows, each with its reason"
    return _section("Rows left out", words, f"<details><summary>{summary}</summary>{table}</details>")


def _provenance(report: Report) -> str:
    body = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>"
                   for name, value in facts(report).items())
    words = "The same seed on the same machine gives the same numbers."
    return _section("How these numbers were made", words,
                    f'<div class="scroll names facts"><table>{body}</table></div>')


def _percent(interval: Interval) -> str:
    """``12.3 %``, and its interval on a second line."""
    value = f"{100 * interval.value:.1f} %"
    return f"{value}\n{100 * interval.low:.1f} to {100 * interval.high:.1f}" if interval.is_known else value


def _section(title: str, words: str, body: str) -> str:
    lead = f'<p class="soft">{escape(words)}</p>' if words else ""
    return f"<section><h2>{escape(title)}</h2>{lead}{body}</section>"


def _table(
    header: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = (1,), *,
    kind: str = "scroll",
) -> str:
    """A table; columns in `numbers` are aligned to the right, `kind` is the classes of the box around it."""
    right = set(numbers)

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{tag}{' class=number' if place in right else ''}>{text}</{tag}>"
            for place, text in enumerate(map(_cell, row))
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    head = f"<thead><tr>{cells('th', header)}</tr></thead>"
    return f'<div class="{kind}"><table>{head}<tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    """What stands after a line break is small print."""
    first, _, second = (escape(part) for part in str(text).partition("\n"))
    return f'{first}<br><span class="soft">{second}</span>' if second.strip() else first
