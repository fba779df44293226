"""One ranking of segments: by what bars and colours show, ties told as ties."""

import numpy as np
import pytest

from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.figures.explanation_pair import MUTED, MUTED_SIZES, PairTokens
from esm2amp_core.figures.explanation_ranking import leaders_of, others_as_often, places_of, shares_of
from esm2amp_core.figures.explanation_track import sequence_track

TOKENS = tuple(f"{side}.segment{i}" for side in "AB" for i in range(10))


def says(method="integrated_gradients", magnitude=None, **values) -> Explanation:
    """What a method says of one pair: 0 of every token that is not named, as ``A3=-0.5``."""
    value = np.zeros((1, 20))
    for name, number in values.items():
        value[0, TOKENS.index(f"{name[0]}.segment{name[1:]}")] = number
    axes = (Axis("pairs", (1,)), Axis("tokens", TOKENS))
    return Explanation(method, value, axes, value, np.abs(value) if magnitude is None else magnitude)


def test_places_go_by_the_length_of_the_bar_and_not_by_what_cancels():
    opposed = np.zeros((1, 20))
    opposed[0, 3] = 9  # its parts cancel: a large magnitude, a short bar
    part = says(A0=1, A3=0.1, B2=-2, magnitude=opposed)
    assert {TOKENS[i]: int(place) for i, place in enumerate(places_of(part)) if place <= 3} == {
        "B.segment2": 1, "A.segment0": 2, "A.segment3": 3}  # fmt: skip
    assert [one.tokens for one in leaders_of([part], TOKENS, 2)] == [("B.segment2",), ("A.segment0",)]


def test_methods_without_signs_are_ranked_by_magnitude_which_is_what_they_draw():
    received = np.arange(20.0)[None]
    assert places_of(says("gini", magnitude=received)).tolist() == list(range(20, 0, -1))


def test_as_many_votes_are_told_apart_by_size_whatever_the_position():
    one, other = says(A0=1, A1=2, A2=3), says("token_shapley", B7=10, B8=0.1, B9=0.2)
    found = leaders_of([one, other], TOKENS, 3)
    assert [leader.tokens for leader in found] == [("B.segment7",), ("A.segment2",), ("A.segment1",)]
    assert {leader.votes for leader in found} == {1}


def test_more_votes_come_before_larger_values():
    found = leaders_of([says(A0=9, B5=1), says("token_shapley", A1=9, B5=1)], TOKENS, 3)
    assert found[0] == (("B.segment5",), 2)


def test_tokens_that_as_many_methods_name_are_counted_where_the_headline_has_no_room():
    parts = [says(A0=3, A1=2, A2=1), says("token_shapley", A0=3, B6=2, B7=1)]
    found = leaders_of(parts, TOKENS, 3)
    assert found == [(("A.segment0",), 2), (("A.segment1", "B.segment6"), 1)]
    assert others_as_often(parts, found, 3) == 2  # A.segment2 and B.segment7
    alone = says(A0=3, A1=2, A2=1)
    assert others_as_often([alone], leaders_of([alone], TOKENS, 3), 3) == 0
    assert others_as_often([says()], [], 3) == 0


def test_equal_tokens_stand_together_also_beyond_the_count():
    part = says("gini", magnitude=np.full((1, 20), 0.05))
    ((tokens, votes),) = leaders_of([part], TOKENS, 3)
    assert tokens == TOKENS and votes == 1
    assert places_of(part).tolist() == [1] * 20


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_method_that_says_nothing_names_nobody(value):
    part = says("gini", magnitude=np.full((1, 20), value))
    assert leaders_of([part], TOKENS, 3) == []
    assert shares_of(part).sum() == 0


def test_what_should_not_be_read_is_grey_in_the_sequences_and_its_size_still_shows():
    pair = PairTokens(TOKENS, ("P", "Q"), (40, 40))
    values, residues = np.linspace(-1, 1, 20), np.linspace(-1, 1, 40)
    figure = sequence_track("A" * 40, "A", values, pair, signed=True, residues=residues, muted=True,
                            muted_residues=True)
    blocks = next(trace for trace in figure.data if trace.type == "bar" and len(trace.x) == 10)
    curve = next(trace for trace in figure.data if trace.type == "scatter" and trace.mode == "lines")
    assert blocks.marker.colorscale == MUTED_SIZES and blocks.marker.cmin == 0
    assert list(blocks.marker.color) == pytest.approx(np.abs(values[:10]))
    heatmaps = [trace for trace in figure.data if trace.type == "heatmap"]
    assert all(trace.texttemplate for trace in heatmaps)  # letters, and no colours behind them
    assert curve.line.color == MUTED
    assert "-1" in blocks.hovertext[0].replace("−", "-")
