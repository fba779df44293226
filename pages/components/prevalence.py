"""How many of the pairs would turn out true, at the share of interacting pairs that a person expects."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.jobs import Job
from esm2amp_core.operating import OperatingCurve
from pages.components.model_words import JobModel
from pages.components.text import count, literal

OTHERS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Pairs that do not interact for each one that does."""
USUAL = 10


def choose_prevalence(job: Job, model: JobModel) -> float | None:
    """The expected share of interacting pairs; None, and a sentence, where it would lead to nothing."""
    if curve_of(model) is None:
        st.caption(_no_curve_words(model))
        return None
    others = st.select_slider(
        "Among your pairs, you expect one interacting pair for how many others?", OTHERS, USUAL,
        format_func=lambda n: f"1 : {n:,}", key=f"prevalence-{job.id}",
        help="Pairs that an experiment has picked out already: perhaps 1 : 1 to 1 : 10. A bait against a "
        "list: about 1 : 100. Proteins paired at random: 1 : 500 and beyond.",
    )  # fmt: skip
    return 1 / (1 + others)


FEW_PAIRS = 500
FEW = (" So few pairs tell these rates only roughly, and the probabilities were fitted to the same ones: "
       "take the expected numbers as a guess.")  # fmt: skip


def show_expected(
    model: JobModel, prevalence: float, *, n_called: int, n_selected: int, low: float, high: float
) -> None:
    """Expected hits among the called rows, and among those that the filters leave.

    Parameters
    ----------
    n_called, n_selected : int
        Rows called interacting; rows that match the filters and have a score.
    low, high : float
        Probabilities between which the selected rows lie: from `low` to below `high`.
    """
    curve = curve_of(model)
    sentences = []
    if model.threshold is not None:
        precision = curve.precision_at(model.threshold, prevalence)
        sentences.append(_sentence("called interacting", n_called, precision))
    if n_selected != n_called or low != model.threshold:
        sentences.append(_sentence("in the table below", n_selected,
                                   curve.precision_between(low, high, prevalence)))  # fmt: skip
    st.markdown("  \n".join(filter(None, sentences)))
    st.caption(
        "This takes your pairs to be like those that the model was measured on "
        f"({literal(curve.measured_on) or 'labelled pairs'}: {curve.n_positive:,} interacting, "
        f"{curve.n_negative:,} others), only with another share of interacting ones."
        + (FEW if min(curve.n_positive, curve.n_negative) < FEW_PAIRS else "")
    )


def at_least_as_high_words(model: JobModel, probability: float, prevalence: float) -> str:
    """What a person may expect of one pair, given how the pairs scored at least as high turn out."""
    precision = curve_of(model).precision_at(probability, prevalence)
    return (
        f"At the expected share of 1 : {round(1 / prevalence - 1):,}, about {_per_hundred(precision)} pairs "
        "with a probability at least this high interact."
    )


def curve_of(model: JobModel) -> OperatingCurve | None:
    """The operating curve of the model that scored the job, if it is still there and has one."""
    return model.card.operating if model.card else None


def _sentence(which: str, n: int, precision: float | None) -> str:
    if n == 0:
        return ""
    if precision is None:
        return f"Of the **{count(n, 'pair')}** {which}: too few measured pairs score alike to tell."
    hits = n * precision
    shown = "fewer than 1" if hits < 0.95 else f"about {hits:,.0f}"
    share = _per_hundred(precision)
    return f"Of the **{count(n, 'pair')}** {which}, expect **{shown}** to interact ({share})."


def _per_hundred(precision: float) -> str:
    """A share in words that stay readable when it is small."""
    if precision >= 0.095:
        return f"{100 * precision:.0f} in 100"
    return f"{1000 * precision:.0f} in 1,000" if precision >= 0.00095 else "fewer than 1 in 1,000"


def _no_curve_words(model: JobModel) -> str:
    if model.card is None:
        return (
            "How many of these pairs would turn out true at your own share of interacting pairs cannot be "
            "told: the model that made these scores is no longer here."
        )
    return (
        "How many of these pairs would turn out true at your own share of interacting pairs cannot be told: "
        "this model brings no measured rates of true and false calls."
    )
