"""The report of one explained pair, and of many."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_report.evidence import (
    NO_BETTER,
    NO_BETTER_ON_AVERAGE,
    Test,
    tests_of,
)
from esm2amp_core.explanation_report.page import render
from esm2amp_core.explanation_report.pictures import (
    figures_of_averages,
    figures_of_method,
    inline,
    side_by_side,
)
from esm2amp_core.explanation_report.reading import (
    ALL,
    GROUPS,
    groups_of,
    no_better_than_random,
    pair_of,
    position_of,
)
from esm2amp_core.explanation_report.rerun import FASTA_FILE, PAIRS_FILE, rerun_of
from esm2amp_core.explanation_report.words import (
    check_rows,
    check_words,
    number,
    provenance,
    settings_words,
    signed_number,
)
from esm2amp_core.explanations import METHODS, RESIDUES, Explanation
from esm2amp_core.figures.explanation_pair import PairTokens, span_text
from esm2amp_core.figures.explanation_parts import has_residues, part_of, token_values
from esm2amp_core.figures.explanation_ranking import places_of
from esm2amp_core.plots.paper import DOUBLE_MM, MM_PER_INCH
from esm2amp_core.sequences import Protein

TOP = 5
"""Segments listed for each method."""
MOST_PAIRS_IN_TEXT = 50
"""Pairs of a larger table are in the page as a file only."""
CAPTIONS = {
    "heatmap": "Row: the segment that takes. Column: the one it takes from. Mean of all layers and heads.",
    "rollout": "Attention followed through the layers: how much of each segment (column) arrives in each one "
               "(row).",
    "waterfall": "From the baseline, on top, to this pair: what each segment adds, the largest first.",
    "interactions": "What two segments add together beyond what each adds alone: blue for the interaction, "
                    "orange against it.",
    "track": "Both chains with residue numbers; colours tell the importance of each segment.",
    "means": "Means of the pairs' values, for all pairs and separately for those called and not called.",
    "swarm": "One dot per pair and segment.",
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A figure as it stands in the page."""

    svg: Markup
    caption: str
    size: str


@dataclass(frozen=True)
class Segment:
    """A line of the table of the most important segments."""

    token: str
    protein: str
    residues: str
    value: str
    magnitude: str
    sequence: str


@dataclass(frozen=True)
class Section:
    """What one method says."""

    title: str
    shows: str
    not_shown: str
    pictures: list[Picture]
    settings: str
    segments: tuple[Segment, ...] = ()
    signed: bool = False
    checks: tuple[tuple[str, str, str], ...] = ()
    warning: str = ""


def write_report(folder: ExplanationFolder, proteins: Mapping[str, Protein]) -> bytes:
    """The page of a whole folder: of its pair where it has one, of their means where it has several.

    Parameters
    ----------
    folder : ExplanationFolder
    proteins : mapping of str to Protein
        By the names in `folder.pairs`, as `PairTable.proteins` has them.

    Returns
    -------
    bytes
        HTML in UTF-8; the same bytes for the same folder.
    """
    if len(folder.pairs) == 1:
        return pair_report(folder, int(folder.pairs["row"].iloc[0]), proteins)
    return job_report(folder, proteins)


def pair_report(
    folder: ExplanationFolder, row: int, proteins: Mapping[str, Protein], *,
    residues: ExplanationFolder | None = None,
) -> bytes:  # fmt: skip
    """The page of one pair.

    Parameters
    ----------
    folder : ExplanationFolder
    row : int
        As in `folder.pairs`.
    proteins : mapping of str to Protein
        As for `write_report`.
    residues : ExplanationFolder, optional
        Of the same pair alone, where a job of its own went down to its residues.

    Raises
    ------
    ValueError
        If the row was not explained.
    """
    position = position_of(folder, row)
    scored, pair = folder.pairs.iloc[position], pair_of(folder, position)
    parts = {method: part_of(folder.explanation(method), [position]) for method in folder.methods}
    if residues is not None:
        parts |= {method: part_of(residues.explanation(method), [0]) for method in residues.methods}
    sequences = {side: proteins[name].sequence for side, name in zip("AB", pair.names, strict=True)}
    tested = [folder] if residues is None else [folder, residues]
    muted = [method for one in tested for method in no_better_than_random(one, row)]
    caption = ("Each method with a scale of its own; bars above zero speak for the interaction, below zero "
               "against it. Grey: no better than random on this pair.")
    overview = _picture("bars", side_by_side(parts, pair, muted=muted), caption)
    return render(
        title=f"Why this score? {pair.names[0]} and {pair.names[1]}",
        subtitle=" · ".join(f"{name}: {length:,} residues" for name, length in
                            zip(pair.names, pair.lengths, strict=True)),
        verdict=_verdict(scored, folder.summary["model"]),
        overview=overview if len(parts) > 1 else None,
        overview_words="Where methods agree, a segment matters to the model whichever way it is asked.",
        sections=[_section_of_pair(part, pair, sequences, NO_BETTER if method in muted else "")
                  for method, part in parts.items()],
        tests=[_shown(test, RESIDUES if one is residues else "") for one in tested
               for test in tests_of(one, row)],
        **_common(folder, folder.pairs.iloc[[position]], proteins, list(parts)),
    )


def job_report(folder: ExplanationFolder, proteins: Mapping[str, Protein]) -> bytes:
    """The page of many pairs: means, also separately for pairs called interacting and not.

    Parameters
    ----------
    folder, proteins
        As for `write_report`.
    """
    groups = groups_of(folder)
    counts = [f"{len(which):,} {GROUPS[name].lower()}" for name, which in groups.items() if name != ALL]
    title = f"Why these scores? {folder.summary['title'] or 'Explained pairs'}"
    sections, muted = [], no_better_than_random(folder, None)
    for method in folder.methods:  # one at a time: attention of many pairs is large
        warning = NO_BETTER_ON_AVERAGE if method in muted else ""
        sections.append(_section_of_averages(folder.explanation(method), folder, warning))
    left_out = folder.summary["left_out"]
    verdict = [f"{len(folder.pairs):,} pair{'' if len(folder.pairs) == 1 else 's'}: {', '.join(counts)}.",
               "Means over pairs tell what the model looks at in general, not why one pair got its score."]
    if left_out:
        verdict.append(f"{len(left_out):,} row{'' if len(left_out) == 1 else 's'} could not be explained.")
    return render(
        title=title, subtitle=f"Model: {folder.summary['model']['title']}", verdict=verdict,
        overview=None, overview_words="", sections=sections,
        tests=[_shown(test) for test in tests_of(folder, None)],
        **_common(folder, folder.pairs, proteins, folder.methods),
    )  # fmt: skip


def _common(
    folder: ExplanationFolder, pairs: pd.DataFrame, proteins: Mapping[str, Protein], methods: Sequence[str]
) -> dict[str, Any]:
    """What both kinds of report end with."""
    summary, rerun = folder.summary, rerun_of(folder, pairs, proteins, methods)
    model, in_text = summary["model"], len(pairs) <= MOST_PAIRS_IN_TEXT
    return {
        "model": {"title": model["title"], "words": model.get("summary", ""),
                  "limitations": list(model.get("limitations", ()))},
        "missing": [(METHODS[name].title if name in METHODS else name, reason)
                    for name, reason in summary["unavailable"].items()],
        "provenance": provenance(summary),
        "rerun": {"command": rerun.command, "pairs_name": PAIRS_FILE, "fasta_name": FASTA_FILE,
                  "pairs_link": _link("text/csv", rerun.pairs),
                  "fasta_link": _link("text/plain", rerun.fasta.encode("utf-8", errors="replace")),
                  "pairs_text": rerun.pairs.decode("utf-8-sig") if in_text else "",
                  "fasta_text": rerun.fasta if in_text else ""},
    }  # fmt: skip


def _verdict(scored: pd.Series, model: Mapping[str, Any]) -> list[str]:
    """Score and call, in words."""
    call = "called interacting" if scored["interacts"] else "not called interacting"
    return [
        f"Probability of interaction {scored['probability']:.3f}: {call}.",
        f"Pairs are called from {model['threshold']:.3g} on. Logit {number(scored['logit'])}. This explains "
        "the model's score, not the biology of the pair: where the score is wrong, so is what led to it.",
    ]


def _section_of_pair(
    part: Explanation, pair: PairTokens, sequences: Mapping[str, str], warning: str
) -> Section:
    about = METHODS[part.method]
    caption = dict(CAPTIONS)
    if has_residues(part):
        caption["track"] = "Above each chain one bar per residue; colours are sums over segments."
    pictures = [_picture(f"{part.method}-{name}", figure, caption[name])
                for name, figure in figures_of_method(part, pair).items()]
    return Section(
        about.title, about.shows, about.not_shown, pictures, settings_words(part.settings),
        segments=tuple(_top_segments(part, pair, sequences)), checks=tuple(check_rows(part)),
        signed=about.signed, warning=warning,
    )  # fmt: skip


def _section_of_averages(explanation: Explanation, folder: ExplanationFolder, warning: str) -> Section:
    about = METHODS[explanation.method]
    pictures = [_picture(f"{explanation.method}-{name}", figure, CAPTIONS[name.partition("_")[0]])
                for name, figure in figures_of_averages(explanation, folder).items()]
    rows = [(title, number(float(np.max(np.abs(values)))), f"The largest of all pairs. {meaning}")
            for name, values in explanation.checks.items() for title, meaning in [check_words(name)]]
    return Section(about.title, about.shows, about.not_shown, pictures, settings_words(explanation.settings),
                   checks=tuple(rows), warning=warning)


def _top_segments(part: Explanation, pair: PairTokens, sequences: Mapping[str, str]) -> list[Segment]:
    values, signed = token_values(part)
    found = []
    for i in np.argsort(places_of(part), kind="stable")[:TOP]:
        token = pair.tokens[i]
        ends = pair.residues(token)
        found.append(Segment(
            token, pair.name(token), span_text(*ends) if ends else "–",
            signed_number(float(values[i]), signed=signed), number(float(part.magnitude[0, i])),
            sequences[token[0]][ends[0] - 1 : ends[1]] if ends else "stands for no residues",
        ))  # fmt: skip
    return found


def _shown(test: Test, method: str = "") -> dict[str, Any]:
    """A test as the page takes it; of one method alone where that is named."""
    pictures = [_picture(f"{method}{name}", figure, caption)
                for name, (figure, caption) in test.figures.items()]
    title = f"{test.title} {METHODS[method].title}" if method else test.title
    return {"title": title, "lines": test.lines, "pictures": pictures, "header": test.header,
            "rows": test.rows, "numbers": test.numbers}


def _picture(name: str, figure: Figure, caption: str) -> Picture:
    wide = figure.get_size_inches()[0] * MM_PER_INCH > 0.9 * DOUBLE_MM
    return Picture(Markup(inline(name, figure, caption)), caption, "wide" if wide else "narrow")


def _link(kind: str, data: bytes) -> str:
    """A file inside the page."""
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(data).decode('ascii')}"
