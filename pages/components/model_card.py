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
    "loss": "Loss", "brier": "Brier score", "ece": "Calibration error", "n": "Pairs", "n_pairs": "Pairs",
    "n_positive": "of these, interacting", "n_left_out": "Pairs left out",
}  # fmt: skip
DATA_SETS = {"train": "Training", "val": "Validation", "validation": "Validation", "test": "Test"}


def show_card(manifest: Manifest) -> None:
    """Everything the bundle says about itself."""
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader(literal(manifest.title), anchor=False, width="content")
            if manifest.name == STARTER:
                st.badge("small offline model", color="blue")
        if manifest.summary:
            st.markdown(literal(manifest.summary))
        facts, figures = st.columns([1, 1], gap="large")
        with facts:
            _show_facts(manifest)
            if manifest.limitations:
                st.markdown("**Limits**")
                st.markdown("\n".join(f"- {literal(text)}" for text in manifest.limitations))
        with figures:
            if trust := trust_words(manifest):
                st.markdown(f"**How far to trust it.** {trust}")
            show_metrics(manifest.metrics)
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
    """Figures per data set: a line per figure, a column per data set; and those of others beside them."""
    table = {DATA_SETS.get(name, plain(name)): _figures(values) for name, values in metrics.items()}
    table = {name: figures for name, figures in {**table, "All data": _figures(metrics)}.items() if figures}
    if not table:
        st.markdown("This model states no measured figures.")
        return
    st.markdown("**How good it is**")
    _show_figures(pd.DataFrame(table), "Figure", "Measured figures of the model")
    with st.expander("What these figures say"):
        st.markdown("\n".join(f"- **{title}**: {meaning}" for title, meaning in _meanings(table)))
    for name, values in metrics.items():
        if others := _comparison(values):
            st.markdown(f"**{literal(plain(name))}**")
            _show_figures(pd.DataFrame(others).T, "Method", plain(name))


def _meanings(table: dict[str, dict[str, float]]) -> list[tuple[str, str]]:
    """Title and meaning of each figure of a table that has one."""
    shown = {figure for figures in table.values() for figure in figures}
    return [(title, meaning) for title, meaning in MEASURES.values() if title in shown]


def _figures(values: object) -> dict[str, float]:
    """The numbers among some values, by names that people know."""
    if not isinstance(values, dict):
        return {}
    return {METRICS.get(key, plain(key)): value for key, value in values.items() if _is_number(value)}


def _comparison(values: object) -> dict[str, dict[str, float]]:
    """Figures of other methods, where a group holds a group per method."""
    if not isinstance(values, dict):
        return {}
    return {name: figures for name, inner in values.items() if (figures := _figures(inner))}


def _show_figures(table: pd.DataFrame, corner: str, name: str) -> None:
    words = table.map(_number_words)
    words.insert(0, corner, table.index)
    st.dataframe(words, hide_index=True, placeholder="–", alt=name, height="content")


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
