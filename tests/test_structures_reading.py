"""Reading structures: what counts as a chain's residues, in PDB and mmCIF, and files that are refused."""

import csv
import random
import subprocess
import sys

import gemmi
import numpy as np
import pytest
from structure_samples import DATA, SEQUENCE, atom, chain_lines, gzipped, parsed, residue_lines, seqres

from esm2amp_core.structures.reading import parse_structure, read_structure
from esm2amp_core.structures.structure import StructureError

real = pytest.mark.skipif(not DATA.is_dir(), reason=f"NO DATA: structures NOT tested on real files ({DATA}).")
INDEX = list(csv.DictReader((DATA / "index.tsv").open(), delimiter="\t")) if DATA.is_dir() else []
MODIFIED = {"1k6p.pdb": {"A": 99, "B": 99}}  # the index counts without its modified residues


def as_cif(text):
    """The same structure as mmCIF, written by gemmi."""
    structure = gemmi.read_pdb_string(text)
    structure.setup_entities()
    structure.assign_label_seq_id()
    return structure.make_mmcif_document().as_string().encode()


def test_a_chain_has_its_residues_in_order_with_the_authors_numbers():
    chain = parsed(chain_lines(SEQUENCE, start=-2)).chains[0]
    assert chain.sequence == SEQUENCE and not chain.is_complete
    assert [residue.number for residue in chain.residues] == list(range(-2, len(SEQUENCE) - 2))
    assert chain.breaks == () and len(chain.coordinates) == 4 * len(SEQUENCE)


def test_insertion_codes_are_residues_of_their_own():
    lines = [*residue_lines("ALA", "A", 52, 0.0), *residue_lines("GLY", "A", 52, 3.8, icode="A"),
             *residue_lines("SER", "A", 52, 7.6, icode="B"), *residue_lines("THR", "A", 53, 11.4)]
    chain = parsed(lines).chains[0]
    assert chain.sequence == "AGST"
    assert [residue.label for residue in chain.residues] == ["A52", "G52A", "S52B", "T53"]


def test_selenomethionine_is_methionine_and_a_modified_residue_its_parent():
    lines = [*residue_lines("ALA", "A", 1, 0.0), *residue_lines("MSE", "A", 2, 3.8, het=True),
             *residue_lines("SEP", "A", 3, 7.6, het=True), *residue_lines("XQ7", "A", 4, 11.4, het=True),
             *residue_lines("GLY", "A", 5, 15.2), "TER"]  # fmt: skip
    modres = "MODRES 1ABC XQ7 A    4  TRP  SOMETHING NEW"
    chain = parsed(modres, lines).chains[0]
    assert chain.sequence == "AMSWG"
    assert [residue.name for residue in chain.residues][1:4] == ["MSE", "SEP", "XQ7"]
    assert parsed(lines).chains[0].sequence == "AMSXG"


def test_residues_that_were_not_seen_are_known_from_seqres():
    unseen = {0, 1, 2, 20, 21, 22, 39}
    chain = parsed(seqres(SEQUENCE), chain_lines(SEQUENCE, unseen=unseen)).chains[0]
    assert chain.sequence == SEQUENCE and chain.is_complete and len(chain.residues) == 33
    assert [residue.position for residue in chain.residues] == [i for i in range(40) if i not in unseen]
    assert chain.breaks == (19,)


def test_without_seqres_the_backbone_tells_where_residues_are_missing():
    chain = parsed(chain_lines(SEQUENCE, unseen={20, 21, 22})).chains[0]
    assert len(chain.sequence) == 37 and not chain.is_complete and chain.breaks == (19,)


def test_of_a_trace_of_calphas_their_distance_tells_where_residues_are_missing():
    places = [3.8 * i for i in (0, 1, 2, 3, 4, 8, 9, 10, 11, 12)]
    chain = parsed([atom("CA", "ALA", "A", i, (x, 0, 0)) for i, x in enumerate(places, 1)]).chains[0]
    assert len(chain.residues) == 10 and chain.breaks == (4,)


def test_a_seqres_of_another_protein_does_not_lead_astray():
    chain = parsed(seqres("W" * 30), chain_lines(SEQUENCE)).chains[0]
    assert [chain.sequence[residue.position] for residue in chain.residues] == list(SEQUENCE)


def test_of_two_places_the_first_is_taken_and_said():
    lines = chain_lines("AGSTV" * 4)
    twice = [atom("CB", "ALA", "A", 1, (place, 1, 1), altloc=name) for name, place in (("A", 0), ("B", 9))]
    found = parsed(lines[:4], twice, lines[4:])
    first = found.chains[0].coordinates[found.chains[0].residue_of_atom == 0]
    assert len(first) == 5 and first.max() < 5
    assert any("several places" in note for note in found.notes)


def test_of_several_models_the_first_is_taken_and_said():
    models = [line for n in (1, 2, 3)
              for line in (f"MODEL     {n:4d}", *chain_lines("AGSTV" * 4, y=50.0 * n), "ENDMDL")]
    found = parsed(models)
    assert found.chains[0].coordinates[:, 1].max() < 60
    assert found.notes[0] == "The file holds 3 models; the first one is used."


def test_waters_ligands_hydrogens_and_dna_are_no_residues():
    dna = [atom(name, residue, "D", i, (i * 6.0, 40, 0)) for i, residue in enumerate(("DA", "DC", "DG"), 1)
           for name in ("P", "C1'", "C3'", "O3'")]  # fmt: skip
    others = [atom("O", "HOH", "A", 300, (1, 30, 0), het=True),
              atom("ZN", "ZN", "A", 301, (1, 32, 0), het=True, element="ZN")]
    lines = chain_lines("A" * 12)
    found = parsed(lines[:4], atom("H", "ALA", "A", 1, (0, 0, 1)), lines[4:], dna, "TER", others)
    (chain,) = found.chains
    assert len(chain.residues) == 12 and set(chain.atom_names) == {"N", "CA", "C", "O"}
    assert "1 × chain without amino acids" in " ".join(found.notes) and "1 × water" in " ".join(found.notes)


def test_chains_keep_their_names_and_their_order():
    found = parsed(chain_lines(SEQUENCE, "B"), chain_lines(SEQUENCE[:20], "x", y=30))
    assert [(chain.name, len(chain.residues)) for chain in found.chains] == [("B", 40), ("x", 20)]
    with pytest.raises(StructureError, match="no protein chain 'C'") as told:
        found.chain("C")
    assert "B, x" in told.value.hint


def test_mmcif_gives_what_pdb_gives_also_gzipped_and_whatever_it_is_called():
    text = "\n".join([*seqres(SEQUENCE), *chain_lines(SEQUENCE, start=100, unseen={5, 6}), "END", ""])
    one = parse_structure(text.encode(), "x.pdb").chains[0]
    for data in (as_cif(text), gzipped(as_cif(text))):
        other = parse_structure(data, "x.pdb").chains[0]
        assert (other.sequence, other.residues, other.breaks) == (one.sequence, one.residues, one.breaks)
        np.testing.assert_allclose(other.coordinates, one.coordinates)


def test_of_two_amino_acids_at_one_place_the_first_is_taken_in_both_formats():
    lines = chain_lines("AG", start=51)[:-1]
    lines += [line[:16] + alt + line[17:] for name, alt in (("SER", "A"), ("THR", "B"))
              for line in residue_lines(name, "A", 53, 7.6)]  # microheterogeneity
    lines += [*residue_lines("VAL", "A", 54, 11.4), *residue_lines("LEU", "A", 55, 15.2)]
    text = "\n".join([*lines, "END", ""])
    for data, name in ((text.encode(), "a.pdb"), (as_cif(text), "a.cif")):
        structure = parse_structure(data, name)
        assert structure.chains[0].sequence == "AGSVL" and structure.chains[0].breaks == ()
        assert [residue.number for residue in structure.chains[0].residues] == [51, 52, 53, 54, 55]
        assert any("several places" in note for note in structure.notes)


def test_of_twenty_models_only_the_first_counts():
    models = [line for i in range(20)
              for line in (f"MODEL     {i + 1:4d}", *chain_lines(SEQUENCE, y=5.0 * i), "ENDMDL")]
    structure = parsed("EXPDTA    SOLUTION NMR", models)
    assert len(structure.chains) == 1 and np.allclose(structure.chains[0].coordinates[0], [-1.25, 0, 0])
    assert structure.is_predicted is False and "20 models" in structure.notes[0]


def test_numbers_beyond_9999_are_read_as_programs_write_them():
    lines = [line[:22] + code + line[26:] for code, x, name in
             (("9998", 0.0, "ALA"), ("9999", 3.8, "GLY"), ("A000", 7.6, "SER"), ("A001", 11.4, "VAL"))
             for line in residue_lines(name, "A", 1, x)]  # hybrid-36
    assert [residue.number for residue in parsed(lines).chains[0].residues] == [9998, 9999, 10000, 10001]


def test_a_prediction_is_known_by_its_header_or_by_its_numbers():
    plddt = [90.0 - i for i in range(40)]
    assert parsed(chain_lines(SEQUENCE, b=plddt)).is_predicted is True
    assert parsed("TITLE     ALPHAFOLD MONOMER V2.0 PREDICTION", chain_lines(SEQUENCE)).is_predicted is True
    assert parsed("EXPDTA    X-RAY DIFFRACTION", chain_lines(SEQUENCE, b=plddt)).is_predicted is False
    assert parsed(chain_lines(SEQUENCE)).is_predicted is None  # one number for all tells nothing


def test_plddt_from_0_to_1_is_told_from_0_to_100():
    found = parsed(chain_lines(SEQUENCE, b=[0.90 - i / 100 for i in range(40)]))
    assert found.chains[0].b_factors[0] == pytest.approx(90) and found.is_predicted


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no atoms"), (b"hello\nworld\n", "no atoms"), (b"<html>", "a page"), (b'{"a": 1}', "JSON"),
        (b"PK\x03\x04xx", "zip archive"), (b">P1\nMKV\n", "FASTA"),
        (b"\x1f\x8b\x08broken", "cannot be unpacked"),
        (b"data_x\nloop_\n_atom_site.id\n1 2 'un", "damaged"), (b"data_x\n_a.b 1\n", "no atoms"),
        (b"ATOM      1  CA  ALA A   1      xxxxxxxx   0.000   0.000  1.00 20.00           C\n", "damaged"),
        (b"\0" * 1000, "no atoms"), (bytes(range(256)) * 20, "given"),
        ("\n".join(atom("O", "HOH", "A", i, (i, 0, 0), het=True) for i in range(9)).encode(), "no protein"),
    ],
)  # fmt: skip
def test_what_is_no_structure_is_refused_in_words(data, words):
    with pytest.raises(StructureError, match=words) as told:
        parse_structure(data, "given.pdb")
    assert told.value.message.startswith("given.pdb") and told.value.hint


def test_a_cut_mmcif_is_told_with_the_line_the_remedy_and_the_readers_reason():
    whole = as_cif("\n".join(chain_lines(SEQUENCE))).decode()
    cut = whole[: whole.index(" CA ", len(whole) // 2)]
    with pytest.raises(StructureError, match=r"cut\.cif is damaged or cut off: from line \d+ on") as told:
        parse_structure(cut.encode(), "cut.cif")
    assert "('Wrong number of values in loop _atom_site.*')" in told.value.message
    assert "string:" not in told.value.message and told.value.hint.startswith("Download the file again")


def test_a_pdb_file_that_may_be_cut_off_is_told():
    lines = chain_lines(SEQUENCE)
    whole, cut = "\n".join([*lines, "END"]), "\n".join(lines[:40])
    assert parse_structure(f"{whole}\n".encode(), "whole.pdb").notes == ()
    found = parse_structure(cut.encode(), "cut.pdb")
    assert len(found.chains[0].residues) == 10 and "cut off" in found.notes[0]
    assert parse_structure(as_cif(whole), "whole.cif").notes == ()


def test_atoms_without_a_place_are_refused():
    text = "\n".join(chain_lines(SEQUENCE))
    cif = as_cif(text).replace(b" 3.8", b" nan", 1)
    with pytest.raises(StructureError, match="without a place"):
        parse_structure(cif, "nan.cif")


def test_files_too_large_are_refused_packed_and_unpacked():
    with pytest.raises(StructureError, match="at most 1 MB"):
        parse_structure(b"ATOM" * 300_000, "large.pdb", max_file_mb=1)
    with pytest.raises(StructureError, match="unpacked"):
        parse_structure(gzipped(b"\0" * 5_000_000), "bomb.pdb.gz", max_file_mb=1)


def test_a_missing_file_and_a_folder_are_told(tmp_path):
    for path in (tmp_path / "none.pdb", tmp_path):
        with pytest.raises(StructureError):
            read_structure(path)


def test_damaged_copies_end_in_words_or_in_a_structure():
    whole = "\n".join([*seqres(SEQUENCE), *chain_lines(SEQUENCE)]).encode()
    dice = random.Random(5)
    for data in (whole, as_cif(whole.decode())):
        for _ in range(150):
            damaged = bytearray(data)
            for _ in range(dice.randint(1, 30)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            damaged = bytes(damaged[: dice.randint(1, len(damaged))])
            try:
                found = parse_structure(damaged, "damaged")
            except StructureError:
                continue
            for chain in found.chains:
                assert len(chain.residues) == len(chain.b_factors)
                assert all(0 <= residue.position < len(chain.sequence) for residue in chain.residues)


@real
@pytest.mark.parametrize("row", INDEX, ids=lambda row: row["file"])
def test_real_files_have_the_chains_that_the_index_counts(row):
    found = read_structure(DATA / row["file"])
    expected = dict(part.split(":") for part in row["protein_chains"].split(","))
    expected = MODIFIED.get(row["file"], {name: int(count) for name, count in expected.items()})
    assert {chain.name: len(chain.residues) for chain in found.chains} == expected
    assert found.is_predicted in ((True,) if row["kind"] == "predicted" else (False, None))


@real
@pytest.mark.parametrize("name", ["1aki", "5zng"])
def test_both_formats_of_a_real_entry_agree(name):
    one, other = (read_structure(DATA / f"{name}.{ending}") for ending in ("pdb", "cif"))
    for a, b in zip(one.chains, other.chains, strict=True):
        assert (a.name, a.sequence, a.residues) == (b.name, b.sequence, b.residues)
        assert a.atom_names == b.atom_names
        np.testing.assert_allclose(a.coordinates, b.coordinates)


def test_structures_are_read_without_torch_and_streamlit():
    code = ("import sys, esm2amp_core.structures.painting, esm2amp_core.structures.agreement; "
            "sys.exit(', '.join({'torch', 'streamlit', 'sklearn'} & set(sys.modules)) or 0)")
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
