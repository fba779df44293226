"""Training proteins: seen or not, and how near the nearest one is."""

import io
import zipfile

import numpy as np
import pytest
from tiny import INSULIN_A, UBIQUITIN

from esm2amp_core.errors import BundleError
from esm2amp_core.reference import FEW, WORD, Nearest, TrainingReference, residue_classes, words
from esm2amp_core.sequences import Protein

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def random_protein(name, length=200, seed=0):
    return Protein(name, "".join(np.random.default_rng(seed).choice(LETTERS, length)))


@pytest.fixture(scope="module")
def reference():
    others = [random_protein(f"R{i}", 50 + 10 * i, i) for i in range(30)]
    return TrainingReference.of([Protein("UBI", UBIQUITIN), *others, Protein("INS", INSULIN_A)])


def test_the_same_chain_is_seen_whatever_its_name(reference):
    assert reference.nearest(Protein("other name", UBIQUITIN)) == Nearest("UBI", 1.0, seen=True)
    assert reference.seen(Protein("x", INSULIN_A))
    assert not reference.seen(Protein("UBI", UBIQUITIN[:-1]))


def test_a_relative_is_found_by_the_share_of_words_it_has_in_common(reference):
    """Cut after 70 of 76 residues, all 65 words are ubiquitin's; behind 30 others, half are not."""
    assert reference.nearest(Protein("x", UBIQUITIN[:70])) == Nearest("UBI", 1.0, seen=False)
    foreign = random_protein("", 70, seed=99).sequence
    joined = reference.nearest(Protein("x", UBIQUITIN[:70] + foreign))
    assert joined.name == "UBI"
    assert joined.similarity == pytest.approx(65 / (140 - WORD + 1))


def test_residues_that_replace_each_other_count_as_one(reference):
    relative = UBIQUITIN.translate(str.maketrans("LVIKDES", "IILRENT"))
    assert relative != UBIQUITIN
    assert reference.nearest(Protein("x", relative)) == Nearest("UBI", 1.0, seen=False)


def test_a_protein_like_no_other_has_no_nearest():
    reference = TrainingReference.of([Protein("A", "A" * 40)])
    assert reference.nearest(Protein("x", "W" * 40)) == Nearest("", 0.0, seen=False)
    assert reference.nearest(Protein("x", "X" * 40)) == Nearest("", 0.0, seen=False)
    assert TrainingReference.of([]).nearest(Protein("x", UBIQUITIN)) == Nearest("", 0.0, seen=False)


def test_words_never_run_from_one_protein_into_the_next():
    left, right = UBIQUITIN[:30], UBIQUITIN[30:60]
    reference = TrainingReference.of([Protein("left", left), Protein("right", right)])
    n_words, n_left = 60 - WORD + 1, 30 - WORD + 1
    assert reference.nearest(Protein("x", left + right)).similarity == pytest.approx(n_left / n_words)
    short = TrainingReference.of([Protein("a", "ACDEFGHIKL"), Protein("b", "MNPQRSTVWY")])
    assert short.nearest(Protein("x", "HIKLMNPQRS" + "W" * 10)).similarity < 0.5


def test_words_that_many_proteins_have_tell_nothing():
    tail = "QQQQQQQQQQPPPPPPPPPP"
    many = [Protein(f"R{i}", random_protein("", 40, i).sequence + tail) for i in range(FEW + 1)]
    query = Protein("x", random_protein("", 40, 77).sequence + tail)
    tail_alone = 7 / (60 - WORD + 1)  # QQQQQQ, QQQQQP ... PPPPPP
    assert TrainingReference.of(many[:FEW]).nearest(query).similarity >= tail_alone
    assert TrainingReference.of(many).nearest(query).similarity < tail_alone / 2


def test_it_agrees_with_counting_by_hand():
    proteins = [random_protein(f"R{i}", 400, i) for i in range(20)]
    reference = TrainingReference.of(proteins)
    query = Protein("x", proteins[7].sequence[:100] + random_protein("", 300, 55).sequence)

    def by_hand(sequence):
        classes = residue_classes(sequence)
        return {tuple(classes[i : i + WORD]) for i in range(len(classes) - WORD + 1)}

    own = by_hand(query.sequence)
    shared = [len(own & by_hand(protein.sequence)) / len(own) for protein in proteins]
    assert reference.nearest(query) == Nearest("R7", pytest.approx(max(shared)), seen=False)


def test_unknown_residues_stand_in_no_word():
    assert (words(residue_classes("ACDEXGHIKLM")) >= 0).tolist() == [False] * 5 + [True]
    assert len(words(residue_classes("ACD"))) == 0


def test_of_equal_chains_the_first_name_counts():
    reference = TrainingReference.of([Protein("first", UBIQUITIN), Protein("second", UBIQUITIN)])
    assert reference.names == ("first",)


def test_it_comes_back_from_its_file_which_does_not_hold_the_sequences(reference, tmp_path):
    reference.save(tmp_path / "training_proteins.npz")
    back = TrainingReference.load(tmp_path / "training_proteins.npz")
    assert back.names == reference.names
    assert back.to_bytes() == reference.to_bytes() == (tmp_path / "training_proteins.npz").read_bytes()
    query = Protein("x", UBIQUITIN[10:60])
    assert back.nearest(query) == reference.nearest(query)
    with zipfile.ZipFile(tmp_path / "training_proteins.npz") as archive:
        assert not any(UBIQUITIN[:10].encode() in archive.read(name) for name in archive.namelist())


def test_names_may_be_any_text(tmp_path):
    TrainingReference.of([Protein("Žlutý\nkůň\0", UBIQUITIN)]).save(tmp_path / "x.npz")
    assert TrainingReference.load(tmp_path / "x.npz").names == ("Žlutý\nkůň\0",)


@pytest.mark.parametrize(
    "edit",
    [
        {"format": 2}, {"digests": np.zeros((3, 16), np.uint8)}, {"lengths": np.array([5, 5])},
        {"residues": np.full(97, 200, np.uint8)}, {"names": np.frombuffer(b"[1, 2]", np.uint8)},
        {"names": np.array([object()], dtype=object)}, {"names": np.frombuffer(b"{", np.uint8)},
        {"lengths": np.array([-1, 98])},
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused(tmp_path, edit):
    path = tmp_path / "x.npz"
    TrainingReference.of([Protein("UBI", UBIQUITIN), Protein("INS", INSULIN_A)]).save(path)
    with np.load(path) as arrays:
        values = dict(arrays)
    np.savez(path, **{**values, **edit})
    with pytest.raises(BundleError):
        TrainingReference.load(path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 no zip"])
def test_a_file_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(BundleError, match="cannot be read"):
        TrainingReference.load(tmp_path / "x.npz")
    with pytest.raises(BundleError, match="cannot be read"):
        TrainingReference.load(tmp_path / "absent.npz")

HUGE_ARRAY = b"\x93NUMPY\x01\x00\x76\x00%-117b\n" % (
    b"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999,), }"
)


def _flip(data, offset, value):
    """The archive with one byte changed in each entry of its directory."""
    data, at = bytearray(data), -1
    while (at := data.find(b"PK\x01\x02", at + 1)) != -1:
        data[at + offset] = value
    return bytes(data)


def _entry(data, name, content):
    """The archive with another entry in the place of `name`."""
    source, changed = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(changed, "w") as archive:
        for each in source.namelist():
            archive.writestr(each, content if each == name else source.read(each))
    return changed.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: _flip(data, 10, 99),  # packed by an unknown method
        lambda data: _flip(data, 8, 1),  # said to be encrypted
        lambda data: data[:60] + b"\xff" * 30 + data[90:],
        lambda data: _entry(data, "digests.npy", b"cos\nsystem\n(S'touch /tmp/owned'\ntR."),
        lambda data: _entry(data, "residues.npy", HUGE_ARRAY),
    ],
)  # fmt: skip
def test_a_damaged_or_tampered_archive_is_refused_in_words(reference, tmp_path, damage):
    (tmp_path / "x.npz").write_bytes(damage(reference.to_bytes()))
    with pytest.raises(BundleError, match="cannot be read"):
        TrainingReference.load(tmp_path / "x.npz")


def test_names_nested_without_end_are_refused(reference, tmp_path):
    with np.load(io.BytesIO(reference.to_bytes())) as arrays:
        np.savez(tmp_path / "x.npz", **{**arrays, "names": np.frombuffer(b"[" * 200_000, np.uint8)})
    with pytest.raises(BundleError, match="cannot be read"):
        TrainingReference.load(tmp_path / "x.npz")
