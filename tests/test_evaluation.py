import csv
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from report_samples import make_evaluation, make_pairs, make_proteins, make_scores
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier

from esm2amp_core.errors import PairError, UserError
from esm2amp_core.evaluation import baselines
from esm2amp_core.evaluation.baselines import BASELINES, IndexedPairs, score_by_identity
from esm2amp_core.evaluation.composition import AMINO_ACIDS, composition
from esm2amp_core.evaluation.evaluating import Known, Settings, evaluate
from esm2amp_core.evaluation.files import write_report
from esm2amp_core.evaluation.measures import MEASURES
from esm2amp_core.evaluation.page import to_html
from esm2amp_core.evaluation.svg import ticks
from esm2amp_core.pairs import PairTable
from esm2amp_core.reference import TrainingReference
from esm2amp_core.report_words import MEASURES as MEANINGS
from esm2amp_core.report_words import verdict
from esm2amp_core.reports import (
    REPORT,
    REPORT_PAGE,
    TABLES,
    Interval,
    Report,
    ReportError,
    find_reports,
    read_report,
)
from esm2amp_core.sequences import Protein

FAST = Settings(n_resamples=60)


def run(scores, proteins, known=None, **changes):
    return evaluate(scores, proteins, threshold=0.5, title="T", model={"title": "M"}, data={}, known=known,
                    settings=FAST, **changes)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def few_trees():
    """Boosting of 15 trees: these data need no more, and time matters."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "_trees", lambda seed: HistGradientBoostingClassifier(max_iter=15))
        yield


@pytest.fixture(scope="module")
def evaluation():
    """With three rows left out, and with training pairs over other proteins."""
    train = make_pairs(make_proteins(40, seed=9, prefix="T"), 300, seed=9)
    return make_evaluation(n_errors=3, train=train)


# ---------------------------------------------------------------- the report


def test_figures_are_of_the_scored_rows_and_the_others_are_listed(evaluation):
    report = evaluation.report
    scored = evaluation.scores[evaluation.scores["status"] != "error"]
    auroc = metrics.roc_auc_score(scored["label"], scored["probability"])
    assert_allclose(report.measures["auroc"].value, auroc)
    assert (report.data["n_rows"], report.data["n_scored"], report.data["n_left_out"]) == (200, 197, 3)
    assert [row["row"] for row in report.left_out] == [198, 199, 200]
    assert {row["reason"] for row in report.left_out} == {"The sequence is too long."}
    assert any("3 of 200 rows could not be scored" in note for note in report.notes)


def test_every_figure_has_an_interval_around_it_and_a_meaning(evaluation):
    for name in MEASURES:
        found = evaluation.report.measures[name]
        assert found.low <= found.value <= found.high and found.low < found.high, name
        assert all(MEANINGS[name])


def test_the_confusion_matrix_is_that_of_scikit_learn(evaluation):
    scored = evaluation.scores[evaluation.scores["status"] != "error"]
    (tn, fp), (fn, tp) = metrics.confusion_matrix(scored["label"], scored["probability"] >= 0.5)
    assert evaluation.report.confusion == {"tp": tp, "fp": fp, "fn": fn, "tn": tn}


def test_curves_are_those_of_scikit_learn(evaluation):
    scored = evaluation.scores[evaluation.scores["status"] != "error"]
    curves = evaluation.report.curves
    label, probability = scored["label"], scored["probability"]
    false, true, thresholds = metrics.roc_curve(label, probability, drop_intermediate=False)
    assert_allclose(curves.false_positive_rate, false)
    assert_allclose(curves.recall, true)
    assert_allclose(curves.thresholds, thresholds[1:])
    precision, recall, _ = metrics.precision_recall_curve(scored["label"], scored["probability"])
    assert_allclose(curves.precision, precision[:-1][::-1])
    assert_allclose(curves.recall[1:], recall[:-1][::-1])


def test_long_curves_are_thinned_and_keep_their_ends():
    report = make_evaluation(n_rows=3000, n_resamples=40).report
    assert 200 < len(report.curves.thresholds) <= 400
    assert (report.curves.recall[0], report.curves.recall[-1]) == (0, 1)
    assert (report.curves.false_positive_rate[0], report.curves.false_positive_rate[-1]) == (0, 1)
    area = np.trapezoid(report.curves.recall, report.curves.false_positive_rate)
    assert_allclose(area, report.measures["auroc"].value, atol=0.002)


def test_the_same_seed_gives_the_same_report():
    one, other = (replace(make_evaluation(n_resamples=40).report, created="") for _ in range(2))
    assert one == other or one.to_json() == other.to_json()


def test_one_label_only_is_told_in_words():
    proteins = make_proteins(10)
    scores = make_scores(make_pairs(proteins, 20, label=lambda a, b: 1))
    with pytest.raises(PairError, match="All 20 pairs that could be scored interact"):
        run(scores, proteins)


def test_nothing_scored_is_told_in_words():
    proteins = make_proteins(10)
    with pytest.raises(PairError, match="No row could be scored"):
        run(make_scores(make_pairs(proteins, 20), n_errors=20), proteins)


def test_without_training_pairs_the_report_says_that_baselines_could_not_be_run():
    report = make_evaluation(n_resamples=40).report
    assert (report.baselines, report.classes) == ((), ())
    assert any("baselines could not be run" in note for note in report.notes)
    assert any("not known which proteins" in note for note in report.notes)


def test_no_false_alarm_seen_does_not_mean_that_there_is_none():
    report = make_evaluation(strength=9.0, n_resamples=40).report  # labels and scores agree
    point, n_negative = report.operating_points[0], 200 - report.data["n_positive"]
    assert point.false_positives == 0
    assert (point.false_positive_rate.value, point.false_positive_rate.high) == (0, 3 / n_negative)
    assert_allclose(point.precision["1:100"].low, 1 / (1 + 100 * 3 / n_negative))
    assert point.precision["1:100"].high == 1
    assert all(np.isnan(low) for low in report.curves.bin_observed_low)


# ---------------------------------------------------------------- classes


def test_classes_follow_the_sequences_not_the_names():
    proteins = make_proteins(30)
    pairs = make_pairs(proteins, 300)
    seen = list(proteins.values())[:15]
    renamed = [Protein(f"other name {n}", protein.sequence) for n, protein in enumerate(seen)]
    result = run(make_scores(pairs), proteins, Known(reference=TrainingReference.of(renamed)))
    names = {protein.id for protein in seen}
    n_seen = pairs.frame["protein_a"].isin(names).astype(int) + pairs.frame["protein_b"].isin(names)
    expected = n_seen.map({2: "C1", 1: "C2", 0: "C3"})
    assert list(result.scores["training_class"]) == list(expected)
    counts = expected.value_counts()
    assert {part.name: part.n_pairs for part in result.report.classes} == counts.to_dict()
    for part in result.report.classes:
        rows = (expected == part.name).to_numpy()
        found = result.scores[rows]
        auroc = metrics.roc_auc_score(found["label"], found["probability"])
        assert_allclose(part.measures["auroc"].value, auroc)


def test_training_pairs_tell_what_was_seen_where_the_model_does_not(evaluation):
    assert [part.n_pairs for part in evaluation.report.classes] == [0, 0, 197]  # T... are other proteins


def test_a_class_of_few_pairs_has_no_figures_and_says_why():
    proteins = make_proteins(30)
    reference = TrainingReference.of(list(proteins.values())[:3])
    report = run(make_scores(make_pairs(proteins, 200)), proteins, Known(reference=reference)).report
    both = report.classes[0]
    assert both.n_pairs < 20 and both.measures == {} and both.note


# ---------------------------------------------------------------- baselines


def test_each_baseline_is_measured_on_the_same_pairs_and_compared(evaluation):
    report = evaluation.report
    assert [baseline.name for baseline in report.baselines] == [baseline.name for baseline in BASELINES]
    scored = evaluation.scores[evaluation.scores["status"] != "error"]
    for baseline in report.baselines:
        auroc = metrics.roc_auc_score(scored["label"], scored[f"probability ({baseline.name})"])
        assert_allclose(baseline.measures["auroc"].value, auroc)
        lead = baseline.difference["auroc"]
        assert_allclose(lead.value, report.measures["auroc"].value - auroc)
        assert lead.low <= lead.value <= lead.high


def test_new_proteins_have_no_identity_and_composition_finds_what_depends_on_it(evaluation):
    found = {baseline.name: baseline.measures["auroc"].value for baseline in evaluation.report.baselines}
    assert found["identity"] == 0.5
    # In these data the label depends on how much K both proteins have: no sum over proteins shows that.
    assert found["amino_acids"] > 0.8
    assert abs(found["single_protein"] - 0.5) < 0.15


def test_identity_is_the_sum_of_log_odds():
    train = IndexedPairs(np.array([0, 0, 1]), np.array([1, 2, 2]), np.array([1, 1, 0]))
    pairs = IndexedPairs(np.array([0, 2]), np.array([2, 3]), np.array([0, 1]))
    # Protein 0: two positive. Protein 2: one of each. Protein 3: never seen.
    assert_allclose(score_by_identity(train, pairs, np.zeros((4, 1)), 0), [np.log(3), 0])


def test_identity_reads_labels_that_hang_on_proteins_and_single_proteins_too():
    proteins = make_proteins(60)
    rich = {name for name, protein in proteins.items() if protein.sequence.count("K") > 8}
    pairs = make_pairs(proteins, 900, label=lambda a, b: len({a, b} & rich) >= 1)
    train = PairTable(pairs.frame.iloc[:600], proteins)
    test = PairTable(pairs.frame.iloc[600:].reset_index(drop=True), proteins)
    report = run(make_scores(test), proteins, Known(pairs=train)).report
    found = {baseline.name: baseline.measures["auroc"].value for baseline in report.baselines}
    assert found["identity"] > 0.9 and found["single_protein"] > 0.9


def test_baselines_do_not_depend_on_which_protein_is_called_a():
    features = composition(list(make_proteins(30).values()))
    random = np.random.default_rng(0)
    a, b = random.integers(0, 30, (2, 200))
    train = IndexedPairs(a, b, random.integers(0, 2, 200))
    a, b = a[:20], b[:20]
    pairs, swapped = (IndexedPairs(*sides, train.labels[:20]) for sides in ((a, b), (b, a)))
    for baseline in BASELINES:
        one, other = (baseline.probabilities(train, which, features, seed=0) for which in (pairs, swapped))
        assert_allclose(one, other, err_msg=baseline.name)


def test_pairs_that_are_also_training_pairs_are_told():
    proteins = make_proteins(20)
    pairs = make_pairs(proteins, 60)
    turned = pairs.frame.rename(columns={"protein_a": "protein_b", "protein_b": "protein_a"})
    report = run(make_scores(pairs), proteins, Known(pairs=PairTable(turned, proteins))).report
    assert report.data["n_also_in_training"] == 60
    assert any("60 of the scored pairs are also training pairs" in note for note in report.notes)


def test_composition_counts_letters_and_neighbours():
    values = composition([Protein("p", "AACXAACXAACX")])[0]
    assert_allclose(values[0], np.log(12))
    assert_allclose(values[1:21], [0.5, 0.25, *[0] * 18])
    pairs = values[21:].reshape(20, 20)  # of the 11 neighbours 3 are AA, 3 are AC; the others have an X
    assert_allclose([pairs[0, 0], pairs[0, 1], pairs.sum()], [3 / 11, 3 / 11, 6 / 11])
    assert AMINO_ACIDS == "".join(sorted(AMINO_ACIDS)) and len(AMINO_ACIDS) == 20


# ---------------------------------------------------------------- files


def test_a_report_survives_its_json(evaluation):
    text = evaluation.report.to_json()
    assert Report.from_json(text).to_json() == text
    assert "NaN" not in text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1}', "null"])
def test_what_is_no_report_is_refused_in_words(text):
    with pytest.raises(ReportError):
        Report.from_json(text)


def test_the_folder_holds_every_number_as_tables(evaluation, tmp_path):
    folder = tmp_path / "report"
    write_report(evaluation, folder)
    assert {path.name for path in folder.iterdir()} == {REPORT, REPORT_PAGE, *TABLES}
    assert read_report(folder).to_json() == evaluation.report.to_json()
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    auroc = next(row for row in rows if (row["group"], row["name"]) == ("measure", "auroc"))
    assert float(auroc["value"]) == evaluation.report.measures["auroc"].value
    assert len(pd.read_csv(folder / "scores.csv")) == 200
    others = pd.read_csv(folder / "baselines.csv")
    assert len(others) == len(BASELINES) * len(MEASURES)
    assert_allclose(others["model_minus_baseline"], others.apply(
        lambda row: evaluation.report.measures[row["measure"]].value - row["value"], axis=1))
    assert set(pd.read_csv(folder / "curves.csv")["curve"]) == {"roc", "precision_recall", "reliability"}
    assert list(pd.read_csv(folder / "classes.csv")["class"].unique()) == ["C1", "C2", "C3"]
    assert find_reports([tmp_path]) == {"report": folder}


def test_a_report_never_takes_the_place_of_another(evaluation, tmp_path):
    write_report(evaluation, tmp_path / "report")
    with pytest.raises(UserError, match="exists already"):
        write_report(evaluation, tmp_path / "report")
    assert [path.name for path in tmp_path.iterdir()] == ["report"]


def test_the_page_loads_nothing_and_runs_nothing(evaluation):
    html = to_html(evaluation.report)
    assert not re.search(r"<script|https?://|src=|url\(|@import|<link", html)
    assert len(html) < 200_000


def test_the_page_shows_every_figure_with_its_interval_and_meaning(evaluation):
    html = to_html(evaluation.report)
    for name in MEASURES:
        found = evaluation.report.measures[name]
        assert f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})" in html
        assert MEANINGS[name][0] in html
    assert html.count("<svg") == 4
    assert "NaN" not in html and "nan" not in re.sub(r"<[^>]*>", " ", html).lower().split()


def test_text_of_people_stays_text_in_the_page(evaluation):
    hostile = "<img src=x onerror=alert(1)>"
    report = replace(evaluation.report, title=hostile, model={"title": hostile, hostile: hostile},
                     left_out=({"row": 1, "protein_a": hostile, "protein_b": "b", "reason": hostile},))
    assert "<img" not in to_html(report)


def test_the_verdict_names_the_best_baseline_and_does_not_boast(evaluation):
    words = " ".join(verdict(evaluation.report))
    assert "best baseline" in words and "AUROC" in words and "100 pairs do not interact" in words


def test_where_one_pair_was_called_no_precision_is_promised(evaluation):
    point = evaluation.report.operating_points[0]
    unsure = replace(point, precision={**point.precision, "1:100": Interval(1.0, 0.003, 1.0)})
    few = replace(evaluation.report, operating_points=(unsure,),
                  confusion={**evaluation.report.confusion, "tp": 1, "fp": 0})
    words = verdict(few)[-1]
    assert "too little is known" in words and "from 0.3 to 100.0 %" in words and "1 pair was called" in words
    assert "100.0 % of the pairs" not in words


def test_a_model_that_guesses_is_told_so():
    words = " ".join(verdict(make_evaluation(strength=0.0, n_rows=150, seed=1).report))
    assert "cannot be told from guessing" in words


@pytest.mark.parametrize("low, high, expected", [
    (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.42, 0.58, [0.45, 0.5, 0.55]), (0.5, 0.5, None),
])  # fmt: skip
def test_ticks_are_round_and_inside(low, high, expected):
    found = ticks(low, high)
    assert found and (expected is None or found == expected or len(found) > len(expected))
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in found)


def test_metrics_are_strict_json(evaluation, tmp_path):
    write_report(evaluation, tmp_path / "report")

    def refuse(constant):
        raise AssertionError(constant)

    json.loads((tmp_path / "report" / REPORT).read_text(), parse_constant=refuse)
