"""A pair in three dimensions, coloured by what matters: other pages call `show_structure`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from esm2amp_core.errors import UserError
from esm2amp_core.sequences import Protein
from esm2amp_core.structures.colours import RegionLayer
from esm2amp_core.structures.importance import Importance
from esm2amp_core.structures.painting import CHAINS, PLDDT, Colouring, paint
from esm2amp_core.structures.placing import Placement, place
from esm2amp_core.structures.scene import scene
from esm2amp_core.structures.structure import Structure
from esm2amp_core.structures.viewer_page import viewer_data
from esm2amp_core.workspace import Workspace
from pages.components.file_row import file_stem
from pages.components.page import show_user_error
from pages.components.structure_file import offer_file
from pages.components.structure_interface import compare_with_interface
from pages.components.structure_source import choose_structure
from pages.components.structure_viewer import show_viewer
from pages.components.text import literal

REGIONS = "Annotated regions"


def show_structure(
    workspace: Workspace, proteins: Sequence[Protein], *, importances: Sequence[Importance] = (),
    regions: RegionLayer | None = None, chosen: Sequence[str] = (),
    on_choose: Callable[[tuple[str, ...]], None] | None = None, about: Mapping[str, str] | None = None,
    key: str = "structure",
) -> None:
    """Ask for a structure, and show the proteins in it.

    Parameters
    ----------
    workspace : Workspace
    proteins : sequence of Protein
        A, or A and B.
    importances : sequence of Importance
        What the residues can be coloured by; the first is shown until a person chooses.
    regions : RegionLayer, optional
    chosen : sequence of str
        Tokens such as ``A.segment3`` whose residues are outlined.
    on_choose : callable, optional
        Called with the segment of a residue that is clicked, as a tuple of one token.
    about : mapping of str to str, optional
        Where the importances come from, told in a saved view.
    key : str
        Begins the keys of all widgets.
    """
    if not workspace.has_viewer_script:
        _offer_viewer(workspace, key)
        return
    given = choose_structure(workspace, proteins, key=key)
    if given is None:
        return
    structure, origin = given
    try:
        chain_keys = _chain_keys(key, structure, proteins)
        placement = place(structure, proteins, chosen=[st.session_state.get(own) or "" for own in chain_keys])
        touching = placement.contacts() if placement.is_complex else None
        title, colouring, marked = _controls(placement, importances, regions, key, chain_keys)
        drawn, legend = paint(placement, colouring, chosen=chosen, touching=touching if marked else None)
        stem = file_stem("_and_".join(protein.id for protein in proteins), otherwise="pair")
        data = viewer_data(scene(drawn), legend, alt=_alt(placement, proteins, title), name=f"{stem}_3D",
                           title=f"{' and '.join(protein.id for protein in proteins)}: {title}")
        show_viewer(data, key=f"{key}-viewer",
                    on_choose=None if on_choose is None else lambda token: on_choose((token,)))
    except UserError as error:
        show_user_error(error)
        return
    words, save = st.columns([4, 1.3], gap="medium")
    words.caption("Drag to turn. Click into the picture, then use the wheel to zoom. Click a residue to "
                  "choose its segment. Everything is drawn on this machine.")
    with save:
        sources = {"Structure from": origin} if origin else {}
        offer_file(workspace, data, placement, proteins, {**sources, **(about or {})}, key=key)
    _tell(placement, proteins)
    if touching is not None and importances:
        compare_with_interface(placement, importances, touching)


def _offer_viewer(workspace: Workspace, key: str) -> None:
    """What to do where the viewer's script is missing."""
    st.info("The 3D viewer needs a script (3Dmol.js, 0.5 MB) that could not be fetched when the program was "
            "set up. It is fetched once, from registry.npmjs.org, and checked; nothing is sent along.")
    if st.button("Fetch the viewer now", key=f"{key}-get"):
        try:
            workspace.get_viewer_script()
        except UserError as error:
            show_user_error(error)
            return
        st.rerun()


def _chain_keys(key: str, structure: Structure, proteins: Sequence[Protein]) -> list[str]:
    """Keys of the boxes that choose a chain: a choice is of one protein in one structure."""
    return [f"{key}-chain-{side}-{structure.name}-{protein.digest[:12]}"
            for side, protein in zip("AB", proteins, strict=False)]


def _controls(
    placement: Placement, importances: Sequence[Importance], regions: RegionLayer | None, key: str,
    chain_keys: Sequence[str],
) -> tuple[str, Colouring, bool]:
    """What to colour by, with its title, and whether to mark the interface."""
    colourings: dict[str, Colouring] = {importance.title: importance for importance in importances}
    if regions:
        colourings[REGIONS] = regions
    if placement.structure.is_predicted:
        colourings[PLDDT] = PLDDT
    colourings[CHAINS] = CHAINS
    columns = st.columns([2, *[1] * len(placement.fits), 1.5], vertical_alignment="bottom")
    title = columns[0].selectbox("Coloured by", list(colourings), key=f"{key}-colour")
    for i, (column, fits, fit) in enumerate(zip(columns[1:], placement.candidates, placement.fits,
                                                strict=False)):
        names = [other.chain.name for other in fits]
        column.selectbox(
            f"Chain of {'AB'[i]}", names, index=names.index(fit.chain.name) if fit else None,
            disabled=len(names) < 2, key=chain_keys[i], placeholder="none",
            format_func=lambda name: literal(name, limit=12) or "–",
        )  # fmt: skip
    marked = columns[-1].checkbox("Mark the interface", key=f"{key}-interface",
                                  disabled=not placement.is_complex)
    return title, colourings[title], marked and placement.is_complex


def _alt(placement: Placement, proteins: Sequence[Protein], title: str) -> str:
    shown = [f"{protein.id} (chain {fit.chain.name})"
             for protein, fit in zip(proteins, placement.fits, strict=True) if fit]
    return (f"Structure of {' and '.join(shown)}, coloured by: {title}. Arrow keys turn it, plus and minus "
            "zoom.")


def _tell(placement: Placement, proteins: Sequence[Protein]) -> None:
    """How the structure fits the proteins."""
    doubts = [fit.doubt for fit in placement.fits if fit]
    for words in filter(None, [*placement.reasons, *doubts]):
        st.info(literal(words))
    with st.expander("How the structure fits the sequences"):
        for side, protein, fit, fits in zip("AB", proteins, placement.fits, placement.candidates,
                                            strict=False):
            if fit is None:
                continue
            others = [literal(other.chain.name) for other in fits if other.chain is not fit.chain]
            also = f" The same protein: chain {', '.join(others)}." if others else ""
            st.markdown(f"**{side}, {literal(protein.id, limit=60)}: chain {literal(fit.chain.name)}.** "
                        f"{literal(' '.join(fit.words()))}{also}")
        for note in placement.structure.notes:
            st.caption(literal(note))
