"""The 3D view as a file: the same picture, still to be turned, for somebody without this program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from esm2amp_core.sequences import Protein
from esm2amp_core.structures.placing import Placement
from esm2amp_core.structures.viewer_page import viewer_page
from esm2amp_core.workspace import Workspace


def offer_file(
    workspace: Workspace, data: Mapping[str, Any], placement: Placement, proteins: Sequence[Protein],
    about: Mapping[str, str], *, key: str,
) -> None:  # fmt: skip
    """A button that saves what is shown, with what it shows and where it comes from."""
    st.download_button(
        "Save this 3D view", mime="text/html", file_name=f"{data['name']}.html", on_click="ignore",
        data=lambda: viewer_page(data, _facts(placement, proteins) | about, static=workspace.settings.static),
        icon=":material/download:", key=f"{key}-page", width="stretch",
        help="One HTML file that any browser opens, also without a network: the structure can be turned, "
             "and its residues pointed at.",
    )  # fmt: skip


def _facts(placement: Placement, proteins: Sequence[Protein]) -> dict[str, str]:
    facts = {"Structure": placement.structure.name}
    for side, protein, fit in zip("AB", proteins, placement.fits, strict=False):
        facts[f"Protein {side}"] = f"{protein.id}, {len(protein.sequence):,} residues" + (
            f"; chain {fit.chain.name}. {' '.join(fit.words())}" if fit else "; not in the structure")
    return facts
