"""The parts of pages that are plain Python."""

import gzip
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from streamlit.web.server.app_discovery import discover_asgi_app

from esm2amp_core.bundles import ARCHITECTURE_TITLES, PUBLISHED_ARCHITECTURES, EncoderRef, Manifest
from esm2amp_core.errors import PairError, Severity
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.kinds import EVALUATE, PREDICT
from esm2amp_core.models import ARCHITECTURES
from esm2amp_core.operating import OperatingCurve
from esm2amp_core.predictions import PredictionTable
from esm2amp_core.settings import Settings
from pages.components.draft import Source, read_draft
from pages.components.file_row import file_stem
from pages.components.inputs import bare_name
from pages.components.model_words import JobModel, is_weak, trust_words
from pages.components.prevalence import curve_of
from pages.components.result_filter import ResultFilter
from pages.components.result_table import _shown_words as shown_words
from pages.components.results import summarise
from pages.components.text import WORD_JOINER, count, duration, flatten, literal

ROOT = Path(__file__).resolve().parent.parent


def without_escapes(text: str) -> str:
    """What a CommonMark reader shows for escaped punctuation."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace(WORD_JOINER, "")


@pytest.mark.parametrize(("auroc", "weak"), [(0.569, True), (0.6, False), (0.69, False), (None, False)])
def test_a_model_little_better_than_guessing_is_called_so(auroc, weak):
    assert is_weak(card(test={"auroc": auroc})) is weak


def test_the_longest_chain_accepted_is_the_one_of_the_settings():
    source = Source(table=b"a,b\nP,P\n", filename="pairs.csv", fasta=b">P\n" + b"MKV" * 20)
    strict = read_draft(source, Settings(max_residues=50))
    assert strict.rows_with(Severity.ERROR) == [1]
    assert read_draft(source, Settings()).rows_with(Severity.ERROR) == []


def test_packed_files_read_as_the_files_in_them():
    table, fasta = b"a,b\nP,Q\n", b">P\n" + b"MKV" * 20 + b"\n>Q\n" + b"LAG" * 20
    plain = read_draft(Source(table=table, filename="pairs.csv", fasta=fasta), Settings())
    packed = Source(table=gzip.compress(table), filename="pairs.csv.gz", fasta=gzip.compress(fasta))
    found = read_draft(packed, Settings())
    assert_frame_equal(found.pairs.frame, plain.pairs.frame)
    assert found.pairs.proteins == plain.pairs.proteins
    assert bare_name("kinases.csv.gz") == bare_name("kinases.csv") == "kinases"


def test_a_packed_file_counts_as_large_as_it_unpacks():
    bomb = gzip.compress(b"P,Q\n" * 500_000)
    with pytest.raises(PairError, match="unpacked"):
        read_draft(Source(table=bomb, filename="pairs.csv.gz"), Settings(max_file_mb=1))


def evaluated(kind, labels, probabilities):
    """A finished job with the label column `truth`, and its rows; NaN stands for a row without a score."""
    job = Job(id="j", kind=kind, state=JobState.DONE, params={"label": "truth"}, created=datetime.now(UTC))
    return job, pd.DataFrame({"probability": probabilities, "truth": labels})


def test_an_evaluated_job_expects_what_its_own_labels_tell():
    labels = ["1", "0"] * 40 + ["1"]
    probabilities = [0.9, 0.2] * 40 + [np.nan]
    job, frame = evaluated(EVALUATE, labels, probabilities)
    curve = curve_of(job, JobModel(name="m"), frame)
    assert (curve.n_positive, curve.n_negative) == (40, 40)
    assert curve.recall_at(0.5) == 1 and curve.precision_at(0.9, 0.5) > 0.97


@pytest.mark.parametrize(("kind", "labels"), [(PREDICT, ["1", "0"]), (EVALUATE, ["1", "1"])])
def test_a_job_whose_labels_tell_nothing_expects_what_its_model_measured(kind, labels):
    job, frame = evaluated(kind, labels, [0.9, 0.2])
    measured = OperatingCurve.from_scores([1, 0] * 20, [0.8, 0.1] * 20, "test pairs")
    known = replace(card(), operating_curve=measured.to_dict())
    assert curve_of(job, JobModel(name="m", card=known), frame) == measured
    assert curve_of(job, JobModel(name="m"), frame) is None


@given(st.text(alphabet="ab:-><=~*_`$[](){}!#+.|\\/&\"'"))
def test_literal_text_reads_as_it_was_written(text):
    assert without_escapes(literal(text)) == text


@given(st.text(alphabet="ab:-><=~*_`$[](){}!#+.|\\/&\"'"))
def test_no_sign_of_literal_text_is_left_to_be_read_as_markup(text):
    bare = re.sub(r"\\.", "", literal(text)).replace(WORD_JOINER, "")
    assert re.fullmatch("[ab]*", bare)


@pytest.mark.parametrize(
    "text", [":material/home:", ":smile:", ":+1:", ":a:b:c:", ":red[x]", "->", "a -> b", "a -> -> b",
             "a -- b", "x <= y", "p ~= q"]
)
def test_what_streamlit_turns_into_pictures_is_broken_up(text):
    shown = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", literal(text))
    assert not re.search(r":[a-z_/+1]+:|:[a-z]+\[|->|--|<=|~=", shown)


@pytest.mark.parametrize(
    "text", ["12 pairs: P1 with P2", "gi:16128336", "P1->P2", "a:b", "10:30", "x>=y", "a: b: c"]
)
def test_nothing_invisible_stands_in_ordinary_text(text):
    assert WORD_JOINER not in literal(text)


@pytest.mark.parametrize(
    ("shown", "matching", "told"), [(0, 0, True), (5, 5, True), (5, 7, True), (9, 9, False)]
)
def test_whoever_filters_is_told_that_downloads_hold_all_rows(shown, matching, told):
    assert ("downloads hold every row" in shown_words(shown, matching, 9)) is told


def test_signs_that_turn_or_hide_text_are_visible():
    assert without_escapes(literal("abc\u202e09\u200b\x1b[2J")) == r"abc\u202e09\u200b\x1b[2J"


def test_literal_text_is_one_line_and_can_be_shortened():
    assert literal("a\n\nb\tc") == "a b c"
    assert literal("abcdefgh", limit=5) == "abcd…"


def test_numbers_and_times_read_as_people_say_them():
    assert (count(1, "pair"), count(1200, "pair")) == ("1 pair", "1,200 pairs")
    assert (duration(0.2), duration(1), duration(75)) == ("less than a second", "1 second", "75 seconds")
    assert (duration(600), duration(7200)) == ("10 minutes", "2.0 hours")


@pytest.fixture
def results() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "row": [1, 2, 3, 4],
            "protein_a": ["P53.1", "MDM2", "p53x1", "NA"],
            "protein_b": ["MDM2", "CDK2", "CDK2", "MISSING"],
            "probability": [0.9, 0.2, 0.7, np.nan],
            "logit": [2.2, -1.4, 0.8, np.nan],
            "interacts": pd.array([True, False, True, None], dtype="boolean"),
            "status": ["ok", "warning", "ok", "error"],
            "message": ["", "long", "", "no sequence"],
        }
    )
    return PredictionTable(frame).frame


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        ({}, [1, 3, 2, 4]),
        ({"order": "Lowest probability first"}, [2, 3, 1, 4]),
        ({"order": "Order of the input"}, [1, 2, 3, 4]),
        ({"outcome": "Interacting"}, [1, 3]),
        ({"outcome": "Not interacting"}, [2]),
        ({"outcome": "With a warning"}, [2]),
        ({"outcome": "Not scored"}, [4]),
        ({"lowest": 0.5}, [1, 3]),
        ({"lowest": 0.7, "highest": 0.7}, [3]),
        ({"protein": "p53"}, [1, 3]),
        ({"protein": "P53."}, [1]),  # a full stop is a full stop, not any letter
        ({"protein": " cdk2 ", "outcome": "Interacting"}, [3]),
        ({"protein": "nobody"}, []),
    ],
)
def test_filters_keep_and_order_rows(results, wanted, rows):
    assert list(ResultFilter(**wanted).apply(results)["row"]) == rows


def test_filters_look_into_own_columns_of_words_but_not_of_numbers(results):
    own = results.assign(gene_a=["TP53", "", "x", ""], label=["1", "0", "1", "0"])
    assert list(ResultFilter(protein="tp53").apply(own)["row"]) == [1]
    assert list(ResultFilter(protein="0").apply(own)["row"]) == []


def test_filtering_leaves_the_shared_table_as_it_was(results):
    before = results.copy(deep=True)
    ResultFilter(protein="p53", outcome="Interacting", lowest=0.3).apply(results)
    pd.testing.assert_frame_equal(results, before)


def test_the_summary_counts_each_row_once(results):
    assert summarise(results) == {"scored": 3, "interacting": 2, "warnings": 1, "errors": 1}


def test_every_architecture_has_a_title_for_people():
    assert ARCHITECTURE_TITLES.keys() == ARCHITECTURES.keys()
    assert set(PUBLISHED_ARCHITECTURES) <= ARCHITECTURES.keys()


def card(**metrics) -> Manifest:
    return Manifest(name="x", title="X", architecture="amps", sizes={}, feature_set="segments",
                    encoder=EncoderRef(id="e", width=4), metrics=metrics)  # fmt: skip


def test_trust_is_put_in_words_from_the_test_pairs():
    assert "in 57 of 100 cases; 50 is chance" in trust_words(card(val={"auroc": 0.9}, test={"auroc": 0.5693}))


@pytest.mark.parametrize("test", [{}, {"auroc": "high"}, {"auroc": float("nan")}, {"auroc": 57.0}, 0.9, None])
def test_without_a_usable_figure_nothing_is_said_about_trust(test):
    assert trust_words(card(test=test, val={"auroc": 0.9})) == ""


def test_nested_facts_become_lines():
    assert flatten({"data": {"train_pairs": 3, "of": ["a", "b"]}, "seed": 42}) == {
        "data, train pairs": "3",
        "data, of": "a, b",
        "seed": "42",
    }


def test_the_server_finds_its_application():
    """`streamlit run app.py` looks for it in the text of the file."""
    found = discover_asgi_app(ROOT / "app.py")
    assert found.is_asgi_app and found.import_string == "app:app"


def test_a_server_has_loaded_all_parts_of_pages_and_need_not_look_through_them_for_garbage():
    code = """
import gc, sys
from pages.components.navigation import load_pages
load_pages()
print(gc.get_freeze_count(), len(gc.get_objects()), *sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    frozen, left, *modules = run.stdout.split()
    assert int(frozen) > 100_000 and int(left) < 1_000
    parts = {f"pages.components.{path.stem}" for path in (ROOT / "pages" / "components").glob("*.py")}
    assert parts <= set(modules)


@pytest.mark.parametrize(
    ("words", "stem"),
    [("Why: P1 and P2", "Why_P1_and_P2"), ("../../etc/passwd", "etc_passwd"), ("名前 🧬", "名前"),
     ("???", "job"), ("a" * 200, "a" * 80), (".hidden.", "hidden")],
)  # fmt: skip
def test_names_of_files_are_accepted_by_every_system(words, stem):
    assert file_stem(words, otherwise="job") == stem
