"""Reports that others wrote: read as they were, or refused in words before a page shows them."""

import json

import pytest
from report_samples import make_evaluation

from esm2amp_core import report_checks, report_words
from esm2amp_core.reports import Report, ReportError


@pytest.fixture(scope="module")
def text():
    return make_evaluation(n_rows=60).report.to_json()


def changed(text, *path, to):
    """The report with another value at `path`."""
    values = json.loads(text)
    inner = values
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to
    return json.dumps(values)


def test_a_report_comes_back_from_json(text):
    assert Report.from_json(text).to_json() == text


def test_what_is_checked_is_what_has_words():
    assert report_checks.MEASURES == tuple(report_words.MEASURES)
    assert report_checks.COMPARED == report_words.COMPARED
    assert report_checks.CLASSES == tuple(report_words.CLASSES)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (["title"], 5), (["created"], None), (["model"], []), (["notes"], [1]), (["settings"], "x"),
        (["measures", "auroc"], "0.9"), (["measures", "auroc", "value"], "<b>"), (["measures"], {}),
        (["measures", "auroc", "value"], 10**400), (["measures", "new"], {"value": 1.0}),
        (["data"], {}), (["data", "n_scored"], "60"), (["confusion"], {"tp": 1}),
        (["data", "classes_from"], 3),
        (["operating_points"], []), (["operating_points", 0, "precision"], {}),
        (["operating_points", 0, "threshold"], "0.5"), (["operating_points", 0, "false_positives"], 10**400),
        (["curves", "recall"], [0.0]), (["curves", "recall"], "abc"), (["curves", "bin_pairs"], [1]),
        (["curves", "precision"], None), (["left_out"], 7),
        (["classes"], [{"name": "C9", "n_pairs": 1, "n_positive": 1, "n_proteins": 2, "measures": {}}]),
        (["baselines"], [{"name": "a", "title": "A", "description": "", "measures": {}, "difference": {}}]),
    ],
)  # fmt: skip
def test_a_report_that_a_page_could_not_show_is_refused(text, path, to):
    with pytest.raises(ReportError):
        Report.from_json(changed(text, *path, to=to))


@pytest.mark.parametrize("text", ["", "[]", "null", "5", "[" * 100_000, '{"format": 1}', '{"format": 2}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(ReportError):
        Report.from_json(text)
