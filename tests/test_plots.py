"""Figures for print: their size, their text, the same bytes twice, and true labels."""

import io
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from matplotlib import image
from numpy.testing import assert_allclose

from esm2amp_core.explanations import METHODS
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.figures.explanation_numbers import SIZES_AND_SIGNS
from esm2amp_core.figures.explanation_pair import SEQUENTIAL, PairTokens
from esm2amp_core.figures.explanation_parts import Bars
from esm2amp_core.plots.bars import beeswarm, token_bars, waterfall
from esm2amp_core.plots.curves import Band, Curves, controls_histogram, faithfulness_curves
from esm2amp_core.plots.matrices import agreement_matrix, attention_heatmap, interaction_map
from esm2amp_core.plots.paper import DOUBLE_MM, SINGLE_MM, plain, scale, to_png, to_svg
from esm2amp_core.plots.tracks import residue_ticks, sequence_tracks

HOSTILE = '<script>alert("$x_1$")</script>\n\x00&]]>'


def pair(feature_set="segments", names=("P04637", "Q00987"), lengths=(393, 91)) -> PairTokens:
    return PairTokens(FEATURE_SETS[feature_set].pair_tokens, names, lengths)


def numbers(count, *, seed=0, holes=False):
    values = np.random.default_rng(seed).normal(size=count)
    if holes:
        values[1] = np.nan
    return values


def draw(of: PairTokens, *, holes=False):
    """Every picture there is of a pair, by name."""
    n = len(of.tokens)
    values, matrix = numbers(n, holes=holes), np.abs(numbers(n * n, holes=holes)).reshape(n, n)
    steps = np.arange(n + 1)
    band = Band(-0.1 * steps, -0.2 * steps, 0.0 * steps)
    residues = {side: numbers(length) for side, length in zip("AB", of.lengths, strict=True)}
    return {
        "heatmap": attention_heatmap(matrix, of, title="Layer 1"),
        "interactions": interaction_map(matrix - 1, of, unit="logit"),
        "bars": token_bars([Bars("Attention", np.abs(values), "weight", signed=False),
                            Bars("Gradients", values, "logit", signed=True, muted=True)], of),
        "waterfall": waterfall(np.nan_to_num(values), 0.1, of, unit="logit"),
        "swarm": beeswarm(np.tile(values, (30, 1)), of, unit="logit", called=np.arange(30) % 2 == 0),
        "track": sequence_tracks(values, of, unit="logit", signed=True, residues=residues),
        "curves": faithfulness_curves([Curves("Deletion", steps, {of.names[0]: -0.2 * steps}, band)],
                                      unit="logit"),
        "agreement": agreement_matrix(np.array([[1, np.nan], [np.nan, 1]]), list(of.names)),
        "controls": controls_histogram({"B shuffled": values, of.names[1]: values[:0]}, 0.5),
    }  # fmt: skip


def texts(figure) -> list[str]:
    """Everything that is written in a figure's SVG."""
    root = ET.fromstring(to_svg(figure))
    return ["".join(element.itertext()).strip() for element in root.iter() if element.tag.endswith("}text")]


@pytest.mark.parametrize(("feature_set", "holes"), [("segments", True), ("mean", False)])
def test_every_figure_has_the_width_of_a_column_and_is_the_same_twice(feature_set, holes):
    of = pair(feature_set)
    again = draw(of, holes=holes)
    for name, figure in draw(of, holes=holes).items():
        svg = to_svg(figure)
        assert svg == to_svg(again[name]), name
        width = float(re.search(rb'width="([\d.]+)pt"', svg)[1]) * 25.4 / 72
        assert_allclose(width, DOUBLE_MM if name == "track" else SINGLE_MM, atol=0.01)
        assert b"<image" not in svg, name  # vectors alone


def test_a_png_has_300_dots_per_inch():
    pixels = image.imread(io.BytesIO(to_png(draw(pair())["heatmap"])))
    assert pixels.shape[1] == int(SINGLE_MM / 25.4 * 300)
    assert_allclose(pixels[0, 0], 1)  # white ground


def test_a_swarm_of_many_points_holds_an_image_and_stays_small():
    of = PairTokens(FEATURE_SETS["segments"].pair_tokens)
    svg = to_svg(beeswarm(numbers(40_000).reshape(-1, 20), of, unit="logit"))
    assert b"<image" in svg and len(svg) < 1_000_000


def test_nothing_is_cut_at_the_edges():
    steps = np.arange(21.0)
    curves = [Curves(title, steps, {"Attention": steps}, None)
              for title in ("Taking segments away", "Adding segments to an average pair")]  # fmt: skip
    figures = (attention_heatmap(0.23 * np.eye(20), pair(), title="Layer 1, mean of all heads"),
               interaction_map(0.6 * np.eye(20) - 0.6, pair(), unit="logit"),
               faithfulness_curves(curves, unit="logit"))  # fmt: skip
    for figure in figures:
        to_png(figure)  # makes room for all parts
        found, whole = figure.get_tightbbox(), figure.get_size_inches()
        assert min(found.p0) >= 0 and (found.p1 <= whole).all()


def test_text_stays_text_and_names_every_token_in_its_order():
    for feature_set, ticks in (("segments", [*map(str, range(10))]),
                               ("cls_eos_segments", ["cls", "eos", *map(str, range(10))])):  # fmt: skip
        found = texts(attention_heatmap(np.eye(2 * len(ticks)), pair(feature_set)))
        assert found[: 2 * len(ticks)] == 2 * ticks
        assert {"A: P04637", "B: Q00987", "attention weight"} <= set(found)


def test_bars_stand_where_their_token_is_named():
    of = pair("cls_eos_segments")
    values = np.zeros(24)
    values[of.tokens.index("B.segment3")] = 2.0
    axes = token_bars([Bars("Attention", values, "weight", signed=False)], of).axes[0]
    tall = [bar for bar in axes.patches if bar.get_height() == 2.0]
    place = round(tall[0].get_x() + tall[0].get_width() / 2)
    assert len(tall) == 1 and axes.get_xticklabels()[place].get_text() == "3" and place > 12


def test_a_waterfall_names_residues_and_ends_at_the_output():
    of, values = pair(), numbers(20)
    axes = waterfall(values, 0.5, of, unit="logit", top=4).axes[0]
    largest = np.argsort(-np.abs(values))[:4]
    names = [label.get_text() for label in axes.get_yticklabels()]
    side, segment = of.tokens[largest[0]].split(".segment")
    start, end = of.residues(of.tokens[largest[0]])
    assert (names[0], names[-1]) == (f"{side} {segment} ({start}–{end})", "16 others")
    starts, sizes = (np.array([ask(bar) for bar in axes.patches])
                     for ask in (lambda bar: bar.get_x(), lambda bar: bar.get_width()))
    assert_allclose(sizes[:4], values[largest])
    assert_allclose(starts[1:], (starts + sizes)[:-1])
    assert_allclose([starts[0], starts[-1] + sizes[-1]], [0.5, 0.5 + values.sum()])


def test_a_waterfall_tells_the_models_own_output_and_what_the_values_fall_short_of_it():
    values = np.zeros(20)
    values[3] = 1.5
    written = " ".join(texts(waterfall(values, 0.5, pair(), unit="logit", output=2.02)))
    assert "to 2.02 (this pair)" in written and "0.02 is not accounted for" in written
    assert "accounted" not in " ".join(texts(waterfall(values, 0.5, pair(), unit="logit", output=2.0)))


def test_the_method_stands_beside_the_colours_of_a_chain_whole():
    longest = max((about.title for about in METHODS.values()), key=len)
    for residues in (None, {"A": numbers(393), "B": numbers(91)}):
        figure = sequence_tracks(numbers(20), pair(), unit="attention weight", signed=True, method=longest,
                                 residues=residues)
        to_png(figure)
        (label,) = [axes.get_ylabel() for axes in figure.axes if longest in axes.get_ylabel()]
        found, whole = figure.get_tightbbox(), figure.get_size_inches()
        assert label.endswith("attention weight")
        assert min(found.p0) >= 0 and (found.p1 <= whole).all()


def test_signed_colours_are_centred_on_zero_and_missing_values_are_grey():
    colours, norm = scale(np.array([-1.0, 4.0, np.nan]), signed=True)
    assert (norm.vmin, norm.vmax) == (-4, 4)
    assert_allclose(colours(norm(0.0))[:3], 1, atol=0.02)  # white
    assert scale(np.array([np.nan]), signed=False)[1].vmax > 0


def test_attention_has_the_colours_of_the_screen():
    (_, nothing), (_, most) = SEQUENTIAL  # the same blue, from clear to full
    blue = [int(part) / 255 for part in re.findall(r"\d+", most)[:3]]
    assert re.findall(r"\d+", most)[:3] == re.findall(r"\d+", nothing)[:3]
    colours, norm = scale(np.array([0.0, 0.3]), signed=False)
    for value, share in ((0.0, 0), (0.15, 0.5), (0.3, 1)):
        assert_allclose(colours(norm(value))[:3], 1 - share * (1 - np.array(blue)), atol=0.01)


def test_methods_are_named_in_full_and_both_agreements_are_shown():
    titles = [about.title for about in METHODS.values()]
    tables = np.array([np.full((len(titles), len(titles)), value) for value in (0.37, -0.21)])
    one, two = (agreement_matrix(tables[0], titles, below=below) for below in (None, tables[1]))
    for figure, count in ((one, 1), (two, 2)):
        labels = [label.get_text().replace("\n", " ") for axes in figure.axes[:count]
                  for label in axes.get_yticklabels()]  # fmt: skip
        assert labels == count * titles
        to_png(figure)
        found, whole = figure.get_tightbbox(), figure.get_size_inches()
        assert min(found.p0) >= 0 and (found.p1 <= whole).all()
    assert {"0.37", "−0.21", *SIZES_AND_SIGNS} <= set(texts(two))
    unknown = agreement_matrix(tables[0], titles, below=np.full_like(tables[1], np.nan))
    assert texts(unknown) == texts(one)


def test_a_chain_is_numbered_from_its_first_to_its_last_residue():
    for length in (10, 11, 99, 393, 2700):
        found = residue_ticks(length)
        assert (found[0], found[-1]) == (1, length) and found == sorted(set(found)) and len(found) <= 11
    written = texts(sequence_tracks(numbers(20), pair(), unit="logit", signed=True))
    assert {"A: P04637, 393 residues", "B: Q00987, 91 residues", "393", "91"} <= set(written)


def test_names_are_shown_as_they_are_and_never_read_as_code_or_formulas():
    of = pair(names=(HOSTILE, "$\\frac{1}{0}$"))
    for name, figure in draw(of).items():
        assert b"<script" not in to_svg(figure), name
        to_png(figure, dpi=50)
    written = " ".join(texts(attention_heatmap(np.eye(20), of)))
    assert "$\\frac{1}{0}$" in written and "A: <script>alert" in written
    assert plain("a\nb\x00\ud800\u202ec", 40) == r"a b\x00\ud800\u202ec" and len(plain("x" * 99)) < 30


def test_figures_need_neither_torch_nor_a_screen():
    code = ("import sys, esm2amp_core.plots.bars, esm2amp_core.plots.tracks, esm2amp_core.plots.curves, "
            "esm2amp_core.plots.matrices, esm2amp_core.explanation_report.report; heavy = {'torch', "
            "'transformers', 'sklearn', 'streamlit', 'matplotlib.pyplot', 'plotly'}; "
            "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or 0)")  # fmt: skip
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, "")
