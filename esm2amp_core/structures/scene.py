"""What 3Dmol.js needs of a structure: backbones in PDB format, how to draw them, a name per residue.

The page, the file it saves and a notebook draw from this one description. Chains and residues are numbered
anew, since the viewer knows neither long chain names nor insertion codes, and a text that we write ourselves
holds nothing that a file's author wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import Any

import numpy as np

from esm2amp_core.structures.colours import CHOSEN, CONTACT
from esm2amp_core.structures.structure import Chain, StructureError

MAX_RESIDUES = 9_990
"""Of a chain, as PDB format can number them with gaps."""
MAX_DRAWN = 30_000
"""Residues in all; a browser draws no more in good time."""
_LETTERS = ascii_letters + digits
_BACKBONE = {"N": "N", "CA": "C", "C": "C", "O": "O"}
_NAME = {"fontSize": 15, "bold": True, "fontColor": "white", "backgroundColor": "#4a5560",
         "backgroundOpacity": 0.85, "inFront": True}  # fmt: skip


@dataclass(frozen=True)
class DrawnChain:
    """A chain with what to say of each of its R residues.

    Attributes
    ----------
    chain : Chain
    colours, labels, tokens : sequence of str, length=R
        A token is what a click on the residue chooses; may be empty.
    chosen, touching : ndarray, dtype=bool, shape=(R,)
        Residues to outline, and to mark as interface.
    protein : str
        ``A`` or ``B``; empty for a chain that is neither.
    """

    chain: Chain
    colours: Sequence[str]
    labels: Sequence[str]
    tokens: Sequence[str]
    chosen: np.ndarray
    touching: np.ndarray
    protein: str = ""


def scene(chains: Sequence[DrawnChain]) -> dict[str, Any]:
    """Plain values for a viewer.

    Returns
    -------
    dict
        ``pdb``; ``calls``, the methods of 3Dmol's viewer that draw it, each a list of name and arguments;
        ``chains``, per chain letter ``numbers``, ``labels`` and ``tokens``, lists with one entry per residue.

    Raises
    ------
    StructureError
        If there is too much to draw.
    """
    total = sum(len(drawn.chain.residues) for drawn in chains)
    longest = max(len(drawn.chain.residues) for drawn in chains)
    if total > MAX_DRAWN or longest > MAX_RESIDUES // 2 or len(chains) > len(_LETTERS):
        raise StructureError(f"{len(chains):,} chains of {total:,} residues are more than can be drawn.",
                             hint="Keep the chains of the two proteins only.")
    middle = np.concatenate([drawn.chain.coordinates for drawn in chains]).mean(axis=0)
    lines: list[str] = []
    calls: list[list[Any]] = []
    described: dict[str, Mapping[str, Any]] = {}
    for letter, drawn in zip(_LETTERS, chains, strict=False):
        numbers = _numbers(drawn.chain)
        only_trace = _write(lines, letter, drawn.chain, numbers, middle)
        calls += _calls(letter, drawn, numbers, only_trace)
        described[letter] = {"numbers": numbers, "labels": list(drawn.labels), "tokens": list(drawn.tokens)}
    return {"pdb": "\n".join([*lines, "END"]), "calls": calls, "chains": described}


def _calls(letter: str, drawn: DrawnChain, numbers: Sequence[int], only_trace: bool) -> list[list[Any]]:
    """How to draw a chain: its ribbon, its marks and its name."""
    # A thin line for what has no more than Cα, and for chains that are none of the proteins.
    thin = only_trace or not drawn.protein
    look = {"style": "trace", "thickness": 0.4} if thin else {"arrows": True}
    colours = {"prop": "resi", "map": dict(zip(map(str, numbers), drawn.colours, strict=True))}
    calls: list[list[Any]] = [["setStyle", {"chain": letter}, {"cartoon": {**look, "colorscheme": colours}}]]
    if touching := [numbers[i] for i in np.flatnonzero(drawn.touching)]:
        calls.append(["addStyle", {"chain": letter, "resi": touching, "atom": "CA"},
                      {"sphere": {"radius": 0.8, "color": CONTACT}}])
    if chosen := [numbers[i] for i in np.flatnonzero(drawn.chosen)]:
        calls.append(["addStyle", {"chain": letter, "resi": chosen, "atom": ["N", "CA", "C"]},
                      {"stick": {"radius": 0.6, "color": CHOSEN}}])
    if drawn.protein:
        calls.append(["addLabel", drawn.protein, _NAME, {"chain": letter, "resi": numbers[0], "atom": "CA"}])
    return calls


def _numbers(chain: Chain) -> list[int]:
    """From 1; a number is left out where the backbone is interrupted, so that nothing is drawn across."""
    behind = {i for i, residue in enumerate(chain.residues) if residue.position in chain.breaks}
    numbers, number = [], 0
    for i in range(len(chain.residues)):
        number += 2 if i - 1 in behind else 1
        numbers.append(number)
    return numbers


def _write(lines: list[str], letter: str, chain: Chain, numbers: Sequence[int], middle: np.ndarray) -> bool:
    """Append a chain's backbone; True if it has nothing but Cα."""
    names = set()
    places = chain.coordinates - middle
    for name, place, owner in zip(chain.atom_names, places, chain.residue_of_atom, strict=True):
        if name not in _BACKBONE:
            continue
        if not (np.abs(place) < 999).all():
            raise StructureError("The structure is larger than a viewer can show.",
                                 hint="Keep one complex only.")
        names.add(name)
        x, y, z = place
        lines.append(f"ATOM  {(len(lines) + 1) % 100_000:5d}  {name:<3s} ALA {letter}{numbers[owner]:4d}    "
                     f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {_BACKBONE[name]:>2s}")
    lines.append(f"TER   {(len(lines) + 1) % 100_000:5d}      ALA {letter}{numbers[-1]:4d}")
    return "O" not in names
