"""How far an explanation can be trusted: its tests, in pictures and in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from esm2amp_core.explanation_report.reading import no_better_than_random, read_test, tested_at
from esm2amp_core.explanation_report.words import SIGNED_AGREEMENT, p_words, share
from esm2amp_core.explanation_tests.agreement import Agreement
from esm2amp_core.explanation_tests.arrays import Arrays
from esm2amp_core.explanation_tests.controls import CONTROLS, Controls
from esm2amp_core.explanation_tests.faithfulness import CURVES, SIGNIFICANT, Faithfulness
from esm2amp_core.explanation_tests.p_values import empirical_p
from esm2amp_core.explanation_tests.randomisation import ALIKE, Randomisation
from esm2amp_core.explanations import METHODS, RESIDUES
from esm2amp_core.figures.explanation_heatmap import named_heatmap
from esm2amp_core.figures.explanation_trust import controls_histogram, removal_curves
from esm2amp_core.number_text import number_text
from pages.components import explain_drawings as drawn
from pages.components.explain_downloads import caption_and_files
from pages.components.explain_drawings import drawings
from pages.components.explain_reading import View
from pages.components.navigation import EXPLAIN
from pages.components.text import count, literal, plain


def unfaithful_methods(view: View) -> set[str]:
    """Methods whose order changes the score no more than a random one, for this pair or on average.

    None of a pair that was not tested, as happens where pairs are many.
    """
    found = set(no_better_than_random(view.folder, _row(view)))
    return found if view.residues is None else found | set(no_better_than_random(view.residues, _row(view)))


def decoys_reach_it(view: View) -> bool:
    """True where a pair is called interacting and stands out from no kind of decoys."""
    test = read_test(view.folder, Controls) if view.is_pair and view.scored["interacts"] else None
    return test is not None and len(test.kinds) > 0 and bool((test.p_values > SIGNIFICANT).all())


def has_tests(view: View) -> bool:
    """True where there is anything to show."""
    return any(view.folder.has(kind.__name__.lower()) for kind in TESTS)


def show_trust(view: View) -> None:
    """Every test that was made."""
    for kind, show in TESTS.items():
        test = read_test(view.folder, kind)
        if test is not None and (view.is_pair or kind is not Controls):
            show(view, test)
    if view.residue_job is not None:
        st.page_link(EXPLAIN, label=f"{METHODS[RESIDUES].title}: tests of their own",
                     icon=":material/zoom_in:", query_params={"job": view.residue_job.id})


def _faithfulness(view: View, test: Faithfulness) -> None:
    st.subheader("Does the score follow the explanation?", anchor=False)
    meant = test.rows[np.isin(test.rows, view.folder.pairs["row"].iloc[view.positions])]
    rows = meant if len(meant) else test.rows
    if not len(meant):
        st.caption(f"{'This pair was not' if view.is_pair else 'None of these pairs was'} tested: of many "
                   f"pairs some are, spread evenly. What follows is the mean of {count(len(rows), 'pair')}.")
    which = np.isin(test.rows, rows)
    titles = [_title(method) for method in test.methods]
    curves = {panel: dict(zip(titles, getattr(test, curve)[which].mean(axis=0), strict=True))
              for curve, panel in CURVES.items()}
    random = {panel: getattr(test, f"random_{curve}")[which].mean(axis=0) for curve, panel in CURVES.items()}
    _chart(removal_curves(curves, random), "removal", "The score as segments are taken away or added")
    caption_and_files(
        view, "Segments are left out, or come in, one after the other, those that a method calls most "
        "important first. A faithful method leaves the grey band of random orders early. It tests the "
        "explanation against the model, not the model against biology.", "faithfulness",
        lambda: test.frame().loc[lambda frame: frame["row"].isin(rows)],
        drawings(drawn.removal, curves, random),
    )  # fmt: skip
    at = tested_at(test.rows, _row(view))
    st.markdown("\n".join(f"- {line}" for line in _faithful_words(test, at)))
    told = ("p: the share of random orders that do as well. Several methods are tested side by side, so it "
            "is corrected for their number (Holm); a method counts as better where the corrected p is at "
            f"most {SIGNIFICANT:g}.")
    if at is None:
        told += (f" p-values are those of the mean over all {count(len(test.rows), 'tested pair')}; in "
                 "brackets behind the share of pairs stands its 95 % interval, where pairs are enough.")
    st.caption(told)


def _faithful_words(test: Faithfulness, at: int | None) -> list[str]:
    """What the test says of each method, for a tested pair or (None) over all of them."""
    if at is None:
        found = test.mean_p_values, test.corrected_mean_p_values, test.better_on_average
    else:
        found = test.p_values[at], test.corrected_p_values[at], test.better_than_random[at]
    lines = []
    for m, (method, p, corrected, better) in enumerate(zip(test.methods, *found, strict=True)):
        if np.isnan(p):
            verdict = "cannot be tested: the score lies too near to that of an average pair"
        elif better:
            verdict = f"better than random orders ({p_words(p, corrected)})"
        else:
            verdict = f"no better than random orders ({p_words(p, corrected)}); read nothing from it here"
        if at is None and not np.isnan(p):
            of_pairs = share(test.share_better[m], test.share_low[m], test.share_high[m])
            verdict += f"; pair by pair, better on {of_pairs} of the pairs"
        lines.append(f"**{_title(method)}**: {verdict}.")
    return lines


def _controls(view: View, test: Controls) -> None:
    st.subheader("Would decoys score as high?", anchor=False)
    titles = [plain(CONTROLS.get(kind, kind)) for kind in test.kinds]
    nulls = dict(zip(titles, test.null_probabilities, strict=True))
    _chart(controls_histogram(nulls, test.probability), "controls",
           "Probabilities of decoys, with the pair's own")  # fmt: skip
    n = test.null_logits.shape[1]
    said = []
    for title, null, p in zip(titles, test.null_logits, test.p_values, strict=True):
        reached = int((null >= test.logit).sum())
        tail = "the pair stands out" if p <= SIGNIFICANT else "the pair does not stand out"
        if empirical_p(-np.array([test.logit]), -null)[0] <= SIGNIFICANT:
            lower = int((null > test.logit).sum())
            tail = f"the pair is lower than {'all' if lower == n else f'{lower} of the'} {n} decoys"
        said.append(f"- **{title}**: {reached} of {count(n, 'decoy')} score at least as high "
                    f"(p = {p:.2g}); {tail}.")
    st.markdown("\n".join(said))
    caption_and_files(
        view, "In a decoy one of the two is no longer itself: its residues are in random order, or it is a "
        "random protein of the same length. The line is the pair's own score; blue lies above it. A score "
        "that decoys reach as well says little about these two proteins.", "controls", test.frame,
        drawings(drawn.controls, nulls, test.probability),
    )  # fmt: skip
    if len(test.methods):
        st.markdown(_standing_out(test))


def _standing_out(test: Controls) -> str:
    """Segments that matter more than any segment of nearly all decoys."""
    lines = []
    for method, p_values in zip(test.methods, test.token_p_values, strict=True):
        worst = p_values.max(axis=0)
        found = [token for token, p in zip(test.tokens, worst, strict=True) if p <= SIGNIFICANT]
        lines.append(f"- **{_title(method)}**: {', '.join(found) if found else 'none'}")
    words = "Segments that matter more than any segment of 95 in 100 decoys of every kind:"
    return "\n".join([words, *lines])


def _agreement(view: View, test: Agreement) -> None:
    if len(test.methods) < 2:
        return
    st.subheader("Do the methods agree?", anchor=False)
    at = tested_at(test.rows, _row(view))
    sizes, signed = (test.mean, test.signed_mean) if at is None else (
        test.correlations[at], test.signed_correlations[at])  # fmt: skip
    titles = [_title(method) for method in test.methods]
    _chart(named_heatmap(sizes, titles, beside=signed), "agreement",
           "Rank correlation between the methods")
    rows = test.rows if at is None else test.rows[[at]]
    second = f"{SIGNED_AGREEMENT} " if np.isfinite(signed).any() else ""
    caption_and_files(
        view, "Of the magnitudes. 1: two methods put the segments in the same order; 0: their orders have "
        f"nothing in common; −1: they are reversed. {second}"
        "Methods may agree and all be wrong about the biology, and those that explain second models (forest, "
        "network) need not agree with the others.", "agreement",
        lambda: test.frame().loc[lambda frame: frame["row"].isin(rows)],
        drawings(drawn.agreement, sizes, signed, titles),
    )  # fmt: skip


def _randomisation(view: View, test: Randomisation) -> None:
    st.subheader("Would an untrained model explain it the same way?", anchor=False)
    lines = []
    for method, mean, magnitude, passes, reason in zip(
        test.methods, test.mean, test.magnitude_mean, test.passes, test.reasons, strict=True
    ):
        alike = f"rank correlation {number_text(mean, '.2f')}"
        if np.isnan(mean):
            verdict = f"not checked: {literal(reason) or 'nothing to compare'}"
        elif passes:
            verdict = f"different from that of the true model ({alike}), as it should be"
        else:
            verdict = (f"much like that of the true model ({alike}): it reflects the proteins more than what "
                       "was learned")
        if passes and magnitude >= ALIKE:
            verdict += (f". Its magnitudes (how much a segment matters, whatever the sign) stay alike "
                        f"({number_text(magnitude, '.2f')}): they tell more of the proteins, so read the "
                        "signed values")
        lines.append(f"- **{_title(method)}**: {verdict}")
    st.markdown("\n".join(lines))
    caption_and_files(
        view, "The model's weights are shuffled and the pairs are explained anew. An explanation that stays "
        "the same tells nothing of what was learned.", "randomisation", test.frame,
    )  # fmt: skip


def _row(view: View) -> int | None:
    """The pair's row; None for a mean."""
    return int(view.chosen) if view.is_pair else None


def _title(method: str) -> str:
    return METHODS[method].title if method in METHODS else plain(method)


def _chart(figure: object, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False})


def method_table(view: View) -> pd.DataFrame:
    """One line per method: the largest of what it checked of itself."""
    checks = view.folder.summary["methods"] | (view.residues.summary["methods"] if view.residues else {})
    return pd.DataFrame([
        {"Method": _title(method), "What it checked, largest of all pairs": ", ".join(
            f"{plain(name)} {value:.2g}" for name, value in about.get("largest", {}).items()) or "–"}
        for method, about in checks.items()
    ])  # fmt: skip


TESTS: dict[type[Arrays], Callable[[View, Arrays], None]] = {
    Faithfulness: _faithfulness, Controls: _controls, Agreement: _agreement, Randomisation: _randomisation,
}  # fmt: skip
"""Each kind of test with what shows it, in the order of the page."""
