"""Pictures of regions: what stands in which row, which colours, and that both kinds show the same."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from esm2amp_core.annotations.region import INTERPRO_TYPES, UNIPROT_TYPES
from esm2amp_core.explanations import Axis, Explanation
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_track import sequence_track
from esm2amp_core.figures.region_charts import enrichment_plot, hit_rate_bars, position_plot
from esm2amp_core.figures.region_numbers import (
    PALETTE,
    comparisons,
    drawn_types,
    hit_panels,
    lanes,
    p_words,
    points_words,
    position_table,
    type_colours,
    with_all,
)
from esm2amp_core.figures.region_pair import pair_table
from esm2amp_core.figures.region_track import MOST_LANES, UNSEEN, add_regions
from esm2amp_core.plots import regions as print_regions
from esm2amp_core.plots.paper import to_png, to_svg
from esm2amp_core.region_files import CHANCE, ENDS, LOW, REGION_COLUMNS, TOP

HOSTILE = "<img src=x onerror=alert(1)> %{x} $d$"
TYPES = ["Domain", HOSTILE]
NAMES = with_all(TYPES)
TOKENS = FEATURE_SETS["segments"].pair_tokens
PAIR = PairTokens(TOKENS, ("P53", HOSTILE), (100, 40))


def region_frame(*regions, protein="P53"):
    rows = [(protein, kind, start, end, HOSTILE, "ECO:1", "", "") for kind, start, end in regions]
    return pd.DataFrame(rows, columns=list(REGION_COLUMNS))


def enrichment_frame():
    """Differences 1 to 9; the second comparison has no intervals and no p-values."""
    rows = []
    for i, (selection, against) in enumerate([(TOP, CHANCE), (LOW, CHANCE), (TOP, LOW)]):
        for j, name in enumerate(NAMES):
            value, known = 1.0 + 3 * i + j, i != 1
            rows.append({
                "selection": selection, "against": against, "type": name, "coverage": 50 + value,
                "reference": 50.0, "difference": value, "difference_low": value - 1 if known else np.nan,
                "difference_high": value + 2 if known else np.nan, "ratio": 1.1, "chance_low": -2.0,
                "chance_high": 2.0, "p_value": 0.01 * value if known else np.nan,
                "q_value": 0.02 * value if known else np.nan,
            })  # fmt: skip
    return pd.DataFrame(rows)


def hit_frame():
    rows = [(selection, class_, threshold, rank, n, *(scale * value for value in (10.0, 20.0, 30.0)))
            for selection, scale in ((TOP, 2), (LOW, 1)) for class_, n in (("all", 5), ("TP", 5), ("FN", 0))
            for threshold in (25, 50) for rank in ("1", "any")]  # fmt: skip
    return pd.DataFrame(rows, columns=["selection", "class", "threshold", "rank", "n_pairs", *NAMES])


def position_frame():
    names = [*(f"tenth {t}" for t in range(1, 11)), ENDS]
    rows = [(selection, CHANCE, name, 10.0 + i, 10.0, float(i), i - 1.0, i + 1.0, 0.5)
            for selection in (TOP, LOW) for i, name in enumerate(names)]
    return pd.DataFrame(rows, columns=["selection", "against", "type", "coverage", "reference", "difference",
                                       "difference_low", "difference_high", "q_value"])


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("types", [UNIPROT_TYPES, INTERPRO_TYPES, tuple("abcdefgh")])
def test_types_have_colours_of_their_own(types):
    colours = type_colours(types)
    assert len(set(colours.values())) == len(types)


def test_the_usual_types_keep_their_colour_whatever_stands_beside_them():
    assert type_colours(["Domain"])["Domain"] == type_colours(UNIPROT_TYPES)["Domain"] == PALETTE[0]
    assert type_colours(["Repeat"])["Repeat"] == type_colours(UNIPROT_TYPES)["Repeat"]
    assert len(type_colours([f"type {i}" for i in range(20)])) == 20  # more than there are colours


def test_colours_differ_in_lightness_on_any_background():
    def luminance(colour):
        channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for colour in PALETTE:
        assert (luminance(colour) + 0.05) / 0.05 >= 2 and 1.05 / (luminance(colour) + 0.05) >= 2


def test_of_very_many_types_the_commonest_are_drawn_in_their_order():
    types = [f"type {i}" for i in range(5_000)]
    lines = [(TOP, against, name, float(i % 1_000))
             for against in (CHANCE, LOW) for i, name in enumerate(types)]
    enrichment = pd.DataFrame(lines, columns=["selection", "against", "type", "reference"])
    assert drawn_types(enrichment, types, most=5) == [f"type {999 + 1_000 * i}" for i in range(5)]
    assert drawn_types(enrichment, types[:3], most=5) == types[:3]


def test_overlapping_regions_never_share_a_lane():
    rng = np.random.default_rng(3)
    starts = np.sort(rng.integers(1, 200, 60))
    ends = starts + rng.integers(0, 40, 60)
    found = lanes(starts.tolist(), ends.tolist())
    for i, j in combinations(range(60), 2):
        if found[i] == found[j]:
            assert ends[i] < starts[j] or ends[j] < starts[i]
    depth = max(sum((starts <= x) & (x <= ends)) for x in range(1, 260))
    assert max(found) + 1 == depth  # no more lanes than lie over each other


def test_neighbours_share_a_lane_and_a_shared_residue_parts_them():
    assert lanes([1, 11], [10, 20]) == [0, 0]
    assert lanes([1, 10], [10, 20]) == [0, 1]


def test_panels_hold_the_rate_of_any_segment_and_only_classes_with_pairs():
    panels = hit_panels(hit_frame(), TYPES, 50)
    assert [(panel.name, panel.n_pairs) for panel in panels] == [("all", 5), ("TP", 5)]
    assert_allclose(panels[0].top, [20, 40, 60])
    assert_allclose(panels[0].low, [10, 20, 30])


def test_findings_are_those_with_a_small_corrected_p_value():
    top, low, both = comparisons(enrichment_frame(), TYPES)
    assert top.is_finding.tolist() == [True, True, False]
    assert not low.is_finding.any() and not both.is_finding.any()
    assert top.table["type"].tolist() == NAMES


def test_p_values_read_well():
    assert [p_words(p) for p in (0.0004, 0.0312, 0.049, 0.5, np.nan)] == ["< 0.001", "0.031", "0.049", "0.50",
                                                                         "–"]


# ---------------------------------------------------------------- on screen


def test_bars_are_the_rates_type_by_type():
    figure = hit_rate_bars(hit_panels(hit_frame(), TYPES, 50), NAMES, 50)
    top, low, *_ = figure.data
    assert (list(top.x), list(low.x)) == ([20, 40, 60], [10, 20, 30])
    assert top.name == "top segments" and list(top.y)[0] == "Domain"
    assert len(figure.data) == 4 and "<img" not in figure.to_json().replace("\\u003c", "<")


def test_enrichment_is_drawn_with_its_interval_and_without_one():
    figure = enrichment_plot(comparisons(enrichment_frame(), TYPES), NAMES)
    dots = [trace for trace in figure.data if trace.type == "scatter" and trace.x[0] is not None]
    assert [list(trace.x) for trace in dots] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert list(dots[0].error_x.array) == [2, 2, 2] and list(dots[1].error_x.array) == [0, 0, 0]
    assert "95 % interval 0.0 to +3.0" in dots[0].hovertext[0] and "interval" not in dots[1].hovertext[0]
    reach = figure.layout.xaxis.range
    assert reach[0] == -reach[1] and reach[1] > 11  # 9 + 2: zero stands in the middle, all can be seen


def test_positions_are_ten_places_and_chance():
    top, low = (position_table(position_frame(), which) for which in (TOP, LOW))
    assert len(top) == 10 and ENDS not in set(top["type"])
    figure = position_plot(top, low, "residue")
    assert figure.data[0].name == "top residues" and list(figure.data[0].y) == list(range(10, 20))
    chance = figure.data[2]
    assert chance.name == "chance" and list(chance.y) == [10, 10] and list(chance.x) == [1, 10]
    assert not figure.layout.annotations  # in the legend, where no interval runs through the word


def test_a_difference_has_a_minus_as_long_as_its_plus():
    assert [points_words(value) for value in (-12.34, -0.04, 0.0, 3.96)] == ["−12.3", "0.0", "0.0", "+4.0"]


def track(regions, side="A", low=()):
    sequence = "M" * PAIR.lengths["AB".index(side)]
    figure = sequence_track(sequence, side, np.linspace(0, 1, len(TOKENS)), PAIR, signed=False)
    return add_regions(figure, regions, TYPES, PAIR, side, low=low)


def test_a_region_is_drawn_over_its_residues_and_up_to_the_end():
    figure = track(region_frame(("Domain", 11, 30), ("Domain", 90, 500), ("Domain", 101, 200),
                                ("Other", 1, 5)))
    unseen, bars = [trace for trace in figure.data if trace.yaxis == "y3"]
    assert (unseen.hoverinfo, unseen.marker.color) == ("skip", UNSEEN)
    edges = [(x - w / 2, x + w / 2) for x, w in zip(bars.x, bars.width, strict=True)]
    assert edges == [(10.5, 30.5), (89.5, 100.5)]  # one wholly behind the end is not drawn
    assert "residues 90–500" in bars.hovertext[1] and "<img" not in bars.hovertext[0]


def test_each_type_has_a_row_and_each_overlap_a_lane():
    figure = track(region_frame(("Domain", 1, 50), ("Domain", 20, 60), (HOSTILE, 5, 9)))
    axis = figure.layout.yaxis3
    assert list(axis.tickvals) == [0.5, 2] and axis.ticktext[0] == "Domain"
    one = track(region_frame(("Domain", 1, 50)))
    assert figure.layout.height > one.layout.height
    crowd = track(region_frame(*(("Domain", 1, 90) for _ in range(50))))
    assert crowd.layout.yaxis3.range[0] < MOST_LANES


def test_rows_of_regions_stand_below_the_segments():
    figure = track(region_frame(("Domain", 1, 50)))
    assert figure.layout.yaxis3.domain[1] < figure.layout.yaxis.domain[0]
    assert figure.layout.yaxis.domain[1] == 1 and figure.layout.xaxis.anchor == "y3"


def test_a_protein_without_regions_says_so():
    figure = track(region_frame())
    assert list(figure.layout.yaxis3.ticktext) == ["no region"]
    assert any(trace.yaxis == "y3" for trace in figure.data)


def test_low_segments_of_this_protein_are_framed():
    figure = track(region_frame(), low=["A.segment0", "B.segment3"])
    (frame,) = [shape for shape in figure.layout.shapes if shape.layer != "below"]
    assert (frame.x0, frame.x1, frame.line.dash) == (0.5, 10.5, "dot")


# ---------------------------------------------------------------- for print


def drawn():
    regions = {"A": region_frame(("Domain", 11, 30), ("Domain", 20, 500)), "B": region_frame()}
    return [
        print_regions.hit_rate_bars(hit_panels(hit_frame(), TYPES, 50), NAMES, 50),
        print_regions.enrichment_plot(comparisons(enrichment_frame(), TYPES), NAMES),
        print_regions.position_plot(*(position_table(position_frame(), which) for which in (TOP, LOW))),
        print_regions.region_tracks(np.linspace(0, 1, len(TOKENS)), PAIR, regions, TYPES, unit="weight",
                                    signed=False),
    ]  # fmt: skip


def test_every_picture_is_a_file_and_the_same_each_time():
    for first, second in zip(drawn(), drawn(), strict=True):
        svg = to_svg(first)
        assert svg == to_svg(second) and b"<img" not in svg
        assert to_png(first, dpi=40).startswith(b"\x89PNG")


def test_print_frames_the_top_and_low_segments_and_names_the_method():
    regions = {"A": region_frame(("Domain", 11, 30)), "B": region_frame()}
    figure = print_regions.region_tracks(
        np.linspace(-1, 1, len(TOKENS)), PAIR, regions, TYPES, unit="logit", signed=True,
        title="Integrated Gradients", framed={TOP: ["A.segment1"], LOW: ["B.segment0"]})
    frames = [[(patch.get_x(), patch.get_width()) for patch in axes.patches if not patch.get_fill()]
              for axes in (figure.axes[0], figure.axes[2])]
    assert frames == [[(10.5, 10)], [(0.5, 4)]]
    svg = to_svg(figure).decode()
    for said in ("Integrated Gradients", "top segment", "low segment", "against", "for (+)"):
        assert said in svg


def test_the_table_of_a_pair_holds_importances_ranks_and_regions():
    values = np.linspace(-1, 1, len(TOKENS))[None]
    part = Explanation("integrated_gradients", values, (Axis("pairs", (1,)), Axis("tokens", TOKENS)), values,
                       np.abs(values))
    regions = {"A": region_frame(("Domain", 11, 30)), "B": region_frame()}
    table = pair_table(part, PAIR, regions, {TOP: ["A.segment1", "B.segment9"], LOW: ["A.segment4"]})
    segments = table[table["what"] == "segment"].set_index("name")
    assert len(segments) == 20 and set(table["what"]) == {"segment", "region"}
    for i, token in enumerate(TOKENS):
        if token in segments.index:
            assert segments.loc[token, ["value", "magnitude"]].tolist() == [values[0, i], abs(values[0, i])]
            assert tuple(segments.loc[token, ["start", "end"]]) == PAIR.residues(token)
    assert segments["rank"].dropna().to_dict() == {"A.segment1": 1, "A.segment4": 1, "B.segment9": 2}
    (region,) = table[table["what"] == "region"].to_dict("records")
    assert (region["name"], region["start"], region["end"], region["evidence"]) == ("Domain", 11, 30, "ECO:1")


def test_print_shows_the_bars_of_the_screen():
    axes = drawn()[0].axes[0]
    assert [patch.get_width() for patch in axes.patches] == [20, 40, 60, 10, 20, 30]
