"""Pictures of explanations: what they say, in which order, in which colours."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose

from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.figures.explanation_bars import importance_bars, waterfall
from esm2amp_core.figures.explanation_frames import matrix_table, residue_table, token_table
from esm2amp_core.figures.explanation_heatmap import named_heatmap, token_heatmap
from esm2amp_core.figures.explanation_numbers import (
    SIZES_AND_SIGNS,
    SPREAD,
    count_controls,
    count_steps,
    spread,
)
from esm2amp_core.figures.explanation_pair import (
    CLICKABLE,
    DIVERGING,
    LETTERS,
    MUTED,
    NEGATIVE,
    POSITIVE,
    PairTokens,
    picture_text,
    span_text,
)
from esm2amp_core.figures.explanation_parts import (
    MEAN,
    ROLLOUT,
    Bars,
    has_interactions,
    has_residues,
    has_token_matrix,
    is_additive,
    part_of,
    residue_magnitudes,
    residue_values,
    token_matrix,
)
from esm2amp_core.figures.explanation_swarm import MOST_PAIRS, beeswarm, shown_pairs
from esm2amp_core.figures.explanation_track import sequence_track
from esm2amp_core.figures.explanation_trust import controls_histogram, removal_curves

HOSTILE = "<img src=x onerror=alert(1)> %{x} $d$"
TOKENS = FEATURE_SETS["segments"].pair_tokens
PAIR = PairTokens(TOKENS, ("P53", HOSTILE), (105, 40))
N, LAYERS, HEADS, T = 5, 3, 2, len(TOKENS)
RNG = np.random.default_rng(4)


def attention() -> Explanation:
    values = RNG.dirichlet(np.ones(T), (N, LAYERS, HEADS, T)).astype(np.float32)
    received = values.mean(axis=(1, 2, 3))
    axes = (Axis("pairs", (3, 4, 7, 8, 9)), Axis("layers", (1, 2, 3)), Axis("heads", (1, 2)),
            Axis("tokens", TOKENS), Axis("tokens", TOKENS))  # fmt: skip
    return Explanation("attention", values, axes, received, received,
                       arrays={ROLLOUT: values.mean(axis=(1, 2))}, checks={"row_sum_error": np.zeros(N)})


def shapley() -> Explanation:
    value, base = RNG.normal(size=(N, T)), RNG.normal(size=N)
    axes = (Axis("pairs", (3, 4, 7, 8, 9)), Axis("tokens", TOKENS))
    return Explanation("token_shapley", value, axes, value, np.abs(value), base, base + value.sum(axis=1),
                       arrays={"interactions": RNG.normal(size=(N, T, T))})  # fmt: skip


def by_residue() -> Explanation:
    """Two pairs of 105 and 40 residues."""
    rows = np.repeat([3, 4], 145)
    sides = np.tile(["A"] * 105 + ["B"] * 40, 2)
    positions = np.tile([*range(1, 106), *range(1, 41)], 2)
    values = np.where(rows == 4, 1000, 0) + np.where(sides == "B", 500, 0) + positions.astype(float)
    value = np.zeros((2, T))
    names = tuple(f"{side}.residue{position}" for side, position in zip(sides, positions, strict=True))
    return Explanation("residue_gradients", values, (Axis("residues", names),), value, value,
                       arrays={"row_of_residue": rows, "protein_of_residue": sides,
                               "position_of_residue": positions,
                               "magnitude_of_residue": values + 1})  # fmt: skip


# ---------------------------------------------------------------- parts


def test_a_part_of_one_pair_has_its_numbers_and_of_several_their_mean():
    whole = attention()
    one, three = part_of(whole, [2]), part_of(whole, [0, 2, 4])
    assert_allclose(one.values[0], whole.values[2])
    assert_allclose(one.value[0], whole.value[2])
    assert_allclose(three.values[0], whole.values[[0, 2, 4]].mean(axis=0), rtol=1e-6)
    assert_allclose(three.arrays[ROLLOUT][0], whole.arrays[ROLLOUT][[0, 2, 4]].mean(axis=0), rtol=1e-6)


def test_the_mean_of_additive_explanations_is_additive():
    part = part_of(shapley(), [1, 2, 3])
    assert_allclose(part.base_values + part.value.sum(axis=1), part.outputs)


def test_layers_and_heads_are_found_by_their_numbers():
    whole = attention()
    part = part_of(whole, [1])
    assert_allclose(token_matrix(part, 2, 1), whole.values[1, 1, 0])
    assert_allclose(token_matrix(part, 3, MEAN), whole.values[1, 2].mean(axis=0))
    assert_allclose(token_matrix(part, MEAN, 2), whole.values[1, :, 1].mean(axis=0))
    assert_allclose(token_matrix(part), whole.values[1].mean(axis=(0, 1)), rtol=1e-6)
    assert_allclose(token_matrix(part, ROLLOUT), whole.arrays[ROLLOUT][1])


def test_residues_of_a_pair_are_its_own_and_in_order():
    part = part_of(by_residue(), [1])
    assert_allclose(residue_values(part, "A"), 1000 + np.arange(1, 106))
    assert_allclose(residue_values(part, "B"), 1500 + np.arange(1, 41))
    assert_allclose(residue_magnitudes(part, "B"), 1501 + np.arange(1, 41))
    assert residue_values(part_of(by_residue(), [0, 1]), "A") is None


def test_pictures_are_chosen_by_what_the_numbers_run_over():
    questions = (has_token_matrix, has_interactions, is_additive, has_residues)
    answers = {method.method: [ask(method) for ask in questions]
               for method in (attention(), shapley(), by_residue())}
    assert answers == {"attention": [True, False, False, False], "token_shapley": [False, True, True, False],
                       "residue_gradients": [False, False, False, True]}  # fmt: skip


# ---------------------------------------------------------------- labels


def test_tokens_know_their_residues_and_protein():
    assert PAIR.residues("A.segment0") == (1, 11) and PAIR.residues("A.segment9") == (96, 105)
    assert PAIR.residues("B.segment9") == (37, 40)
    assert PAIR.words("A.segment9") == "A.segment9 (residues 96–105 of P53)"
    assert PairTokens(("A.cls", "B.cls"), ("x", "y"), (20, 20)).words("B.cls") == "B.cls (y)"
    assert PairTokens(TOKENS).residues("A.segment0") is None


def test_a_segment_of_one_residue_says_so():
    short = PairTokens(TOKENS, ("x", "y"), (12, 3000))
    assert short.words("A.segment9") == "A.segment9 (residue 12 of x)"
    assert short.words("A.segment0") == "A.segment0 (residues 1–2 of x)"
    assert span_text(9, 9) == "9" and span_text(999, 1200) == "999–1,200"


@pytest.mark.parametrize("figure", ["heatmap", "bars", "track", "waterfall"])
def test_names_of_people_stay_text_in_every_picture(figure):
    values = RNG.normal(size=T)
    drawn = {
        "heatmap": lambda: token_heatmap(RNG.random((T, T)), PAIR, template="{row} {column} {value}"),
        "bars": lambda: importance_bars([Bars("X", values, "", True)], PAIR),
        "track": lambda: sequence_track("A" * 40, "B", values, PAIR, signed=True),
        "waterfall": lambda: waterfall(values, PAIR, base=0, output=float(values.sum())),
    }[figure]()
    said = json.dumps(json.loads(drawn.to_json()), ensure_ascii=False)
    assert "<img" not in said
    assert "&lt;img" in said


def test_signs_that_turn_or_hide_text_are_visible_in_a_name():
    odd = "abc\u202e09\u2066\x1b[2J\u200b\n<x"
    assert picture_text(odd, limit=60) == r"abc\u202e09\u2066\x1b[2J\u200b &lt;x"
    title = sequence_track("A" * 40, "B", np.ones(T), PairTokens(TOKENS, ("x", odd), (40, 40)), signed=False)
    assert title.layout.annotations[0].text.startswith(r"<b>B</b> · abc\u202e09")


def test_a_long_name_is_shortened_before_it_is_escaped():
    assert picture_text("<" * 50, limit=3) == "&lt;&lt;…"


# ---------------------------------------------------------------- heatmaps


def test_a_cell_names_its_row_and_column_and_every_cell_can_be_clicked():
    matrix = np.arange(T * T, dtype=float).reshape(T, T)
    figure = token_heatmap(matrix, PAIR, template="{row}|{column}|{value}")
    cells = figure.data[1]
    at = 3 * T + 17
    assert (cells.x[at], cells.y[at]) == (17, 3)
    assert list(cells.customdata[at]) == ["A.segment3", "B.segment7"]
    assert cells.text[at].startswith("A.segment3 (residues 34–44 of P53)|B.segment7")
    assert cells.text[at].endswith(f"|{matrix[3, 17]:.3g}")
    assert len(cells.x) == T * T and cells.hoverinfo != "skip"
    assert tuple(figure.layout.xaxis.ticktext) == TOKENS
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # A on top


def test_signed_colours_are_centred_on_zero():
    matrix = np.full((T, T), -0.2)
    matrix[0, 1] = 0.7
    shown = token_heatmap(matrix, PAIR, template="", signed=True).data[0]
    assert (shown.zmin, shown.zmax) == (-0.7, 0.7)
    assert [tuple(stop) for stop in shown.colorscale] == list(DIVERGING)
    plain = token_heatmap(np.abs(matrix), PAIR, template="").data[0]
    assert (plain.zmin, plain.zmax) == (0, 0.7)
    assert token_heatmap(np.zeros((T, T)), PAIR, template="", signed=True).data[0].zmax > 0


def test_chosen_tokens_are_outlined_in_row_and_column_and_others_are_not():
    def outlines(*chosen):
        figure = token_heatmap(RNG.random((T, T)), PAIR, template="", chosen=chosen)
        return [s for s in figure.layout.shapes if s.type == "rect"]

    assert outlines() == [] and outlines("C.nonsense") == []
    row, column = outlines("B.segment2")
    assert (row.y0, row.y1, column.x0, column.x1) == (11.5, 12.5, 11.5, 12.5)


def test_agreement_writes_its_numbers_and_a_dash_for_what_is_unknown():
    figure = named_heatmap(np.array([[1, np.nan], [np.nan, 1]]), ["a", "b"])
    assert list(figure.data[1].text) == ["1.00", "–", "–", "1.00"]
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)
    # Dark numbers need a ground that hides the page, which may be dark too.
    assert not any("rgba" in colour for _, colour in figure.data[0].colorscale)


def test_agreement_of_sizes_and_of_signs_stand_side_by_side_where_both_are_known():
    tables = np.array([[[1, 0.37], [0.37, 1]], [[1, -0.2], [-0.2, 1]]])
    both = named_heatmap(tables[0], ["a", "b"], beside=tables[1])
    assert [list(trace.text) for trace in both.data[1::2]] == [["1.00", "0.37", "0.37", "1.00"],
                                                              ["1.00", "−0.20", "−0.20", "1.00"]]  # fmt: skip
    assert tuple(words.text for words in both.layout.annotations) == SIZES_AND_SIGNS
    assert len(named_heatmap(tables[0], ["a", "b"], beside=np.full((2, 2), np.nan)).data) == 2


# ---------------------------------------------------------------- bars


def test_all_panels_have_the_tokens_in_one_order_from_the_top():
    panels = [Bars("One", RNG.random(T), "", False), Bars("Two", RNG.normal(size=T), "", True)]
    figure = importance_bars(panels, PAIR)
    assert tuple(figure.layout.yaxis.ticktext) == TOKENS
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    for panel, (bars, places) in zip(panels, [figure.data[:2], figure.data[2:]], strict=True):
        assert_allclose(bars.x, panel.values)
        assert [item[0] for item in places.customdata] == list(TOKENS)


@pytest.mark.parametrize("n_panels", [1, 7, 10, 12])
def test_panels_share_the_whole_width(n_panels):
    figure = importance_bars([Bars("a", np.ones(T), "", False)] * n_panels, PAIR)
    domains = [axis.domain for axis in figure.select_xaxes()]
    assert len(domains) == n_panels and domains[0][0] == 0
    assert domains[-1][1] == pytest.approx(1) and domains[-1][1] <= 1


def test_signed_panels_are_centred_and_coloured_by_sign_and_muted_ones_are_grey():
    values = np.linspace(-1, 2, T)
    figure = importance_bars([Bars("a", values, "", True), Bars("b", values, "", True, True)], PAIR)
    assert figure.layout.xaxis.range[0] == -figure.layout.xaxis.range[1]
    assert list(figure.data[0].marker.color) == [POSITIVE if v >= 0 else NEGATIVE for v in values]
    assert figure.data[2].marker.color == MUTED


def test_a_waterfall_ends_where_the_score_is():
    part = part_of(shapley(), [0])
    base, output = part.base_values[0], part.outputs[0]
    steps = count_steps(part.value[0], TOKENS, base, most=4)
    assert steps.labels[-1] == f"{T - 4} others" and steps.tokens[-1] == ""
    assert_allclose(steps.starts[0], base)
    assert_allclose(steps.starts[1:], (steps.starts + steps.values)[:-1])
    assert_allclose(steps.starts[-1] + steps.values[-1], output)
    assert (np.diff(np.abs(steps.values[:4])) <= 0).all()


def test_a_chosen_segment_is_a_step_of_its_own_however_small_it_is():
    values = np.linspace(2, 0.1, T)
    figure = waterfall(values, PAIR, base=0, output=float(values.sum()), chosen=(TOKENS[-1], "C.nonsense"))
    bars = figure.data[0]
    assert [about[0] for about in bars.customdata] == [*TOKENS[:10], TOKENS[-1], ""]
    assert figure.layout.yaxis.ticktext[-1] == f"{T - 11} others"
    framed = [(shape.y0, shape.y1) for shape in figure.layout.shapes if shape.type == "rect"]
    assert framed == [(9.5, 10.5)]
    assert_allclose(bars.base[-1] + bars.x[-1], values.sum())


def test_a_single_other_step_has_its_own_name():
    assert count_steps(np.arange(3.0), ("x", "y", "z"), 0.0, most=2).labels == ["z", "y", "x"]


@pytest.mark.parametrize(
    ("pair", "words"), [(PAIR, "this pair 3"), (PairTokens(TOKENS), "mean of these pairs 3")]
)
def test_the_end_of_a_waterfall_says_whose_score_it_is(pair, words):
    figure = waterfall(np.full(T, 0.1), pair, base=1, output=3)
    assert words in [note.text for note in figure.layout.annotations]


def test_a_waterfall_without_rest_has_no_bar_of_others():
    assert count_steps(np.ones(3), ("x", "y", "z"), 0.0).labels == ["x", "y", "z"]


# ---------------------------------------------------------------- tracks


def test_blocks_cover_the_chain_and_letters_stand_at_their_numbers():
    sequence = "ACDEFGHIKL" * 4
    values = RNG.normal(size=T)
    figure = sequence_track(sequence, "B", values, PAIR, signed=True)
    blocks, beds = (trace for trace in figure.data if trace.type == "bar")
    cells = figure.data[-1]
    letters = {place: letter for trace in figure.data if trace.type == "heatmap"
               for place, letter in zip(trace.x, trace.text[0], strict=True)}
    assert_allclose(np.array(blocks.x) - np.array(blocks.width) / 2, np.arange(0.5, 40, 4))
    assert sum(blocks.width) == 40
    assert_allclose(blocks.marker.color, values[10:])
    assert blocks.marker.cmin == -blocks.marker.cmax == -np.abs(values).max()
    assert letters == dict(enumerate(sequence, start=1))
    assert list(cells.x[:3]) == [1, 2, 3]
    assert cells.customdata[4][0] == "B.segment1" and cells.hovertext[4] == "F5"
    assert (beds.x, beds.width) == (blocks.x, blocks.width)
    assert [*beds.customdata[1], *blocks.customdata[1]] == ["B.segment1"] * 2
    assert cells.marker.color == beds.marker.color == CLICKABLE


def test_a_track_outlines_only_its_own_segments():
    def outlined(side):
        figure = sequence_track("A" * 40, side, np.ones(T), PAIR, signed=False,
                                chosen=("B.segment1",))  # fmt: skip
        return [(s.x0, s.x1) for s in figure.layout.shapes if s.layer != "below"]

    assert outlined("B") == [(4.5, 8.5)]
    assert outlined("A") == []


def test_a_curve_by_residue_has_a_symmetric_axis():
    residues = np.linspace(-1, 3, 40)
    figure = sequence_track("A" * 40, "B", np.ones(T), PAIR, signed=True, residues=residues)
    curve = next(trace for trace in figure.data if trace.yaxis == "y2")
    assert_allclose(curve.y, residues)
    assert figure.layout.yaxis2.range[0] == -figure.layout.yaxis2.range[1]
    cells = next(trace for trace in figure.data if trace.type == "heatmap")
    assert_allclose(cells.z, [residues])
    assert (cells.zmin, cells.zmax, tuple(cells.x[:2])) == (-3, 3, (1, 2))
    assert cells.colorscale == LETTERS  # orange against the interaction, blue for it


# ---------------------------------------------------------------- many pairs, and tests


def test_every_pair_is_a_point_in_each_tokens_row():
    values, called = RNG.normal(size=(7, T)), np.array([True, False] * 3 + [True])
    figure = beeswarm(values, PairTokens(TOKENS), rows=range(10, 17), called=called, signed=True)
    drawn = {tuple(about): x for trace in figure.data
             for about, x in zip(trace.customdata, trace.x, strict=True)}  # fmt: skip
    assert len(drawn) == values.size
    assert drawn["B.segment2", 14] == values[4, 12]
    for trace in figure.data:
        tokens = [TOKENS.index(about[0]) for about in trace.customdata]
        assert np.abs(np.array(trace.y) - tokens).max() <= SPREAD


def test_of_many_pairs_some_are_drawn_and_of_few_all():
    assert shown_pairs(7).tolist() == list(range(7))
    assert len(shown_pairs(10_000)) == MOST_PAIRS and shown_pairs(10_000)[-1] == 9_999


def test_equal_values_stand_beside_each_other():
    aside = spread(np.array([1.0, 1.0, 1.0]))
    assert len(set(aside)) == 3 and np.abs(aside).max() <= SPREAD
    assert spread(np.array([])).size == 0
    assert spread(np.array([1.0, np.nan, 1.0])).tolist() == [-SPREAD / 2, 0, SPREAD / 2]
    assert not spread(np.array([np.nan, np.nan])).any()


def test_curves_start_at_zero_tokens_and_have_the_band_of_random_orders():
    curves = {"Taking away": {"Attention": np.arange(4.0)}}
    random = {"Taking away": np.array([[0, 1, 2, 3], [-1, 0, 1, 2], [1, 2, 3, 4.0]])}
    band, mean, line = removal_curves(curves, random).data
    assert list(line.x) == [0, 1, 2, 3] and list(line.y) == [0, 1, 2, 3]
    assert min(band.y) == -1 and max(band.y) == 4 and list(mean.y) == [0, 1, 2, 3]


def test_every_control_is_counted_and_the_pairs_line_stands_in_each_panel():
    nulls = {"shuffled": RNG.random(50), "random": np.full(30, 0.2)}
    figure = controls_histogram(nulls, 0.7)
    assert [sum(bars.y) for bars in figure.data] == [50, 30]
    assert [shape.x0 for shape in figure.layout.shapes] == [0.7, 0.7]
    unknown = count_controls({"shuffled": np.array([0.2, np.nan]), "random": np.array([])}, 0.7)
    assert [counts.sum() for counts in unknown.counts.values()] == [1, 0]
    assert unknown.edges[0] < 0.2 and unknown.edges[-1] > 0.7


@pytest.mark.parametrize("own", [0.0, 0.123, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("among", [[], [0.0, 1.0]])
def test_each_control_at_least_as_high_as_the_pair_is_blue_and_the_others_are_not(own, among):
    scores = np.array([*np.random.default_rng(3).random(200), own, own, *among])
    bars = controls_histogram({"shuffled": scores}, own).data[0]
    blue = sum(n for n, colour in zip(bars.y, bars.marker.color, strict=True) if colour == POSITIVE)
    assert blue == (scores >= own).sum()
    assert sum(bars.y) == len(scores)


def test_controls_are_counted_where_the_pair_has_no_probability_or_all_are_the_same():
    assert count_controls({"x": np.array([0.2, 0.9])}, np.nan).counts["x"].sum() == 2
    assert count_controls({"x": np.array([])}, np.nan).counts["x"].sum() == 0
    edges, counts = count_controls({"x": np.full(7, 1.0)}, 1.0)
    assert counts["x"][edges[:-1] >= 1.0].sum() == 7


# ---------------------------------------------------------------- tables


def test_tables_hold_what_the_pictures_show():
    part = part_of(shapley(), [0])
    frame = token_table({"token_shapley": part}, PAIR)
    assert frame.loc[9, ["token", "start", "end"]].tolist() == ["A.segment9", 96, 105]
    assert_allclose(frame["token_shapley_value"], part.value[0])
    square = matrix_table(part.arrays["interactions"][0], TOKENS)
    assert square.shape == (T, T + 1) and square["token"].tolist() == list(TOKENS)
    residues = residue_table(part_of(by_residue(), [0]), PAIR, ("A" * 105, "C" * 40))
    assert len(residues) == 145 and residues["value"].iloc[105] == 501
