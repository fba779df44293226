"""Chains in the colours of importance, regions or confidence, with what to say of each residue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esm2amp_core.features import SEGMENTS, token_stretch
from esm2amp_core.number_text import number_text
from esm2amp_core.sequences import residue_number
from esm2amp_core.structures.alignment import ChainFit
from esm2amp_core.structures.colours import (
    CHOSEN,
    CONTACT,
    GREY,
    PROTEINS,
    Legend,
    RegionLayer,
    importance_colours,
    importance_legend,
    plddt_colours,
    plddt_legend,
)
from esm2amp_core.structures.importance import Importance
from esm2amp_core.structures.placing import Placement
from esm2amp_core.structures.scene import DrawnChain
from esm2amp_core.structures.structure import Chain

PLDDT, CHAINS = "Confidence (pLDDT)", "Proteins"
Colouring = Importance | RegionLayer | str
"""A method's importance, annotated regions, `PLDDT` or `CHAINS`."""


def paint(
    placement: Placement, colouring: Colouring, *, chosen: Sequence[str] = (),
    touching: Sequence[np.ndarray] | None = None,
) -> tuple[list[DrawnChain], Legend]:
    """Every chain with its colours; those that are none of the proteins are grey.

    Parameters
    ----------
    placement : Placement
    colouring : Importance, RegionLayer or str
    chosen : sequence of str
        Tokens such as ``A.segment3`` whose residues are outlined.
    touching : sequence of ndarray, optional
        Residues of each protein's chain to mark as interface.
    """
    sides = {fit.chain.name: side for side, fit in enumerate(placement.fits) if fit}
    drawn = []
    for chain in placement.structure.chains:
        side = sides.get(chain.name)
        if side is None:
            drawn.append(_other(chain, colouring))
            continue
        fit = placement.fits[side]
        tokens = _tokens(fit, "AB"[side])
        marked = np.zeros(len(tokens), bool) if touching is None else touching[side]
        drawn.append(DrawnChain(chain, _colours(fit, side, colouring), _labels(fit, side, tokens, colouring),
                                tokens, np.isin(tokens, list(chosen)), marked, "AB"[side]))
    return drawn, _legend(placement, colouring, bool(len(chosen)), touching is not None)


def _other(chain: Chain, colouring: Colouring) -> DrawnChain:
    nothing = np.zeros(len(chain.residues), bool)
    colours = plddt_colours(chain.b_factors) if colouring == PLDDT else [GREY] * len(nothing)
    labels = [f"chain {chain.name}, {residue.label}" for residue in chain.residues]
    return DrawnChain(chain, colours, labels, [""] * len(nothing), nothing, nothing)


def _colours(fit: ChainFit, side: int, colouring: Colouring) -> list[str]:
    if isinstance(colouring, Importance):
        values = fit.on_chain(colouring.values[side])
        return importance_colours(values, colouring.limit, signed=colouring.signed)
    if isinstance(colouring, RegionLayer):
        types = colouring.types(side, len(fit.sequence))
        return [colouring.colours.get(types[i], GREY) if i >= 0 else GREY for i in fit.positions]
    if colouring == PLDDT:
        return plddt_colours(fit.chain.b_factors)
    return [PROTEINS[side] if placed else GREY for placed in fit.placed]


def _tokens(fit: ChainFit, side: str) -> list[str]:
    """The segment of each residue of a chain; empty for those that are not the protein's."""
    of = np.full(len(fit.sequence), "", dtype=object)
    for name in SEGMENTS:
        start, stop = token_stretch(name, len(fit.sequence))
        of[start:stop] = f"{side}.{name}"
    return [of[position] if position >= 0 else "" for position in fit.positions]


def _labels(fit: ChainFit, side: int, tokens: Sequence[str], colouring: Colouring) -> list[str]:
    """What is told of a residue under the pointer."""
    values = colouring.values[side] if isinstance(colouring, Importance) else None
    types = colouring.types(side, len(fit.sequence)) if isinstance(colouring, RegionLayer) else None
    labels = []
    for residue, position, token, b in zip(fit.chain.residues, fit.positions, tokens, fit.chain.b_factors,
                                           strict=True):
        where = f"chain {fit.chain.name}, {residue.label}"
        if position < 0:
            labels.append(f"{where}: not of protein {'AB'[side]}")
            continue
        words = [f"{token}, {fit.sequence[position]}{residue_number(int(position))}", where]
        if values is not None and not np.isnan(values[position]):
            words.append(number_text(values[position], "+.3g" if colouring.signed else ".3g"))
        if types is not None:
            words.append(types[position] or "no region")
        if colouring == PLDDT:
            words.append(f"pLDDT {b:.0f}")
        labels.append(" · ".join(words))
    return labels


def _legend(placement: Placement, colouring: Colouring, chosen: bool, marked: bool) -> Legend:
    """What the colours mean that occur."""
    if isinstance(colouring, Importance):
        legend = importance_legend(colouring)
    elif isinstance(colouring, RegionLayer):
        legend = colouring.legend({name for own in _types_seen(placement, colouring) for name in own})
    elif colouring == PLDDT:
        legend = plddt_legend()
    else:
        names = [(PROTEINS[side], f"protein {'AB'[side]}") for side, fit in enumerate(placement.fits) if fit]
        legend = Legend(tuple(names))
    marks = [(CHOSEN, "chosen segment")] if chosen else []
    marks += [(CONTACT, "within 5 Å of the other protein")] if marked else []
    grey = _unsaid(placement, colouring)
    rest = [(GREY, ", or ".join(grey))] if grey else []
    return Legend((*marks, *legend.entries, *rest), legend.gradient, legend.low, legend.high)


def _unsaid(placement: Placement, colouring: Colouring) -> list[str]:
    """What the grey residues are, where there are any."""
    if colouring == PLDDT:
        return []
    fits = [(side, fit) for side, fit in enumerate(placement.fits) if fit]
    words = []
    if isinstance(colouring, Importance) and any(
            np.isnan(colouring.values[side][fit.positions[fit.placed]]).any() for side, fit in fits):
        words.append("nothing known")
    if isinstance(colouring, RegionLayer) and any("" in own for own in _types_seen(placement, colouring)):
        words.append("no region")
    if any(not fit.placed.all() for _, fit in fits):
        words.append("not of the protein")
    if len(placement.structure.chains) > len({fit.chain.name for _, fit in fits}):
        words.append("another chain")
    return words


def _types_seen(placement: Placement, layer: RegionLayer) -> list[set[str]]:
    """Types of the residues of each protein that are in the structure; "" where there is no region."""
    seen = []
    for side, fit in enumerate(placement.fits):
        if fit:
            types = layer.types(side, len(fit.sequence))
            seen.append({types[i] for i in fit.positions[fit.placed]})
    return seen
