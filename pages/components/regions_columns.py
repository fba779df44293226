"""How the tables of an analysis are headed, and their numbers written."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import streamlit as st

from esm2amp_core.figures.region_numbers import points_words


def unit_columns(unit: str) -> dict[str, object]:
    """Headings of a table of chosen segments, or residues."""
    number = st.column_config.NumberColumn
    return {"row": "Row", "protein_a": "Protein A", "protein_b": "Protein B", "class": "Class",
            "selection": "Selection", "rank": "Rank", "token": unit.capitalize(), "protein": "Protein",
            "start": "First residue", "end": "Last residue",
            "importance": number("Importance", format="%.3g")}


def percent_columns(names: list[str]) -> dict[str, object]:
    """How a table shows shares in percent."""
    return {name: st.column_config.NumberColumn(name, format="%.0f %%") for name in names}


def show_tests(
    tests: pd.DataFrame, unit: str, *, key: str, height: int | Literal["auto", "content"] = "auto"
) -> None:
    """A table of comparisons with chance, such as `RegionFolder.pairs`."""
    number = st.column_config.NumberColumn
    columns = {
        "row": "Row", "protein_a": "Protein A", "protein_b": "Protein B", "selection": "Selection",
        "type": "Type of region", "n_units": number(f"{unit}s".capitalize()),
        "coverage": number("Covered", format="%.1f %%"), "reference": number("By chance", format="%.1f %%"),
        "difference": number("Points"), "ratio": number("Times", format="%.3g"),
        "p_value": number("p", format="%.3g"), "q_value": number("Corrected p", format="%.3g"),
    }  # fmt: skip
    # A column's own format would write a hyphen for minus; numbers written by Pandas still sort as numbers.
    st.dataframe(tests.style.format({"difference": points_words}), hide_index=True, key=key, height=height,
                 placeholder="–", column_config=columns)
