import numpy as np
import pytest
from numpy.testing import assert_allclose

from esm2amp_core.figures.histogram import count_scores, score_histogram


@pytest.mark.parametrize("threshold", [0.5, 0.37, 0.0, 1.0])
def test_every_score_is_counted_once_and_on_its_side_of_the_threshold(threshold):
    probabilities = np.array([0.0, 0.1, threshold, np.nextafter(threshold, -1).clip(0), 0.99, 1.0, np.nan])
    edges, counts = count_scores(probabilities, threshold=threshold)
    assert counts.sum() == 6
    above = counts[edges[:-1] >= threshold].sum()
    if threshold < 1:  # a score of exactly 1 falls into the last interval, whose left edge lies below it
        assert above == (probabilities >= threshold).sum()


def test_the_threshold_is_an_edge_and_the_edges_rise():
    edges, _ = count_scores(np.array([0.2]), threshold=0.37)
    assert 0.37 in edges
    assert (np.diff(edges) > 0).all()
    assert_allclose(edges[[0, -1]], [0, 1])


def test_a_job_without_any_score_has_empty_bars():
    assert count_scores(np.array([np.nan, np.nan]), threshold=0.5).counts.sum() == 0


def test_the_histogram_draws_all_scores_and_the_threshold():
    figure = score_histogram(np.array([0.2, 0.6, 0.9, np.nan]), threshold=0.5)
    drawn = {bar.name: int(np.sum(bar.y)) for bar in figure.data}
    assert drawn == {"interacting": 2, "not interacting": 1}
    assert figure.layout.shapes[0].x0 == 0.5
    assert "0.50" in figure.layout.annotations[0].text


def test_without_a_threshold_all_scores_look_alike_and_none_is_drawn():
    figure = score_histogram(np.array([0.2, 0.6, np.nan]), threshold=None)
    assert [int(np.sum(bar.y)) for bar in figure.data] == [2]
    assert not figure.layout.shapes
    assert not figure.layout.annotations
