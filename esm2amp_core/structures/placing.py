"""Which chains of a structure are the proteins of a pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from esm2amp_core.errors import printable
from esm2amp_core.sequences import Protein
from esm2amp_core.structures.alignment import ChainFit, align
from esm2amp_core.structures.interface import in_contact
from esm2amp_core.structures.structure import Structure, StructureError

_AS_GOOD = 0.9
"""Copies of a chain differ by a few residues that were not seen; what they touch decides among them."""
_MOST_COPIES = 8


@dataclass(frozen=True)
class Placement:
    """The proteins of a pair in a structure.

    Attributes
    ----------
    structure : Structure
    candidates : tuple of tuple of ChainFit, one per protein
        All chains that are the protein, the best first.
    fits : tuple of (ChainFit or None), one per protein
        The chains that are meant; None for a protein that is not in the structure.
    reasons : tuple of str, one per protein
        Why a protein is not there, in a sentence; empty where it is.
    """

    structure: Structure
    candidates: tuple[tuple[ChainFit, ...], ...]
    fits: tuple[ChainFit | None, ...]
    reasons: tuple[str, ...]

    @property
    def is_complex(self) -> bool:
        """True if both proteins of a pair are there, each as a chain of its own."""
        return len(self.fits) == 2 and all(self.fits)

    def contacts(self) -> tuple[np.ndarray, np.ndarray]:
        """Residues of the two chains that touch; as `in_contact`."""
        return in_contact(self.fits[0].chain, self.fits[1].chain)


def place(structure: Structure, proteins: Sequence[Protein], *, chosen: Sequence[str] = ()) -> Placement:
    """Find one protein, or two, among the chains.

    Of several chains that are the protein equally well, those are taken that touch most; for a homodimer two
    different ones.

    Parameters
    ----------
    structure : Structure
    proteins : sequence of Protein
    chosen : sequence of str
        Name of the chain for each protein; empty to leave the choice to the program.

    Raises
    ------
    StructureError
        If none of the proteins is there, or a chosen chain is not the protein.
    """
    fits = {sequence: [align(sequence, chain) for chain in structure.chains]
            for sequence in {protein.sequence for protein in proteins}}
    candidates = tuple(
        tuple(sorted((fit for fit in fits[protein.sequence] if not fit.problem),
                     key=lambda fit: -int(fit.identical.sum())))
        for protein in proteins
    )  # fmt: skip
    if not any(candidates):
        reasons = tuple(_absent(protein, fits[protein.sequence]) for protein in proteins)
        raise StructureError(f"{printable(structure.name)} is a structure of other proteins.",
                             hint="Give a structure with one of these proteins.", details=reasons)
    options = [_options(own, name) for own, name in zip(candidates, [*chosen, "", ""], strict=False)]
    taken = _best(options) if len(options) == 2 else (options[0][0],)
    reasons = tuple(
        "" if fit else _no_copy(protein) if own else _absent(protein, fits[protein.sequence])
        for protein, own, fit in zip(proteins, candidates, taken, strict=True)
    )
    return Placement(structure, candidates, taken, reasons)


def _options(candidates: Sequence[ChainFit], chosen: str) -> list[ChainFit | None]:
    """Chains that may be meant: the chosen one, or all that are as good as the best."""
    if not candidates:
        return [None]
    if chosen:
        named = [fit for fit in candidates if fit.chain.name == chosen]
        if not named:
            names = ", ".join(printable(fit.chain.name) for fit in candidates)
            raise StructureError(f"Chain {printable(chosen)} is not this protein.",
                                 hint=f"It is chain {names}.")
        return named[:1]
    enough = _AS_GOOD * candidates[0].identical.sum()
    return [fit for fit in candidates if fit.identical.sum() >= enough][:_MOST_COPIES]


def _best(options: Sequence[list[ChainFit | None]]) -> tuple[ChainFit | None, ChainFit | None]:
    """Two different chains that touch most; the earlier ones where several touch as much."""
    pairs = [(a, b) for a, b in product(*options) if a is None or b is None or a.chain is not b.chain]
    if not pairs:  # one chain, two proteins that it could be
        return options[0][0], None
    if len(pairs) == 1 or None in pairs[0]:
        return pairs[0]
    return max(pairs, key=lambda pair: sum(mask.sum() for mask in in_contact(pair[0].chain, pair[1].chain)))


def _absent(protein: Protein, fits: Sequence[ChainFit]) -> str:
    nearest = max(fits, key=lambda fit: (int(fit.identical.sum()), fit.identity))
    chain = printable(nearest.chain.name)
    return f"{printable(protein.id)} is not in the structure; nearest is chain {chain}: {nearest.problem}."


def _no_copy(protein: Protein) -> str:
    return f"{printable(protein.id)} would need a second chain of its own; the structure has one."
