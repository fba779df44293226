"""What a structure file holds of its protein chains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esm2amp_core.errors import UserError


class StructureError(UserError):
    """A structure cannot be read, or is not one of these proteins."""


@dataclass(frozen=True, slots=True)
class Residue:
    """A residue with coordinates.

    Attributes
    ----------
    number, insertion : int, str
        As the authors of the structure count; the insertion code is empty for most.
    name, letter : str
        Of three letters and of one; a modified residue has its parent's letter (selenomethionine: M).
    position : int
        Where it stands in its chain's `sequence`, from 0.
    """

    number: int
    insertion: str
    name: str
    letter: str
    position: int

    @property
    def label(self) -> str:
        """As people write it: ``V600``, ``G52A`` with an insertion code."""
        return f"{self.letter}{self.number}{self.insertion}"


@dataclass(frozen=True)
class Chain:
    """A protein chain: R residues with coordinates, N heavy atoms.

    Attributes
    ----------
    name : str
        As the authors call it; any text.
    sequence : str
        With the residues that were not seen, where the file tells them (SEQRES); else of `residues` alone.
    is_complete : bool
        True if the file told the whole sequence.
    breaks : tuple of int
        Positions in `sequence` behind which the backbone is interrupted.
    residues : tuple of Residue, length=R
    coordinates : ndarray, dtype=float64, shape=(N, 3)
        In Å.
    atom_names : tuple of str, length=N
    residue_of_atom : ndarray, dtype=int64, shape=(N,)
        Index into `residues`.
    b_factors : ndarray, dtype=float64, shape=(R,)
        Mean over each residue's atoms; pLDDT (0 to 100) where the structure is a prediction.
    """

    name: str
    sequence: str
    is_complete: bool
    breaks: tuple[int, ...]
    residues: tuple[Residue, ...]
    coordinates: np.ndarray
    atom_names: tuple[str, ...]
    residue_of_atom: np.ndarray
    b_factors: np.ndarray


@dataclass(frozen=True)
class Structure:
    """The protein chains of the first model of a file.

    Attributes
    ----------
    name : str
        Of the file; any text.
    chains : tuple of Chain
    is_predicted : bool or None
        True if the column of B-factors holds pLDDT; None where the file does not tell.
    notes : tuple of str
        What was left out, in words.
    """

    name: str
    chains: tuple[Chain, ...]
    is_predicted: bool | None
    notes: tuple[str, ...]

    def chain(self, name: str) -> Chain:
        """The chain of that name.

        Raises
        ------
        StructureError
        """
        for chain in self.chains:
            if chain.name == name:
                return chain
        raise StructureError(f"{self.name} has no protein chain {name!r}.",
                             hint=f"Its chains: {', '.join(chain.name for chain in self.chains)}.")
