"""Where a structure comes from: a file, or AlphaFold DB when a person asks. It stays in the session."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import streamlit as st

from esm2amp_core.errors import UserError, printable
from esm2amp_core.sequences import Protein
from esm2amp_core.structures.reading import parse_structure
from esm2amp_core.structures.structure import Structure
from esm2amp_core.workspace import Workspace
from pages.components.page import show_user_error
from pages.components.text import literal

KEPT, TURN = "structures", "structures-turn"
"""In the session: structures by the proteins that they were given for, the latest last; how many were put
away, so that the box for the next file is a new, empty one."""
MOST_KEPT = 4
TYPES = ["pdb", "ent", "cif", "mmcif", "gz"]


def choose_structure(
    workspace: Workspace, proteins: Sequence[Protein], *, key: str
) -> tuple[Structure, str] | None:
    """The structure given for these proteins and where it comes from; asks for one where there is none."""
    kept = st.session_state.setdefault(KEPT, {})
    own = hashlib.sha256(" ".join(protein.sequence for protein in proteins).encode()).hexdigest()
    if own not in kept:
        found = _from_file(workspace, key) or _from_alphafold(workspace, proteins, key)
        if found is None:
            return None
        kept[own] = found
        while len(kept) > MOST_KEPT:
            del kept[next(iter(kept))]
        st.rerun()
    structure, origin = kept[own]
    left, right = st.columns([4, 1.3], vertical_alignment="center")
    left.caption(literal(" · ".join(filter(None, [printable(structure.name)[:80], origin]))))
    right.button("Another structure", key=f"{key}-other", on_click=_put_away, args=(own,),
                 width="stretch")
    return structure, origin


def _put_away(own: str) -> None:
    st.session_state[KEPT].pop(own, None)
    st.session_state[TURN] = st.session_state.get(TURN, 0) + 1


def _from_file(workspace: Workspace, key: str) -> tuple[Structure, str] | None:
    given = st.file_uploader(
        "A structure with one or both of the proteins: PDB or mmCIF, also gzipped", type=TYPES,
        key=f"{key}-file-{st.session_state.get(TURN, 0)}",
        help="An entry of the Protein Data Bank, or a prediction, such as one of both proteins together. "
             "The file is read here and kept until the browser's tab is closed.",
    )  # fmt: skip
    if given is None:
        return None
    try:
        limit = workspace.settings.max_file_mb
        return parse_structure(given.getvalue(), given.name, max_file_mb=limit), ""
    except UserError as error:
        show_user_error(error)
        return None


def _from_alphafold(
    workspace: Workspace, proteins: Sequence[Protein], key: str
) -> tuple[Structure, str] | None:
    with st.expander("Or the AlphaFold model of one protein, from the internet"):
        names = [literal(protein.id, limit=40) for protein in proteins]
        which = st.radio("Protein", range(len(proteins)), format_func=names.__getitem__, horizontal=True,
                         key=f"{key}-protein")
        left, right = st.columns([2, 1], vertical_alignment="bottom")
        accession = left.text_input("Its UniProt accession", _likely(proteins[which].id), max_chars=80,
                                    key=f"{key}-accession-{which}")
        asked = right.button("Fetch from AlphaFold DB", key=f"{key}-fetch", disabled=not accession.strip())
        st.caption("This sends the accession, and nothing else, to alphafold.ebi.ac.uk. The model is kept: "
                   "it is fetched once.")
        if not asked:
            return None
        try:
            with st.spinner("Asking AlphaFold DB"):
                structure, source = workspace.alphafold_model(accession)
        except UserError as error:
            show_user_error(error)
            return None
    parts = f", part 1 of {source.n_parts}" if source.n_parts > 1 else ""
    return structure, f"AlphaFold DB, {source.accession}{parts} · CC BY 4.0"


def _likely(name: str) -> str:
    """The accession in a name such as ``sp|P04637|P53_HUMAN``, or the name."""
    parts = name.split("|")
    return parts[1] if len(parts) == 3 else name[:80]
