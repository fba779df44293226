"""Which residue of a chain is which of a protein; the wrong protein is refused."""

import random

import numpy as np
import pytest
from structure_samples import DATA, PARTNER, SEQUENCE, chain_lines, parsed, residue_lines, seqres

from esm2amp_core.sequences import Protein
from esm2amp_core.structures.alignment import ENOUGH, align
from esm2amp_core.structures.placing import place
from esm2amp_core.structures.reading import read_structure
from esm2amp_core.structures.structure import StructureError

real = pytest.mark.skipif(not DATA.is_dir(), reason=f"NO DATA: alignments NOT tested on real files ({DATA}).")
LONG = "MSDKPLTRVEQAGWNFHYCI" * 3


def fitted(protein, *lines):
    return align(protein, parsed(*lines).chains[0])


def mutated(sequence, share, seed=0):
    dice = random.Random(seed)
    letters = list(sequence)
    for i in dice.sample(range(len(letters)), round(share * len(letters))):
        letters[i] = dice.choice([letter for letter in "ACDEFGHIKLMNPQRSTVWY" if letter != letters[i]])
    return "".join(letters)


def test_the_same_sequence_lies_residue_on_residue_whatever_its_numbers():
    fit = fitted(SEQUENCE, chain_lines(SEQUENCE, start=501))
    assert fit.positions.tolist() == list(range(40)) and fit.identity == 1 and fit.seen.all()
    assert fit.problem == "" and fit.differences() == []


def test_a_part_of_the_protein_finds_its_place():
    fit = fitted(LONG + SEQUENCE + LONG[::-1], chain_lines(SEQUENCE))
    assert fit.positions.tolist() == list(range(60, 100))
    assert "Not in the structure: residues 1–60, 101–160." in fit.words()


@pytest.mark.parametrize("told", [True, False])
def test_missing_residues_shift_nothing(told):
    unseen = {*range(12, 21), 39}
    protein = LONG + SEQUENCE
    fit = fitted(protein, seqres(SEQUENCE) if told else [], chain_lines(SEQUENCE, unseen=unseen))
    assert fit.positions.tolist() == [60 + i for i in range(40) if i not in unseen]
    assert not fit.seen[72:81].any() and fit.identity == 1


def test_repeats_around_a_gap_are_placed_by_the_break_in_the_backbone():
    repeat = "GSAGSAGSAGSA"
    protein = SEQUENCE + repeat + SEQUENCE[::-1]
    unseen = set(range(43, 49))  # within the repeat
    fit = fitted(protein, chain_lines(protein, unseen=unseen))
    assert fit.positions.tolist() == [i for i in range(92) if i not in unseen]


def test_insertion_codes_and_modified_residues_keep_the_register():
    names = ["MET", "LYS", "THR", "ALA", "TYR", "ILE", "ALA", "LYS", "GLN", "ARG", "GLN", "ILE", "SER"]
    numbers = [(1, " "), (2, " "), (2, "A"), (2, "B"), *((i, " ") for i in range(3, 12))]
    names[0] = "MSE"
    lines = [line for i, (name, (number, icode)) in enumerate(zip(names, numbers, strict=True))
             for line in residue_lines(name, "A", number, 3.8 * i, icode=icode, het=name == "MSE")]
    fit = fitted("AA" + SEQUENCE, lines)
    assert fit.positions.tolist() == list(range(2, 15)) and fit.identity == 1


def test_tags_and_fusion_partners_belong_to_no_residue():
    fit = fitted(SEQUENCE * 2, chain_lines("GSHHHHHH" + SEQUENCE * 2 + PARTNER))
    assert fit.placed.tolist() == [False] * 8 + [True] * 80 + [False] * 40
    assert fit.problem == ""
    assert "48 residues are not the protein's" in " ".join(fit.words())


def test_a_tag_beside_residues_that_were_not_seen_is_not_taken_for_them():
    fit = fitted("MSDK" + SEQUENCE, chain_lines("GLWQ" + SEQUENCE))
    assert fit.positions.tolist() == [-1] * 4 + list(range(4, 44))
    fit = fitted(SEQUENCE + "MSDK", chain_lines(SEQUENCE + "GLWQ"))
    assert fit.positions.tolist() == list(range(40)) + [-1] * 4


def test_a_stretch_that_differs_in_most_residues_is_none_of_the_proteins():
    """Between two breaks, free to lie anywhere, it finds four residues that agree by chance."""
    strange, gap = "RYWMKGAALHIVMN", "AAAAA"
    seen = SEQUENCE + gap + strange + gap + SEQUENCE[::-1]
    fit = fitted(SEQUENCE + LONG + SEQUENCE[::-1], chain_lines(seen, unseen={*range(40, 45), *range(59, 64)}))
    assert fit.placed.tolist() == [True] * 40 + [False] * 14 + [True] * 40 and fit.identity == 1


def test_a_repeat_is_told_with_all_places_where_it_fits_as_well():
    fit = fitted(SEQUENCE + "GG" + SEQUENCE + LONG + SEQUENCE, chain_lines(SEQUENCE))
    places = [(1, 40), (43, 82), (143, 182)]
    here = (int(fit.positions[0]) + 1, int(fit.positions[-1]) + 1)
    others = [f"{first}–{last}" for first, last in places if (first, last) != here]
    assert here in places and fit.elsewhere == others
    assert f"residues {here[0]}–{here[1]}, but fits equally well at {others[0]} and {others[1]}" in fit.doubt
    assert fit.doubt in fit.words()
    spoilt = SEQUENCE[:9] + "W" + SEQUENCE[10:]
    assert fitted(SEQUENCE + spoilt, chain_lines(SEQUENCE)).doubt == ""
    assert fitted(SEQUENCE + SEQUENCE[:39], chain_lines(SEQUENCE)).elsewhere == []
    one_more = fitted(SEQUENCE * 2, chain_lines(SEQUENCE, unseen={20, 21, 39}))
    assert one_more.elsewhere in (["41–79"], ["1–39"])


def test_point_mutations_are_named_as_people_write_them():
    fit = fitted(SEQUENCE, chain_lines(SEQUENCE[:9] + "W" + SEQUENCE[10:]))
    assert fit.differences() == ["R10W"] and fit.identity == pytest.approx(39 / 40)
    assert "Other amino acids (protein, number, structure): R10W." in fit.words()


def test_a_deletion_in_the_construct_is_a_gap_in_the_protein():
    fit = fitted(LONG[:30] + "WWWWWWWW" + SEQUENCE, chain_lines(LONG[:30] + SEQUENCE))
    assert fit.positions.tolist() == [*range(30), *range(38, 78)]


def test_an_orthologue_is_taken_with_a_warning_and_a_distant_relative_is_not():
    protein = LONG + SEQUENCE
    near = fitted(protein, chain_lines(mutated(protein, 0.2)))
    assert near.problem == "" and "another species" in " ".join(near.words())
    far = fitted(protein, chain_lines(mutated(protein, 0.45)))
    assert far.identity < ENOUGH and far.problem


def test_unrelated_proteins_are_refused_however_long_they_are():
    dice = random.Random(3)
    chains = [parsed(chain_lines("".join(dice.choices("ACDEFGHIKLMNPQRSTVWY", k=n)))).chains[0]
              for n in (12, 60, 250)]
    for length in (60, 400, 2500):
        protein = "".join(dice.choices("ACDEFGHIKLMNPQRSTVWYLLAASGE", k=length))
        assert all(align(protein, chain).problem for chain in chains)


def test_a_short_peptide_of_the_protein_is_enough():
    assert fitted(LONG + SEQUENCE, chain_lines(SEQUENCE[-11:])).problem == ""
    assert fitted(LONG + SEQUENCE, chain_lines(SEQUENCE[-8:])).problem


def test_each_protein_of_a_pair_gets_its_chain():
    found = parsed(chain_lines(PARTNER, "A"), chain_lines(SEQUENCE, "B", y=8))
    placed = place(found, [Protein("one", SEQUENCE), Protein("other", PARTNER)])
    assert [fit.chain.name for fit in placed.fits] == ["B", "A"] and placed.is_complex


def test_of_copies_those_are_taken_that_touch_and_another_can_be_chosen():
    found = parsed(chain_lines(SEQUENCE, "A"), chain_lines(PARTNER, "B", y=90),
                   chain_lines(SEQUENCE, "C", y=94), chain_lines(PARTNER, "D", y=300))
    pair = [Protein("one", SEQUENCE), Protein("other", PARTNER)]
    placed = place(found, pair)
    assert [fit.chain.name for fit in placed.fits] == ["C", "B"]
    assert [[fit.chain.name for fit in fits] for fits in placed.candidates] == [["A", "C"], ["B", "D"]]
    assert [fit.chain.name for fit in place(found, pair, chosen=["A", "D"]).fits] == ["A", "D"]
    with pytest.raises(StructureError, match="Chain B is not this protein") as told:
        place(found, pair, chosen=["B", ""])
    assert told.value.hint == "It is chain A, C."


def test_a_copy_of_which_little_was_seen_does_not_take_the_place_of_a_whole_one_because_it_touches():
    found = parsed(chain_lines(SEQUENCE, "A"), chain_lines(PARTNER, "B", y=90),
                   chain_lines(SEQUENCE, "C", y=94, unseen=set(range(20))))
    placed = place(found, [Protein("one", SEQUENCE), Protein("other", PARTNER)])
    assert [fit.chain.name for fit in placed.fits] == ["A", "B"]


def test_a_homodimer_gets_two_chains_and_a_monomer_one():
    protein = Protein("same", SEQUENCE)
    two = place(parsed(chain_lines(SEQUENCE, "A"), chain_lines(SEQUENCE, "B", y=5)), [protein, protein])
    assert [fit.chain.name for fit in two.fits] == ["A", "B"]
    one = place(parsed(chain_lines(SEQUENCE, "A")), [protein, protein])
    assert one.fits[0].chain.name == "A" and one.fits[1] is None and not one.is_complex
    assert "second chain" in one.reasons[1]


def test_one_protein_of_a_pair_is_enough_and_the_other_is_told():
    placed = place(parsed(chain_lines(SEQUENCE)), [Protein("one", SEQUENCE), Protein("P2", PARTNER)])
    assert placed.fits[1] is None and placed.reasons[0] == ""
    assert placed.reasons[1].startswith("P2 is not in the structure; nearest is chain A")


def test_a_structure_of_other_proteins_is_refused_with_what_is_nearest():
    with pytest.raises(StructureError, match="structure of other proteins") as told:
        place(parsed(chain_lines(PARTNER)), [Protein("one", SEQUENCE), Protein("two", LONG)])
    assert len(told.value.details) == 2 and "one is not in the structure" in told.value.details[0]


@real
def test_haemoglobins_chains_are_not_taken_for_each_other():
    found = read_structure(DATA / "4hhb.pdb")
    alpha, beta = (Protein(name, found.chain(name).sequence) for name in "AB")
    placed = place(found, [alpha, beta])
    assert [[fit.chain.name for fit in fits] for fits in placed.candidates] == [["A", "C"], ["B", "D"]]
    assert placed.is_complex and all(fit.identity == 1 for fit in placed.fits)


@real
@pytest.mark.parametrize("name", ["1k6p.pdb", "5h73.pdb", "6pp9.pdb", "5zng.cif", "3o5r.pdb", "1ay7.pdb"])
def test_real_chains_lie_on_a_longer_protein_without_a_mismatch(name):
    for chain in read_structure(DATA / name).chains:
        fit = align(LONG + chain.sequence + LONG[::-1], chain)
        assert fit.identity == 1 and fit.placed.all()
        np.testing.assert_array_equal(fit.positions, [60 + residue.position for residue in chain.residues])
