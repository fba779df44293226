"""A model's card: what it is, how good, on what it was trained, what it must not be used for."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from esm2amp_core.bundles import Manifest
from pages.components.model_words import STARTER
from pages.components.text import literal

ARCHITECTURES = {
    "amps": "ESM2_AMPS: attention over the ten segments of each protein",
    "amp_cse": "ESM2_AMP_CSE: as ESM2_AMPS, with the language model's start and end vectors",
    "gru": "ESM2_GRU: a recurrent network over the segments",
    "mean": "Mean of the segments, without attention",
    "dpm": "ESM2_DPM: one mean vector per protein",
}
METRICS = {
    "accuracy": "Accuracy", "auroc": "AUROC", "aupr": "AUPR", "mcc": "MCC", "precision": "Precision",
    "recall": "Recall", "specificity": "Specificity", "balanced_accuracy": "Balanced accuracy", "f1": "F1",
    "loss": "Loss", "brier": "Brier score", "ece": "Calibration error", "n": "Pairs", "n_pairs": "Pairs",
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
        facts, figures = st.columns([1, 1], gap="large")
        with facts:
            _show_facts(manifest)
        with figures:
            show_metrics(manifest.metrics)
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
        "Method": ARCHITECTURES.get(manifest.architecture, manifest.architecture),
        "Language model": manifest.encoder.id,
        "Called interacting from": f"{manifest.threshold:.2f}",
        "Calibration": manifest.calibration or "none: probabilities are as the network gives them",
        "Licence": manifest.licence or "not stated",
        "Citation": manifest.citation or "not stated",
        "Made": manifest.created[:10],
    }
    st.markdown("\n".join(f"- **{name}**: {literal(str(value))}" for name, value in facts.items() if value))


def show_metrics(metrics: dict[str, Any]) -> None:
    """Figures per data set as a table: one line per figure, one column per data set."""
    table = {
        name: {METRICS.get(key, key): value for key, value in values.items() if _is_number(value)}
        for name, values in metrics.items()
        if isinstance(values, dict)
    }
    single = {METRICS.get(key, key): value for key, value in metrics.items() if _is_number(value)}
    if single:
        table["All data"] = single
    if not table:
        st.markdown("This model states no measured figures.")
        return
    st.markdown("**How good it is**")
    frame = pd.DataFrame(table).map(_number_words)
    frame.insert(0, "Figure", frame.index)
    st.dataframe(frame, hide_index=True, placeholder="–", alt="Measured figures of the model")


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested facts as one level: ``{"data": {"train": 3}}`` becomes ``{"data, train": "3"}``."""
    flat: dict[str, str] = {}
    for name, value in values.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, dict):
            flat |= flatten(value, f"{label}, ")
        else:
            flat[label] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return flat


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
