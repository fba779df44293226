import numpy as np
import pytest
from numpy.testing import assert_allclose
from report_samples import make_evaluation, make_pairs, make_proteins

from esm2amp_core.figures.evaluation import (
    baseline_intervals,
    precision_recall_curve,
    reliability_diagram,
    roc_curve,
)
from esm2amp_core.reports import Report


@pytest.fixture(scope="module")
def report():
    """As the pages get it: read from JSON."""
    train = make_pairs(make_proteins(40, seed=9, prefix="T"), 100, seed=9)
    return Report.from_json(make_evaluation(train=train, n_resamples=60).report.to_json())


def test_the_roc_curve_runs_from_corner_to_corner_and_marks_the_threshold(report):
    chance, curve, mark = roc_curve(report).data
    assert (chance.x, chance.y) == ((0, 1), (0, 1))
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
    assert_allclose([mark.y[0], mark.x[0]], [report.measures["recall"].value,
                                             1 - report.measures["specificity"].value])


def test_the_precision_recall_curve_ends_at_the_share_of_interacting_pairs(report):
    chance, curve = precision_recall_curve(report).data
    share = report.data["n_positive"] / report.data["n_scored"]
    assert chance.y == (share, share)
    assert_allclose([curve.x[-1], curve.y[-1]], [1, share])


def test_reliability_bars_reach_the_bounds(report):
    _, curve = reliability_diagram(report).data
    known = np.array([low is not None and not np.isnan(low) for low in report.curves.bin_observed_low])
    low = np.array(curve.y) - np.array(curve.error_y.arrayminus)
    bounds = np.array([np.nan if low is None else low for low in report.curves.bin_observed_low], dtype=float)
    assert known.any()
    assert_allclose(low[known], bounds[known])


def test_model_and_baselines_stand_below_each_other_the_model_on_top(report):
    figure = baseline_intervals(report)
    assert [trace.y[0] for trace in figure.data][-1] == "This model"
    assert len(figure.data) == len(report.baselines) + 1
    for trace, found in zip(figure.data[::-1], [report, *report.baselines], strict=True):
        auroc = found.measures["auroc"]
        assert_allclose([trace.x[0], trace.x[0] + trace.error_x.array[0]], [auroc.value, auroc.high])
