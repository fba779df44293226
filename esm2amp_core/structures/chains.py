"""One protein chain of a file: its residues, its sequence, its heavy atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import gemmi
import numpy as np

from esm2amp_core.structures.structure import Chain, Residue, StructureError

_FARTHEST = 1e5
"""Å; a coordinate beyond is a mistake in the file."""


def read_chain(
    name: str, polymer: gemmi.ResidueSpan, full: Sequence[str], parents: Mapping[tuple[str, str], str],
    file: str,
) -> Chain:
    """Read a chain.

    Parameters
    ----------
    name : str
    polymer : ResidueSpan
        Without waters, ligands and hydrogens; its label numbers count along `full`.
    full : sequence of str
        Names of all residues of the chain, seen or not (SEQRES); empty where the file does not tell.
    parents : mapping
        (chain, residue number) of modified residues: the residue they were made of.
    file : str
        What to call the file in messages.

    Raises
    ------
    StructureError
        If coordinates are no numbers.
    """
    seen = list(polymer.first_conformer())
    letters = [_letter(residue.name, parents.get((name, str(residue.seqid)), "")) for residue in seen]
    positions, sequence = _in_full(seen, letters, full)
    names, owners, coordinates, b_factors = [], [], [], []
    for i, residue in enumerate(seen):
        own = []
        for atom in residue.first_conformer():
            names.append(atom.name)
            owners.append(i)
            coordinates.append(atom.pos.tolist())
            own.append(atom.b_iso)
        b_factors.append(np.mean(own) if own else np.nan)
    places = np.array(coordinates, dtype=float).reshape(-1, 3)
    if not (np.abs(places) < _FARTHEST).all():  # also false for NaN
        raise StructureError(f"{file}: chain {name} has atoms without a place.",
                             hint="Download the file again.")
    breaks = tuple(positions[i] for i in range(len(seen) - 1) if not _joined(seen[i], seen[i + 1]))
    residues = tuple(
        Residue(residue.seqid.num, residue.seqid.icode.strip(), residue.name, letter, position)
        for residue, letter, position in zip(seen, letters, positions, strict=True)
    )
    return Chain(name, sequence, len(full) == len(sequence), breaks, residues, places, tuple(names),
                 np.array(owners, dtype=np.int64), np.array(b_factors))


def _letter(name: str, parent: str) -> str:
    """One letter for a residue; X where nothing is known of it."""
    for known in (name, parent):
        letter = gemmi.find_tabulated_residue(known).one_letter_code.upper().strip() if known else ""
        if letter and letter != "X":
            return letter
    return "X"


def _in_full(
    seen: Sequence[gemmi.Residue], letters: Sequence[str], full: Sequence[str]
) -> tuple[list[int], str]:
    """Positions of the residues in the whole sequence, and that sequence.

    A file whose numbers do not fit its own SEQRES is taken without it.
    """
    whole = [_letter(gemmi.Entity.first_mon(name), "") for name in full]
    positions = [(residue.label_seq or 0) - 1 for residue in seen]
    rising = all(a < b for a, b in zip(positions, positions[1:], strict=False))
    if whole and positions and rising and positions[0] >= 0 and positions[-1] < len(whole):
        for position, letter in zip(positions, letters, strict=True):
            whole[position] = letter  # MODRES names the parents of what was seen only
        return positions, "".join(whole)
    return list(range(len(seen))), "".join(letters)


def _joined(first: gemmi.Residue, second: gemmi.Residue) -> bool:
    """True if the backbone runs from one to the other; by Cα where there is nothing else."""
    carbon, nitrogen = first.find_atom("C", "*"), second.find_atom("N", "*")
    if carbon and nitrogen:
        return carbon.pos.dist(nitrogen.pos) < 2.5
    one, other = first.find_atom("CA", "*"), second.find_atom("CA", "*")
    return bool(one and other) and one.pos.dist(other.pos) < 4.5
