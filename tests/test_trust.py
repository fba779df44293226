"""Trust notes: which proteins the model knows, which it never saw, in words; known answers."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from tiny import INSULIN_A, UBIQUITIN, make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import NEAREST_COLUMNS, RESULT_COLUMNS, TRUST_COLUMNS
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Cancelled
from esm2amp_core.reference import Nearest, TrainingReference
from esm2amp_core.sequences import Protein
from esm2amp_core.trust import ALIKE, RELATED, Seen, find_nearest, nearest_frame, trust_note, with_notes

SEEN = Nearest("T1", 1.0, seen=True)
TWIN = Nearest("T2", ALIKE, seen=False)
COUSIN = Nearest("T3", RELATED, seen=False)
STRANGER = Nearest("T4", RELATED - 0.01, seen=False)
NOBODY = Nearest("", 0.0, seen=False)


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (SEEN, SEEN, ["learned from both proteins", "remember"]),
        (STRANGER, NOBODY, ["Both proteins are unlike any", "least reliable"]),
        (SEEN, COUSIN, ["A was in the training data", "B is related to T3"]),
        (TWIN, STRANGER, ["A is nearly the same as T2", "B is unlike any", "less reliable"]),
        (COUSIN, TWIN, ["A is related to T3", "B is nearly the same as T2"]),
    ],
)
def test_the_note_says_how_each_protein_stands_to_the_training_data(a, b, words):
    note = trust_note(a, b)
    assert all(word in note for word in words)
    assert note.endswith(".")


def test_less_reliable_is_said_only_where_a_protein_is_new():
    known = (SEEN, TWIN, COUSIN)
    assert not any("reliable" in trust_note(a, b) for a in known for b in known)
    assert all("reliable" in trust_note(a, STRANGER) for a in (*known, NOBODY))


@pytest.mark.parametrize(
    ("a", "b", "seen"),
    [(True, True, "C1"), (True, False, "C2"), (False, True, "C2"), (False, False, "C3")],
)
def test_the_class_counts_the_proteins_that_were_seen(a, b, seen):
    assert Seen.of(a, b) == seen
    assert np.bool_(a) + 0 == a and Seen.of(np.bool_(a), np.bool_(b)) == seen


def test_rows_without_an_answer_stay_empty():
    told = with_notes(nearest_frame([SEEN, None, TWIN], [COUSIN, SEEN, None]))
    assert tuple(told.columns) == TRUST_COLUMNS
    assert told["trust_class"].tolist()[0] == "C2"
    assert told["trust_class"].isna().tolist() == told["trust_note"].isna().tolist() == [False, True, True]
    empty = with_notes(nearest_frame([], []))
    assert tuple(empty.columns) == TRUST_COLUMNS and len(empty) == 0


def test_each_distinct_chain_is_looked_up_once():
    looked_up = []

    class Counting(TrainingReference):
        def nearest(self, protein):
            looked_up.append(protein.id)
            return super().nearest(protein)

    reference = Counting.of([Protein("UBI", UBIQUITIN)])
    proteins = [Protein("x", UBIQUITIN), Protein("y", INSULIN_A), Protein("z", UBIQUITIN)]
    found = find_nearest(proteins, reference)
    assert len(looked_up) == 2
    assert found[proteins[0].digest] == Nearest("UBI", 1.0, seen=True)


def test_looking_up_can_be_stopped():
    def report(stage, done, total):
        raise Cancelled

    with pytest.raises(Cancelled):
        find_nearest([Protein("x", UBIQUITIN)], TrainingReference.of([]), report=report)


# In the predictor


PAIRS = PairTable(
    pd.DataFrame({"row": [1, 2, 3], "protein_a": ["U", "I", "U"], "protein_b": ["I", "I", "ghost"],
                  "note": ["x", "y", "z"]}),
    {"U": Protein("U", UBIQUITIN), "I": Protein("I", INSULIN_A)},
)  # fmt: skip


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return make_encoder(tmp_path_factory.mktemp("encoder") / "tiny", width=WIDTH)


@pytest.fixture(scope="module")
def telling(encoder, tmp_path_factory):
    """A predictor whose bundle has learned from ubiquitin."""
    folder = tmp_path_factory.mktemp("bundles") / "telling"
    extras = {"training_proteins.npz": TrainingReference.of([Protein("T1", UBIQUITIN)]).to_bytes()}
    return Predictor.load(make_bundle(folder, encoder, extras=extras))


def test_trust_columns_come_after_all_others_and_change_nothing(telling):
    plain, told = (telling.predict(PAIRS, trust=trust).frame for trust in (False, True))
    assert tuple(plain.columns) == (*RESULT_COLUMNS, "note")
    assert tuple(told.columns) == (*RESULT_COLUMNS, "note", *TRUST_COLUMNS)
    assert_frame_equal(told[list(plain.columns)], plain)
    assert told["trust_class"].tolist()[:2] == ["C2", "C3"]
    assert told["nearest_a"][0] == "T1" and told["similarity_a"][0] == 1.0
    assert told.loc[2, list(TRUST_COLUMNS)].isna().all()  # a row without a score


def test_ids_do_not_matter_to_what_was_seen(telling):
    renamed = PairTable(PAIRS.frame.assign(protein_a="T9"), {**PAIRS.proteins, "T9": PAIRS.proteins["U"]})
    assert telling.predict(renamed, trust=True).frame["seen_a"][0]


def test_a_bundle_that_does_not_tell_leaves_the_columns_empty(encoder, tmp_path):
    silent = Predictor.load(make_bundle(tmp_path / "silent", encoder))
    told = silent.predict(PAIRS, trust=True).frame
    assert tuple(told.columns) == (*RESULT_COLUMNS, "note", *TRUST_COLUMNS)
    assert told[list(TRUST_COLUMNS)].isna().all(axis=None)


def test_the_note_follows_from_the_columns_that_are_kept(telling):
    told = telling.predict(PAIRS, trust=True).frame[list(TRUST_COLUMNS)]
    assert_frame_equal(with_notes(told[list(NEAREST_COLUMNS)]), told)


def test_the_columns_say_of_many_pairs_what_is_said_of_each():
    proteins = [Nearest("T1", 1.0, seen=True), Nearest("T2", 0.5, seen=False), Nearest("T2", 0.2, seen=False),
                Nearest("T1", 0.2, seen=False), Nearest("", 0.0, seen=False)]  # fmt: skip
    a, b = zip(*product(proteins, proteins), strict=True)
    told = with_notes(nearest_frame(a, b))
    assert told["trust_note"].tolist() == list(map(trust_note, a, b))
    assert told["trust_class"].tolist() == [Seen.of(x.seen, y.seen).value for x, y in zip(a, b, strict=True)]
