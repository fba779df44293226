"""PDB and mmCIF files, also gzipped, as `Structure`."""

from __future__ import annotations

import gzip
import re
import zlib
from collections import Counter
from io import BytesIO
from math import isfinite
from pathlib import Path

import gemmi

from esm2amp_core.errors import quoted
from esm2amp_core.files.text import MEGABYTE, check_size, read_file
from esm2amp_core.settings import Settings
from esm2amp_core.structures.chains import read_chain
from esm2amp_core.structures.predicted import is_predicted, rescaled
from esm2amp_core.structures.structure import Structure, StructureError

MAX_ATOMS = 1_000_000
"""More than a ribosome; larger files are of no use here and slow to draw."""
_HINT = "Give a PDB (.pdb) or mmCIF (.cif) file, as the Protein Data Bank or AlphaFold DB offer them."
_AGAIN = "Download the file again, or copy it again from where it is whole."
_PLACE = re.compile(r"string:(?P<line>\d+):\d+\(\d+\): *")
"""Where gemmi stopped, in front of its reason."""
_GZIP = b"\x1f\x8b"
_OTHER = {
    b"PK\x03\x04": "a zip archive", b"<": "a page or an XML file", b"{": "a JSON file", b"[": "a JSON file",
    b">": "a FASTA file", b"MMTF": "an MMTF file", b"%PDF": "a PDF document",
}  # fmt: skip


def read_structure(path: str | Path, *, max_file_mb: float = Settings.max_file_mb) -> Structure:
    """Read a file.

    Raises
    ------
    StructureError
        If it is missing, too large, damaged, no structure, or without a protein chain.
    """
    data = read_file(path, max_file_mb=max_file_mb, error=StructureError)
    return parse_structure(data, Path(path).name, max_file_mb=max_file_mb)


def parse_structure(data: bytes, name: str, *, max_file_mb: float = Settings.max_file_mb) -> Structure:
    """Read the contents of a file; `name` is what to call it.

    The first model is taken, of atoms in several places (altlocs) the first, and of protein chains only what
    belongs to the chain: no waters, ligands or hydrogens.

    Raises
    ------
    StructureError
        As `read_structure`.
    """
    data = _unpacked(data, name, max_file_mb)
    found = _parsed(data, name)
    n_atoms = found[0].count_atom_sites() if len(found) else 0
    if not n_atoms:
        raise StructureError(f"{name} holds no atoms.", hint=_HINT)
    if n_atoms > MAX_ATOMS:
        raise StructureError(f"{name} holds {n_atoms:,} atoms; at most {MAX_ATOMS:,} are read.",
                             hint="Keep the chains of the two proteins only.")
    notes = []
    if len(found) > 1:
        notes.append(f"The file holds {len(found)} models; the first one is used.")
        del found[1:]
    if found.input_format == gemmi.CoorFormat.Pdb and not data.rstrip().endswith(b"END"):
        notes.append("The file does not end with END, as whole ones do: where residues are missing, it may "
                     "have been cut off.")
    predicted = is_predicted(found, data)
    found.remove_hydrogens()
    found.merge_chain_parts()
    found.setup_entities()
    found.assign_label_seq_id()
    parents = {(mod.chain_name, str(mod.res_id.seqid)): mod.parent_comp_id for mod in found.mod_residues}
    chains, others, has_altlocs = [], Counter(), False
    for part in found[0]:
        polymer = part.get_polymer()
        kind = polymer.check_polymer_type() if len(polymer) else gemmi.PolymerType.Unknown
        if kind in (gemmi.PolymerType.PeptideL, gemmi.PolymerType.PeptideD):
            entity = found.get_entity_of(polymer)
            full = entity.full_sequence if entity else []
            chains.append(read_chain(part.name, polymer, full, parents, name))
        elif len(polymer) > 1:
            others["chain without amino acids (DNA, RNA, sugar)"] += 1
        others["ligand or ion"] += len(part.get_ligands())
        others["water"] += len(part.get_waters())
        has_altlocs |= any(atom.altloc != "\0" for residue in polymer for atom in residue)
    if not chains:
        raise StructureError(f"{name} holds no protein chain.", hint=_HINT)
    if has_altlocs:
        notes.append("Some atoms were seen in several places; the first place of each is used.")
    if left := [f"{count:,} × {what}" for what, count in others.items() if count]:
        notes.append(f"Not shown: {', '.join(left)}.")
    if predicted:
        chains = rescaled(chains)
    return Structure(name, tuple(chains), predicted, tuple(notes))


def _unpacked(data: bytes, name: str, max_file_mb: float) -> bytes:
    check_size(len(data), name, max_file_mb=max_file_mb, error=StructureError)
    if not data.startswith(_GZIP):
        return data
    try:
        with gzip.open(BytesIO(data)) as file:
            data = file.read(int(max_file_mb * MEGABYTE) + 1)  # a small file may unpack to a huge one
    except (OSError, EOFError, zlib.error) as problem:
        raise StructureError(f"{name} cannot be unpacked: {problem}.", hint=_AGAIN) from None
    check_size(len(data), f"{name}, unpacked,", max_file_mb=max_file_mb, error=StructureError)
    return data


def _parsed(data: bytes, name: str) -> gemmi.Structure:
    """The file as gemmi reads it, the format chosen by what it holds, not by its name."""
    head = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    for magic, kind in _OTHER.items():
        if head.startswith(magic):
            raise StructureError(f"{name} is {kind}, not a structure.", hint=_HINT)
    # One letter for one byte: columns of PDB stay where they are. Only names of authors hold such letters.
    text = head.decode("latin-1").encode("ascii", errors="replace").decode().replace("\0", " ")
    try:
        if not _is_cif(text):
            _check_coordinates(text, name)
            return gemmi.read_pdb_string(text)
        for block in gemmi.cif.read_string(text):
            if block.find(["_atom_site.Cartn_x"]):
                return gemmi.make_structure_from_block(block)
    except (RuntimeError, ValueError, IndexError, OverflowError) as problem:
        raise _damaged(name, problem) from None
    raise StructureError(f"{name} holds no atoms, or was cut off before them.", hint=_HINT)


def _damaged(name: str, problem: Exception) -> StructureError:
    """What a failure of gemmi means for a person, with its own reason at the end."""
    reason = str(problem).partition("\n")[0] or type(problem).__name__
    place = _PLACE.match(reason)
    what = f"cut off: from line {int(place['line']):,} on" if place else "no structure:"
    reason = quoted(_PLACE.sub("", reason), 200)
    return StructureError(f"{name} is damaged or {what} it cannot be read ({reason}).", hint=_AGAIN)


def _check_coordinates(text: str, name: str) -> None:
    """Refuse PDB lines whose coordinates are no numbers: gemmi would read them as 0."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("ATOM  ", "HETATM")):
            try:
                sound = all(isfinite(float(line[begin : begin + 8])) for begin in (30, 38, 46))
            except ValueError:
                sound = False
            if not sound:
                raise StructureError(f"{name} is damaged: the atom in line {number:,} has no place.",
                                     hint=_AGAIN)


def _is_cif(text: str) -> bool:
    lines = (line for line in text.splitlines()[:2000] if line.strip() and not line.startswith("#"))
    return next(lines, "").lower().startswith(("data_", "loop_"))
