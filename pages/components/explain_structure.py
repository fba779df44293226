"""The pair in 3D, coloured by what the methods say."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.figures import explanation_parts as parts_of
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.sequences import Protein
from esm2amp_core.structures.importance import Importance
from esm2amp_core.workspace import Workspace
from pages.components.explain_reading import View
from pages.components.explain_selection import choose, chosen_tokens
from pages.components.structure_view import show_structure

NO_BETTER = "no better than a random order"


def show_in_3d(workspace: Workspace, view: View, unfaithful: set[str]) -> None:
    """A structure that a person brings, with the pair's importance on it.

    The first method is one that does better than chance, where there is any; the others say that they do not
    wherever their title stands.
    """
    proteins = [Protein(name, sequence)
                for name, sequence in zip(view.pair.names, view.sequences, strict=True)]
    parts = sorted(view.parts.values(),  # single residues first
                   key=lambda part: (part.method in unfaithful, not parts_of.has_residues(part)))
    found = [importance_of(part, view.pair) for part in parts]
    found = [replace(one, title=f"{one.title} ({NO_BETTER})") if part.method in unfaithful else one
             for one, part in zip(found, parts, strict=True)]
    if doubted := [METHODS[part.method].title for part in parts if part.method in unfaithful]:
        st.caption(f"**{', '.join(doubted)}: {NO_BETTER} here; read nothing from it.**")
    show_structure(workspace, proteins, importances=found, chosen=chosen_tokens(view.pair),
                   on_choose=choose_in_3d, about=_about(view), key=f"structure-{view.job.id}-{view.chosen}")


def _about(view: View) -> dict[str, str]:
    return {"Numbers from": f"{view.job.title} (explanation {view.job.id}, row {view.chosen})",
            "Model": str(view.folder.summary["model"].get("title", ""))}


def choose_in_3d(tokens: tuple[str, ...]) -> None:
    """Choose the segment whose residue was clicked, in all pictures."""
    if tokens != tuple(st.query_params.get_all("token")):
        choose(tokens)
        st.rerun()


def importance_of(part: Explanation, pair: PairTokens) -> Importance:
    """What a method says of one pair, residue by residue."""
    values, signed = parts_of.token_values(part)
    title = METHODS[part.method].title
    if parts_of.has_residues(part):
        own, sizes = ([numbers(part, side) for side in "AB"]
                      for numbers in (parts_of.residue_values, parts_of.residue_magnitudes))
        return Importance.of_residues(title, own, signed=signed, magnitudes=sizes)
    return Importance.of_tokens(title, pair.tokens, values, pair.lengths, signed=signed,
                                magnitudes=part.magnitude[0])
