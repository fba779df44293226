"""Small structures written by hand, atom by atom."""

import gzip
from pathlib import Path

from esm2amp_core.structures.reading import parse_structure

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "structures"
NAMES = dict(zip("ACDEFGHIKLMNPQRSTVWY",
                 "ALA CYS ASP GLU PHE GLY HIS ILE LYS LEU MET ASN PRO GLN ARG SER THR VAL TRP TYR".split(),
                 strict=True))  # fmt: skip
STEP = 3.8
"""Å between Cα of neighbours; `C` and `N` lie on the line between them, 1.3 Å apart."""
SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV"
PARTNER = "GSSHHWERTYIPASDFGHKLCVNMQWERTYIPASDFGNKL"

TAG = "GSHHHHHH"
UNSEEN = {0, 20, 21}
"""Positions of `SEQUENCE` without coordinates in `complex_lines`."""


def atom(name, residue, chain, number, place, *, icode=" ", altloc=" ", b=20.0, het=False, element=""):
    """One line of a PDB file."""
    x, y, z = place
    record = "HETATM" if het else "ATOM  "
    return (f"{record}    1  {name:<3s}{altloc}{residue:>3s} {chain}{number:4d}{icode}   "
            f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00{b:6.2f}          {element or name[0]:>2s}")


def residue_lines(residue, chain, number, x, *, y=0.0, z=0.0, icode=" ", b=20.0, het=False):
    """Backbone of a residue on a line along x."""
    places = {"N": (x - 1.25, y, z), "CA": (x, y, z), "C": (x + 1.25, y, z), "O": (x + 1.25, y + 1.2, z)}
    return [atom(name, residue, chain, number, place, icode=icode, b=b, het=het)
            for name, place in places.items()]


def chain_lines(sequence, chain="A", *, start=1, y=0.0, z=0.0, unseen=(), b=20.0):
    """A stretched chain; `unseen` are positions, from 0, without coordinates, which keep their numbers."""
    lines = []
    for i, letter in enumerate(sequence):
        if i not in unseen:
            height = b[i] if isinstance(b, list) else b
            lines += residue_lines(NAMES[letter], chain, start + i, STEP * i, y=y, z=z, b=height)
    return [*lines, "TER"]


def seqres(sequence, chain="A"):
    """SEQRES lines: all residues of a chain, seen or not."""
    names = [NAMES[letter] for letter in sequence]
    return [f"SEQRES {i // 13 + 1:3d} {chain} {len(names):4d}  {' '.join(names[i : i + 13])}"
            for i in range(0, len(names), 13)]


def parsed(*lines, name="made.pdb"):
    """The structure of lines of a PDB file."""
    flat = [line for group in lines for line in ([group] if isinstance(group, str) else group)]
    return parse_structure("\n".join([*flat, "END", ""]).encode(), name)


def gzipped(data):
    return gzip.compress(data)


def complex_lines():
    """Two chains side by side at 4.9 Å, a tag on the first, and a third chain that is neither."""
    return [*chain_lines(TAG + SEQUENCE, "A", start=-7, unseen={len(TAG) + i for i in UNSEEN}),
            *chain_lines(PARTNER, "B", y=-4.9), *chain_lines("AGSTV" * 5, "C", y=60.0), "END", ""]
