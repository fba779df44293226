"""From pairs to scores: every row accounted for, one score per unordered pair, the same every time."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from tiny import INSULIN_A, UBIQUITIN, make_encoder
from tiny_bundle import SIZES, WIDTH, make_bundle

from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.errors import BundleError, Issue, Severity
from esm2amp_core.features import pool_protein
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import precision_in_words
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Cancelled
from esm2amp_core.selfcheck import run_self_check
from esm2amp_core.sequences import Protein

PROTEINS = {
    "UBQ": UBIQUITIN,
    "INS": INSULIN_A,
    "LONG": (UBIQUITIN + INSULIN_A) * 3,
    "TOO LONG": UBIQUITIN * 40,
}


def table(rows, issues=(), **carried):
    frame = pd.DataFrame(
        {
            "row": range(1, len(rows) + 1),
            "protein_a": [a for a, _ in rows],
            "protein_b": [b for _, b in rows],
            **carried,
        }
    )
    return PairTable(frame, {name: Protein(name, s) for name, s in PROTEINS.items()}, tuple(issues))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return make_encoder(tmp_path_factory.mktemp("encoder") / "tiny", width=WIDTH)


@pytest.fixture(scope="module", params=SIZES)
def predictor(request, encoder, tmp_path_factory):
    folder = make_bundle(tmp_path_factory.mktemp("bundles") / request.param, encoder, request.param)
    return Predictor.load(folder, cache=FeatureCache(folder.parent / "features.sqlite", 10))


@pytest.fixture(scope="module")
def amps(encoder, tmp_path_factory):
    folder = make_bundle(tmp_path_factory.mktemp("bundles") / "amps", encoder)
    return Predictor.load(folder, cache=FeatureCache(folder.parent / "features.sqlite", 10))


def test_swapping_the_proteins_keeps_the_score_to_the_last_bit(predictor):
    there = predictor.predict(table([("UBQ", "INS"), ("LONG", "UBQ"), ("INS", "INS")])).frame
    back = predictor.predict(table([("INS", "UBQ"), ("UBQ", "LONG"), ("INS", "INS")])).frame
    assert list(there["logit"]) == list(back["logit"])
    assert there["probability"].between(0, 1).all()
    assert there["logit"].nunique() == 3


def test_probability_is_the_sigmoid_of_the_logit(predictor):
    scored = predictor.predict(table([("UBQ", "INS"), ("LONG", "UBQ")])).frame
    assert_allclose(scored["probability"], 1 / (1 + np.exp(-scored["logit"])), rtol=1e-12)


def test_the_score_is_that_of_the_classifier_on_pooled_states(predictor):
    states = dict(
        (protein.id, value)
        for protein, value in predictor.embedder.embed([Protein("a", UBIQUITIN), Protein("b", INSULIN_A)])
    )
    features = predictor.bundle.manifest.features
    a, b = (pool_protein(states[name])[features.columns] for name in "ab")
    with torch.inference_mode():
        one, other = (
            float(predictor.bundle.classifier(torch.from_numpy(np.concatenate(sides))[None]).logits)
            for sides in ((a, b), (b, a))
        )
    scored = predictor.predict(table([("UBQ", "INS")])).frame
    assert_allclose(scored["logit"], [(one + other) / 2], rtol=1e-5)
    if predictor.bundle.classifier.is_symmetric:
        assert_allclose(one, other, rtol=1e-5)


def test_a_classifier_that_knows_order_says_how_much_the_orders_differ(predictor, monkeypatch):
    # Also the smallest difference, so that the random weights need not make a large one.
    monkeypatch.setattr("esm2amp_core.predictor.ORDER_NOTE", 1e-9)
    messages = predictor.predict(table([("UBQ", "LONG"), ("INS", "UBQ")])).frame["message"]
    for message in messages:
        if predictor.bundle.classifier.is_symmetric:
            assert message == ""
        else:
            assert re.search(r"orders A-B and B-A differ by \d\.\d\d in probability", message)


def test_every_row_comes_back_in_order_with_a_result_or_a_reason(amps):
    rows = [("UBQ", "INS"), ("UBQ", "ghost"), ("INS", "UBQ"), ("UBQ", "INS"), ("TOO LONG", "INS")]
    rows.append(("INS", "INS"))
    issues = [
        Issue(2, "ghost", "There is no sequence for 'ghost'.", "Add it.", Severity.ERROR),
        Issue(6, "INS", "The protein is paired with itself.", "", Severity.WARNING),
    ]
    pairs = table(rows, issues, note=[f"n{i}" for i in range(6)])
    scored = amps.predict(pairs).frame
    assert list(zip(scored["protein_a"], scored["protein_b"], strict=True)) == rows
    assert list(scored["row"]) == [1, 2, 3, 4, 5, 6]
    assert list(scored["status"]) == ["ok", "error", "ok", "ok", "error", "warning"]
    assert scored["message"][1] == "There is no sequence for 'ghost'. Add it."
    assert "3,040 residues" in scored["message"][4]
    assert list(scored["probability"].isna()) == [False, True, False, False, True, False]
    assert list(scored["interacts"].isna()) == [False, True, False, False, True, False]
    assert list(scored["note"]) == ["n0", "n1", "n2", "n3", "n4", "n5"]
    assert scored["logit"][0] == scored["logit"][2] == scored["logit"][3]


def test_a_protein_without_a_sequence_is_never_scored_as_another(amps):
    scored = amps.predict(table([("UBQ", "INS"), ("UBQ", "GHOST")])).frame
    assert list(scored["status"]) == ["ok", "error"]
    assert scored["message"][1] == "GHOST: There is no sequence."


def test_a_table_of_errors_only_is_a_result_too(amps):
    pairs = table([("x", "y")], [Issue(1, "x", "No sequence.", "Add it.")])
    assert list(amps.predict(pairs).frame["status"]) == ["error"]


def test_batches_cover_the_rows_that_are_not_done_once_each(amps):
    pairs = table([("UBQ", "INS"), ("INS", "LONG"), ("UBQ", "LONG"), ("INS", "INS"), ("UBQ", "UBQ")])
    whole = amps.predict(pairs).frame
    parts = list(amps.batches(pairs, done={2, 4}, batch_rows=2))
    assert [list(part["row"]) for part in parts] == [[1, 3], [5]]
    rest = pd.concat(parts, ignore_index=True)
    assert_allclose(rest["logit"], whole["logit"][whole["row"].isin([1, 3, 5])], rtol=1e-6)


def test_fresh_and_cached_features_give_the_same_bits(encoder, tmp_path):
    folder = make_bundle(tmp_path / "bundle", encoder)
    predictor = Predictor.load(folder, cache=FeatureCache(tmp_path / "features.sqlite", 10))
    pairs = table([("UBQ", "INS"), ("UBQ", "LONG")])
    fresh, cached = predictor.predict(pairs), predictor.predict(pairs)
    assert list(fresh.frame["logit"]) == list(cached.frame["logit"])


def test_the_threshold_and_the_temperature_of_the_card_are_used(encoder, tmp_path):
    pairs = table([("UBQ", "INS"), ("UBQ", "LONG"), ("INS", "INS")])
    plain = Predictor.load(make_bundle(tmp_path / "plain", encoder)).predict(pairs).frame
    threshold = float(plain["probability"].median())
    strict_bundle = make_bundle(tmp_path / "strict", encoder, threshold=threshold)
    strict = Predictor.load(strict_bundle).predict(pairs).frame
    assert list(strict["interacts"]) == list(plain["probability"] >= threshold)
    assert 1 <= strict["interacts"].sum() <= 2
    warm = Predictor.load(make_bundle(tmp_path / "warm", encoder, temperature=2.0)).predict(pairs).frame
    assert_allclose(warm["logit"], plain["logit"])
    assert_allclose(warm["probability"], 1 / (1 + np.exp(-plain["logit"] / 2)))


def test_another_encoder_than_the_one_trained_with_is_refused(encoder, tmp_path):
    predictor = Predictor.load(make_bundle(tmp_path / "bundle", encoder))
    other = Predictor.load(
        make_bundle(tmp_path / "other", make_encoder(tmp_path / "encoder2", width=WIDTH, seed=5))
    )
    with pytest.raises(BundleError, match="was trained with tiny revision"):
        Predictor(predictor.bundle, other.embedder)


def test_a_cancelled_prediction_stops_between_batches(amps):
    def report(stage, done, total):
        if stage == "Scoring pairs" and done:
            raise Cancelled

    batches = amps.batches(table([("UBQ", "INS")] * 5), batch_rows=2, report=report)
    assert len(next(batches)) == 2
    with pytest.raises(Cancelled):
        next(batches)


def test_the_self_check_passes_and_notices_other_weights(predictor, encoder, tmp_path):
    cases = run_self_check(predictor)
    assert [case.number for case in cases] == [1, 2, 3]
    assert all(case.passed for case in cases)
    other = Predictor.load(make_bundle(tmp_path / "other", encoder, predictor.bundle.manifest.architecture,
                                       temperature=5.0))  # fmt: skip
    mixed = Predictor(
        type(other.bundle)(other.bundle.manifest, predictor.bundle.folder, "", other.bundle.classifier),
        other.embedder,
    )
    assert not all(case.passed for case in run_self_check(mixed))


@pytest.mark.parametrize("change", [{"cases": []}, {"tolerance": 1e9}])
def test_a_self_check_that_checks_nothing_is_refused(amps, tmp_path, change):
    stored = json.loads((amps.bundle.folder / "selfcheck.json").read_text(encoding="utf-8"))
    (tmp_path / "selfcheck.json").write_text(json.dumps(stored | change), encoding="utf-8")
    bundle = type(amps.bundle)(amps.bundle.manifest, tmp_path, "", amps.bundle.classifier)
    with pytest.raises(BundleError, match="checks nothing"):
        run_self_check(Predictor(bundle, amps.embedder))


def test_an_unknown_model_is_named_with_those_that_are_there(tmp_path, monkeypatch):
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path))
    monkeypatch.setenv("ESM2AMP_MODELS", str(tmp_path))
    with pytest.raises(BundleError, match="There is no model 'nope'. Installed: none"):
        Predictor.load("nope")


def test_the_readme_predicts_in_five_lines(tmp_path, monkeypatch, capsys):
    root = Path(__file__).resolve().parent.parent
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path))
    monkeypatch.chdir(root)
    snippet = re.search(r"```python\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    names: dict = {}
    exec(snippet.group(1), names)
    frame = names["predictions"].frame
    assert len(frame) >= 12
    assert frame["probability"].between(0, 1).all()
    assert "probability" in capsys.readouterr().out


@pytest.fixture
def fast_bfloat16(monkeypatch):
    """A machine on which models of any width are faster in bfloat16."""
    monkeypatch.setattr("esm2amp_core.embed.hardware.computes_bfloat16", lambda device: True)
    monkeypatch.setattr("esm2amp_core.embed.hardware.FAST_BFLOAT16_WIDTH", 1)


@pytest.mark.parametrize(("allowed", "precision"), [(1.0, "bfloat16"), (0.0, "float32")])
def test_auto_is_bfloat16_where_that_hardly_moves_the_self_check(
    amps, fast_bfloat16, monkeypatch, allowed, precision
):
    monkeypatch.setattr("esm2amp_core.predictor.MAX_SHIFT", allowed)
    found = Predictor.load(amps.bundle.folder, precision="auto", cache=amps.cache)
    assert found.embedder.precision == precision
    assert (found.precision_shift > 0) == (precision == "bfloat16")
    pairs = table([("UBQ", "INS"), ("LONG", "UBQ")])
    exact, here = (predictor.predict(pairs).frame["probability"] for predictor in (amps, found))
    assert_allclose(here, exact, atol=0.02)
    assert (list(here) == list(exact)) == (precision == "float32")  # the cache keeps the two apart


def test_a_small_model_stays_in_float32_on_a_processor(amps, monkeypatch):
    monkeypatch.setattr("esm2amp_core.embed.hardware.computes_bfloat16", lambda device: True)
    found = Predictor.load(amps.bundle.folder, precision="auto")
    assert (found.embedder.precision, found.precision_shift) == ("float32", 0)


def test_bfloat16_is_taken_when_asked_for_and_says_what_it_moves(amps, monkeypatch):
    monkeypatch.setattr("esm2amp_core.predictor.MAX_SHIFT", 0.0)
    found = Predictor.load(amps.bundle.folder, precision="bfloat16")
    assert found.embedder.precision == "bfloat16"
    assert 0 < found.precision_shift < 0.02
    assert found.how_computed == {"device": "cpu", "precision": "bfloat16",
                                  "precision_shift": found.precision_shift}  # fmt: skip
    assert amps.how_computed == {"device": "cpu", "precision": "float32"}


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"precision": "bfloat16", "precision_shift": 0.001234},
      {"precision": "bfloat16, which moves the model's self-check by at most 0.0012 in probability"}),
     ({"precision": "float32", "device": "cpu"}, {"precision": "float32", "device": "cpu"}),
     ({"precision": "bfloat16", "precision_shift": "odd"}, {"precision": "bfloat16"}), ({}, {})],
)  # fmt: skip
def test_a_precision_is_told_with_what_it_moves(facts, words):
    assert precision_in_words(facts) == words
