"""The 3D view alone, on two made-up proteins with names that must not be believed."""

import numpy as np
import streamlit as st
from structure_samples import PARTNER, SEQUENCE

from esm2amp_core.sequences import Protein
from esm2amp_core.structures.colours import RegionLayer
from esm2amp_core.structures.importance import Importance
from pages.components.page import page
from pages.components.structure_view import show_structure

NAMES = ("</script><img src=x onerror=alert(1)>", "**P2**$x$")
TOKENS = [f"{side}.segment{i}" for side in "AB" for i in range(10)]

def show():
    """Run the page."""
    with page("3D") as workspace:
        proteins = [Protein(name, letters) for name, letters in zip(NAMES, (SEQUENCE, PARTNER), strict=True)]
        lengths = [len(protein.sequence) for protein in proteins]
        values = np.linspace(-1, 1, 20)
        show_structure(
            workspace, proteins,
            importances=[Importance.of_tokens("Shapley values", TOKENS, values, lengths, signed=True),
                         Importance.of_residues("Residues", [np.arange(n) for n in lengths], signed=False)],
            regions=RegionLayer((((5, 15, "Domain"),), ()), {"Domain": "#009e73"}),
            chosen=st.query_params.get_all("token"),
            on_choose=lambda tokens: st.query_params.__setitem__("token", list(tokens)),
        )  # fmt: skip
