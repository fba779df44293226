"""A model's card: what it is, how good, on what it was trained, what it must not be used for."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from esm2amp_core.bundles import ARCHITECTURE_TITLES, Manifest
from esm2amp_core.report_words import MEASURES
from pages.components.model_words import STARTER, trust_words
from pages.components.text import flatten, literal, plain

METRICS = {
    "accuracy": "Accuracy", "auroc": "AUROC", "aupr": "AUPR", "mcc": "MCC", "precision": "Precision",
    "recall": "Recall", "specificity": "Specificity", "balanced_accuracy": "Balanced accuracy", "f1": "F1",
    "loss": "Loss", "brier": "Brier score", "ece": "Calibration error", "n": "Number", "n_pairs": "Number",
    "n_positive": "of these, interacting", "n_left_out": "left out",
    "auroc of composition and length": "AUROC of composition and length",
}  # fmt: skip
FIRST = ("AUROC", "AUROC of composition and length", "AUPR", "Accuracy", "MCC", "Number")
BOUNDS = ("_low", "_high")
"""Endings of the names under which a card keeps the bounds of a figure's 95 % interval."""
DATA_SETS = {
    "train": "Training", "val": "Validation", "validation": "Validation", "test": "Test",
    "maetschke_M.musculus": "Mouse", "maetschke_D.melanogaster": "Fly", "maetschke_E.coli": "E. coli",
    "maetschke_A.thaliana": "Arabidopsis", "dscript_E.coli": "E. coli, 1 of 9 interacts",
    "realtest": "ESM2_AMP's test pairs",
}  # fmt: skip


def show_card(manifest: Manifest) -> None:
    """Everything the bundle says about itself."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(literal(manifest.title), anchor=False, width="content")
            if manifest.name == STARTER:
                st.badge("small offline model", color="blue")
        if manifest.summary:
            st.markdown(literal(manifest.summary))
        if trust := trust_words(manifest):
            st.markdown(f"**How far to trust it.** {trust}")
        show_metrics(manifest.metrics)
        facts, limits = st.columns([1, 1], gap="large")
        with facts:
            _show_facts(manifest)
        with limits:
            if manifest.limitations:
                st.markdown("**Limits**")
                st.markdown("\n".join(f"- {literal(text)}" for text in manifest.limitations))
        with st.expander("Training data and settings"):
            _show_table({**flatten(manifest.training), "sizes": str(manifest.sizes)})
        with st.expander("Files and versions"):
            _show_table({f"SHA-256 of {name}": digest for name, digest in manifest.checksums.items()})
            _show_table({f"{name}": version for name, version in manifest.versions.items()})


def show_broken(reasons: dict[str, str]) -> None:
    """Models that are there but cannot be read, with the reason."""
    for name, reason in reasons.items():
        st.error(f"The model {literal(name)} cannot be used. {literal(reason)}")


def _show_facts(manifest: Manifest) -> None:
    facts = {
        "Name on the command line": manifest.name,
        "Method": ARCHITECTURE_TITLES.get(manifest.architecture, manifest.architecture),
        "Language model": manifest.encoder.id,
        "Called interacting from": f"{manifest.threshold:.2f}",
        "Calibration": manifest.calibration or "none: probabilities are as the network gives them",
        "Licence": manifest.licence or "not stated",
        "Citation": manifest.citation or "not stated",
        "Made": manifest.created[:10],
    }
    st.markdown("\n".join(f"- **{name}**: {literal(str(value))}" for name, value in facts.items() if value))


def show_metrics(metrics: dict[str, Any]) -> None:
    """Figures of each data set, a line per data set; and those of other methods beside them."""
    groups = {DATA_SETS.get(name, plain(name)): _figures(values) for name, values in metrics.items()}
    groups = {name: figures for name, figures in {**groups, "All data": _figures(metrics)}.items() if figures}
    if not groups:
        st.markdown("This model states no measured figures.")
        return
    st.markdown("**How good it is**")
    table = _table(groups, "Pairs")
    # A window of 1,280 pixels has room for the first figures with their intervals; nobody scrolls sideways.
    first = [column for column in table if column in ("Pairs", *FIRST)]
    others = [column for column in table if column not in FIRST]
    _show_figures(table[first], "Measured figures of the model")
    with st.expander("Other figures, and what they all say"):
        if len(others) > 1:
            _show_figures(table[others], "Other measured figures of the model")
        st.markdown("\n".join(f"- **{title}**: {meaning}" for title, meaning in _meanings(groups)))
    for name, values in metrics.items():
        if others := _comparison(values):
            st.markdown(f"**{literal(plain(name))}**")
            _show_figures(_table(others, "Method"), plain(name))


def _meanings(groups: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    """Title and meaning of each figure of a table that has one."""
    shown = {figure for figures in groups.values() for figure in figures}
    return [(title, meaning) for title, meaning in MEASURES.values() if title in shown]


def _figures(values: object) -> dict[str, str]:
    """The numbers among some values, by names that people know, each with its 95 % interval if it has one."""
    if not isinstance(values, dict):
        return {}
    numbers = {key: value for key, value in values.items() if _is_number(value)}
    return {METRICS.get(key, plain(key)): _number_words(value) + _interval_words(key, numbers)
            for key, value in numbers.items() if not key.endswith(BOUNDS)}


def _interval_words(key: str, numbers: dict[str, float]) -> str:
    low, high = (numbers.get(key + bound) for bound in BOUNDS)
    return "" if low is None or high is None else f" ({low:.3f}–{high:.3f})"


def _comparison(values: object) -> dict[str, dict[str, str]]:
    """Figures of other methods, where a group holds a group per method."""
    if not isinstance(values, dict):
        return {}
    return {name: figures for name, inner in values.items() if (figures := _figures(inner))}


def _table(groups: dict[str, dict[str, str]], corner: str) -> pd.DataFrame:
    """A line per group, a column per figure; the groups' names stand in the column `corner`."""
    table = pd.DataFrame(groups).T.fillna("–")
    table = table[[title for title in FIRST if title in table] + [c for c in table if c not in FIRST]]
    table.insert(0, corner, table.index)
    return table


def _show_figures(table: pd.DataFrame, name: str) -> None:
    st.dataframe(table, hide_index=True, alt=name, height="content")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number_words(value: float) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.3f}"


def _show_table(facts: dict[str, str]) -> None:
    if facts:
        st.dataframe(
            pd.DataFrame({"What": facts.keys(), "Value": facts.values()}),
            hide_index=True,
            column_config={"Value": st.column_config.TextColumn(width="large")},
        )
