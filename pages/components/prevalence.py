"""How many of the pairs would turn out true, at the share of interacting pairs that a person expects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from esm2amp_core.jobs import Job
from esm2amp_core.kinds import EVALUATE
from esm2amp_core.labelled import parse_labels
from esm2amp_core.operating import OperatingCurve
from pages.components.model_words import JobModel
from pages.components.text import count, literal

OTHERS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Pairs that do not interact for each one that does."""
USUAL = 10


class Expectation(NamedTuple):
    """What is expected of pairs: measured rates of true and false calls, and the share that interacts."""

    curve: OperatingCurve
    prevalence: float


def curve_of(job: Job, model: JobModel, frame: pd.DataFrame) -> OperatingCurve | None:
    """Measured rates of true and false calls: on the job's own labels where it has them, else the model's."""
    return _own_curve(job, frame) or (model.card.operating if model.card else None)


def _own_curve(job: Job, frame: pd.DataFrame) -> OperatingCurve | None:
    """The curve of an evaluated job; None where its pairs tell none."""
    label = job.params.get("label")
    if job.kind != EVALUATE or label not in frame:
        return None
    scored = frame[frame["probability"].notna()]
    labels = parse_labels(scored[label])
    if len(np.unique(labels)) < 2:
        return None
    return OperatingCurve.from_scores(labels, scored["probability"].to_numpy(), measured_on=OWN_PAIRS)


def choose_prevalence(job: Job, model: JobModel, curve: OperatingCurve | None) -> float | None:
    """The expected share of interacting pairs; None, and a sentence, where it would lead to nothing."""
    if curve is None:
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
FEW = " So few pairs tell these rates only roughly: take the expected numbers as a guess."
FITTED = (" So few pairs tell these rates only roughly, and the probabilities were fitted to the same ones: "
          "take the expected numbers as a guess.")  # fmt: skip
OWN_PAIRS = "your own labelled pairs"


def show_expected(
    expected: Expectation, threshold: float | None, *, n_called: int, n_selected: int, low: float, high: float
) -> None:
    """Expected hits among the called rows, and among those that the filters leave.

    Parameters
    ----------
    threshold : float or None
        From which probability a pair is called interacting.
    n_called, n_selected : int
        Rows called interacting; rows that match the filters and have a score.
    low, high : float
        Probabilities between which the selected rows lie: from `low` to below `high`.
    """
    curve, prevalence = expected
    sentences = []
    if threshold is not None:
        precision = curve.precision_at(threshold, prevalence)
        sentences.append(_sentence("called interacting", n_called, precision))
    if n_selected != n_called or low != threshold:
        sentences.append(_sentence("in the table below", n_selected,
                                   curve.precision_between(low, high, prevalence)))  # fmt: skip
    st.markdown("  \n".join(filter(None, sentences)))
    counts = f"{curve.n_positive:,} interacting, {curve.n_negative:,} others"
    few = min(curve.n_positive, curve.n_negative) < FEW_PAIRS
    if curve.measured_on == OWN_PAIRS:
        st.caption(f"Measured on the labels of this very table ({counts}), and told for another share of "
                   f"interacting ones.{FEW if few else ''}")
    else:
        st.caption(
            "This takes your pairs to be like those that the model was measured on "
            f"({literal(curve.measured_on) or 'labelled pairs'}: {counts}), only with another share of "
            f"interacting ones.{FITTED if few else ''}"
        )


def at_least_as_high_words(expected: Expectation, probability: float) -> str:
    """What a person may expect of one pair, given how the pairs scored at least as high turn out."""
    curve, prevalence = expected
    precision = curve.precision_at(probability, prevalence)
    return (
        f"At the expected share of 1 : {round(1 / prevalence - 1):,}, about {_per_hundred(precision)} pairs "
        "with a probability at least this high interact."
    )


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
