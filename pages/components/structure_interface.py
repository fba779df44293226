"""Importance against the interface of a complex: a table, and what it does and does not say."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from esm2amp_core.structures.agreement import TOP_SEGMENTS, TOP_SHARE, agreement_table, silence
from esm2amp_core.structures.importance import Importance
from esm2amp_core.structures.placing import Placement

KEPT = "structure-agreement"
"""In the session: the last table, with what it was made of."""


def compare_with_interface(
    placement: Placement, importances: Sequence[Importance], touching: Sequence[np.ndarray]
) -> None:
    """Show how the methods' importance agrees with the contacts of the two proteins."""
    st.markdown("**Do the important residues touch the partner?**")
    table = _agreement(placement, importances, touching)
    missing = _missing(placement, importances, touching)
    if table.empty:
        st.caption(f"Nothing can be compared. {missing}")
        return
    number = st.column_config.NumberColumn
    st.dataframe(table, hide_index=True, column_config={
        "method": "Method", "protein": "Protein", "interface_residues": "On the interface",
        "residues_seen": "Of residues", "auroc": number("AUROC", format="%.2f"),
        "auroc_p": number("p", format="%.3f"),
        "interface_among_top_percent": number("Interface among the top", format="%.0f %%"),
        "expected_percent": number("By chance", format="%.0f %%"),
        "top_p": number("p of that", format="%.3f"),
    })  # fmt: skip
    st.caption(
        "AUROC: how often a residue within 5 Å of the other protein matters more than one that is not; 0.5 "
        f"says nothing. Top: of each protein the {TOP_SEGMENTS} segments, or {100 * TOP_SHARE:.0f} % of the "
        "residues, that matter most. Ranked by magnitude (the mean size of what a segment or residue does, "
        "whatever its sign), as all lists of the most important ones are; residues without coordinates "
        "take no part. The p-values are two-sided, from shuffling within each protein, and not corrected "
        "for the number of methods: one small value among many means little."
    )  # fmt: skip
    if missing:
        st.caption(missing)


def _missing(
    placement: Placement, importances: Sequence[Importance], touching: Sequence[np.ndarray]
) -> str:
    """Which lines the table does not have, and why, in sentences."""
    reasons: dict[str, list[str]] = {}
    for i, (fit, mask) in enumerate(zip(placement.fits, touching, strict=True)):
        for importance in importances:
            if reason := silence(importance, i, fit, mask):
                reasons.setdefault(f"of protein {'AB'[i]}: {reason}", []).append(importance.title)
    return " ".join(f"No line {reason} ({', '.join(titles)})." for reason, titles in reasons.items())


def _agreement(
    placement: Placement, importances: Sequence[Importance], touching: Sequence[np.ndarray]
) -> pd.DataFrame:
    """As `agreement_table`; shuffling takes a moment, and a click elsewhere must not start it again."""
    made_of = hashlib.sha256()
    for fit, mask in zip(placement.fits, touching, strict=True):
        made_of.update(fit.positions.tobytes() + mask.tobytes())
    for importance in importances:
        made_of.update(importance.title.encode() + b"".join(own.tobytes() for own in importance.magnitudes))
    digest, table = st.session_state.get(KEPT, ("", None))
    if digest != made_of.hexdigest():
        table = agreement_table(importances, placement.fits, touching)
        st.session_state[KEPT] = (made_of.hexdigest(), table)
    return table
