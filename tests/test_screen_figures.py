"""Pictures of a screen: where nodes are placed, who is sticky, what bars count, what is drawn."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from esm2amp_core.figures.screen_background import background_plot
from esm2amp_core.figures.screen_histogram import screen_histogram
from esm2amp_core.figures.screen_labels import HEIGHT, LETTER, LINE, SIDES, WIDTH, choose_sides
from esm2amp_core.figures.screen_layout import lay_out
from esm2amp_core.figures.screen_network import DARK_INK, LIGHT_INK, network, place_hits, short_name
from esm2amp_core.figures.screen_numbers import find_sticky, score_bars
from esm2amp_core.plots import screen as on_paper
from esm2amp_core.plots.paper import to_svg

HOSTILE = "<b>x</b>$y$"


def proteins(means, role="library", n_partners=100):
    n = len(means)
    return pd.DataFrame({
        "protein": [f"{role[0]}{i}" for i in range(n)], "role": role, "also_called": "", "length": 100,
        "n_partners": n_partners, "background": "partners", "n_background": n_partners,
        "mean_logit": means, "sd_logit": np.linspace(0.5, 1, n),
        "share_called": 0.1, "n_hits": 1,
    })  # fmt: skip


def hits(pairs):
    a, b = zip(*pairs, strict=True)
    return pd.DataFrame({"protein_a": a, "protein_b": b, "probability": 0.75,
                         "z": [np.nan, *[1.5] * (len(pairs) - 1)]})


def histogram(counts):
    edges = np.linspace(0, 1, len(counts) + 1)
    return pd.DataFrame({"from": edges[:-1], "to": edges[1:], "pairs": counts})


# ---------------------------------------------------------------- layout


@pytest.mark.parametrize("seed", range(3))
def test_nodes_of_any_network_have_places_of_their_own(seed):
    draw = np.random.default_rng(seed)
    edges = draw.integers(0, 60, (90, 2))  # loops and repeated edges among them; some nodes have no edge
    places = lay_out(60, edges)
    assert np.isfinite(places).all()
    apart = np.linalg.norm(places[:, None] - places, axis=2) + 9 * np.eye(60)
    assert apart.min() > 0.05


def test_connected_nodes_lie_nearer_than_others():
    two_cliques = [(a + k, b + k) for k in (0, 8) for a in range(8) for b in range(a)] + [(0, 8)]
    places = lay_out(16, np.array(two_cliques))
    apart = np.linalg.norm(places[:, None] - places, axis=2)
    within = np.concatenate([apart[:8, :8].ravel(), apart[8:, 8:].ravel()])
    assert within.max() < apart[:8, 8:].mean()


def test_parts_do_not_overlap():
    stars = np.array([(10 * k, 10 * k + i) for k in range(5) for i in range(1, 10)])
    places = lay_out(50, stars).reshape(5, 10, 2)
    boxes = [(star.min(0), star.max(0)) for star in places]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert (high < other_low).any() or (other_high < low).any()


def test_the_leaves_of_a_star_stand_around_it_at_one_distance():
    places = lay_out(6, np.array([(2, i) for i in (0, 1, 3, 4, 5)]))
    assert_allclose(np.linalg.norm(np.delete(places, 2, 0) - places[2], axis=1), 1)


def test_a_long_part_lies_rather_than_stands():
    chain = np.array([(i, i + 1) for i in range(11)])
    for seed in range(3):
        wide, high = np.ptp(lay_out(12, chain, seed=seed), axis=0)
        assert wide > 1.5 * high


def test_beside_a_node_stands_the_entry_name_where_a_header_has_one():
    names = ["sp|P24941|CDK2_HUMAN", "P24941", "a|b|"]
    assert [short_name(name) for name in names] == ["CDK2_HUMAN", "P24941", "a|b|"]


def test_baits_that_share_all_partners_do_not_lie_on_each_other():
    edges = np.array([(bait, partner) for bait in range(3) for partner in range(3, 43)])
    places = lay_out(43, edges) / np.ptp(lay_out(43, edges), axis=0) * (WIDTH, HEIGHT)
    apart = [np.abs(places[a] - places[b]).max() for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(apart) > 30  # pixels: the side of the largest square is 27


def boxes_of(placed):
    """Middles and half sizes of the names that are written, in pixels."""
    at = (placed.places - placed.places.min(0)) / np.ptp(placed.places, axis=0) * (WIDTH, HEIGHT)
    for node in np.flatnonzero(placed.is_named):
        half = np.array([len(placed.names[node]) * LETTER, LINE]) / 2
        radius = (8 + 3 * np.sqrt(min(placed.degree[node], 40))) / 2
        yield at[node] + np.array(SIDES[placed.sides[node]]) * (half + radius), half


@pytest.mark.parametrize("n_pairs", [24, 120, 400])
def test_no_name_lies_on_another_and_who_finds_no_room_is_not_written(n_pairs):
    draw = np.random.default_rng(n_pairs)
    about = pd.concat([proteins(np.zeros(3), "bait"), proteins(np.zeros(160))], ignore_index=True)
    pairs = [(f"b{a}", f"l{b}") for a in range(3) for b in range(160)]
    edges = hits([pairs[i] for i in draw.permutation(len(pairs))[:n_pairs]])
    placed = place_hits(edges, about, pd.Series(False, index=about["protein"]))
    boxes = list(boxes_of(placed))
    for i, (middle, half) in enumerate(boxes):
        for other, other_half in boxes[:i]:
            assert (np.abs(middle - other) >= half + other_half).any()
    assert placed.is_named[placed.is_bait].all()
    names = [text for trace in network(placed, edges, about).data if trace.mode == "markers+text"
             for text in trace.text if text]
    assert len(names) == placed.is_named.sum()


def test_a_name_stands_where_its_node_has_no_edge():
    places, ends = np.array([[0.0, 0], [1, 0], [0, 1]]), np.array([[0, 1]])
    sides = choose_sides(places, ends, np.full(3, 4), np.full(3, 10.0), np.arange(3), 0)
    assert sides[:2].tolist() == ["middle left", "middle right"]


def test_of_names_on_one_spot_only_those_are_written_that_find_room():
    sides = choose_sides(np.zeros((6, 2)), np.empty((0, 2), int), np.full(6, 9), np.full(6, 10.0),
                         np.arange(6), 6)
    assert sides.tolist() == ["top center", "bottom center", "", "", "", ""]


def test_names_are_dark_on_light_and_light_on_dark():
    about = proteins(np.zeros(2))
    edges = hits([("l0", "l1")])
    placed = place_hits(edges, about, pd.Series(False, index=about["protein"]))
    inks = [network(placed, edges, about, dark=dark).data[-1].textfont.color for dark in (False, True)]
    assert inks == [DARK_INK, LIGHT_INK]


def test_the_same_edges_are_laid_out_alike():
    edges = np.random.default_rng(1).integers(0, 30, (50, 2))
    assert_array_equal(lay_out(30, edges), lay_out(30, edges))


# ---------------------------------------------------------------- numbers


def test_a_protein_far_above_its_like_is_sticky():
    means = np.r_[np.linspace(-1, 1, 41), 4.0]
    sticky = find_sticky(proteins(means), 20)
    assert sticky[sticky].index.tolist() == ["l41"]


def test_baits_are_compared_with_baits():
    baits, library = proteins(np.linspace(9, 11, 41), "bait"), proteins(np.linspace(-1, 1, 41))
    assert not find_sticky(pd.concat([baits, library], ignore_index=True), 20).any()


@pytest.mark.parametrize("found", [
    proteins(np.r_[np.linspace(-1, 1, 41), 4.0], n_partners=5),  # means over too few
    proteins(np.r_[np.linspace(-1, 1, 10), 4.0]),  # too few proteins
    proteins(np.r_[np.zeros(40), 4.0]),  # no spread
    proteins(np.full(41, np.nan)),
])  # fmt: skip
def test_nobody_is_sticky_where_that_cannot_be_told(found):
    assert not find_sticky(found, 20).any()


def test_bars_join_neighbouring_intervals_and_lose_no_pair():
    bars = score_bars(histogram([1, 2, 3, 4, 5]))
    assert bars.pairs.tolist() == [3, 7, 5]
    assert_allclose(bars.left, [0, 0.4, 0.8])
    assert_allclose(bars.right, [0.4, 0.8, 1])


# ---------------------------------------------------------------- pictures


def test_the_histogram_counts_as_interacting_what_lies_above_the_threshold():
    drawn = screen_histogram(histogram(np.arange(100)), threshold=0.5, log_counts=True)
    above, below = drawn.data
    assert above.name == "interacting" and sum(above.y) == sum(range(50, 100))
    assert sum(below.y) == sum(range(50))
    assert drawn.layout.yaxis.type == "log"
    assert drawn.layout.yaxis.range[0] < 0  # a bar of one pair is seen


def test_a_network_names_its_nodes_literally_and_fades_what_is_sticky():
    about = proteins(np.linspace(0, 1, 4))
    about.loc[0, "protein"] = HOSTILE
    sticky = pd.Series([False, True, False, False], index=about["protein"])
    edges = hits([(HOSTILE, "l1"), (HOSTILE, "l2"), ("l2", "l3")])
    placed = place_hits(edges, about, sticky)
    drawn = network(placed, edges, about)
    assert placed.touches_sticky.tolist() == [True, False, False]
    assert placed.degree.tolist() == [2, 1, 2, 1]
    texts = [text for trace in drawn.data for text in [*(trace.text or ()), *(trace.hovertext or ())]]
    assert HOSTILE not in "".join(texts) and "&lt;b&gt;x&lt;/b&gt;" in "".join(texts)
    assert [trace.name for trace in drawn.data if trace.name] == [
        "pair of a sticky protein", "pair", "proteins", "sticky: scores high with everything"]
    assert "nan" not in "".join(texts)


def test_a_protein_with_itself_is_drawn():
    about = proteins([0.0])
    edges = hits([("l0", "l0")])
    placed = place_hits(edges, about, pd.Series([False], index=["l0"]))
    assert len(network(placed, edges, about).data) and placed.places.tolist() == [[0, 0]]


@pytest.mark.parametrize("roles", [("bait and library", "library"), ("bait", "bait and library", "library")])
def test_a_bait_is_drawn_as_one_also_where_it_is_in_the_library(roles):
    about = pd.concat([proteins(np.zeros(120 if role == "library" else 1), role) for role in roles],
                      ignore_index=True)
    about["protein"] = about["role"] + about["protein"]
    baits, library = ([name for name, role in zip(about["protein"], about["role"], strict=True)
                       if (role == "library") == wanted] for wanted in (False, True))
    edges = hits([*((bait, library[0]) for bait in baits), *zip(library, library[1:], strict=False)])
    nobody = pd.Series(False, index=about["protein"])
    placed = place_hits(edges, about, nobody)
    assert set(placed.names[placed.is_bait]) == set(baits)
    assert placed.is_named[placed.is_bait].all() and not placed.is_named.all()
    for drawn in (network(placed, edges, about), background_plot(about, nobody)):
        symbols = {trace.name: (trace.marker.symbol, len(trace.x)) for trace in drawn.data
                   if trace.name in ("baits", "library")}  # fmt: skip
        assert symbols == {"baits": ("square", len(baits)), "library": ("circle", len(library))}


def test_where_all_meet_all_nobody_is_a_bait():
    about = proteins(np.zeros(3), "bait and library")
    nobody = pd.Series(False, index=about["protein"])
    placed = place_hits(hits([("b0", "b1"), ("b1", "b2")]), about, nobody)
    assert not placed.is_bait.any()
    assert [trace.name for trace in background_plot(about, nobody).data] == ["proteins"]


@pytest.mark.parametrize("by", ["spread", "rank"])
def test_the_background_has_a_point_per_protein(by):
    about = pd.concat([proteins([0.1, 0.2], "bait"), proteins(np.r_[np.linspace(-1, 1, 41), 4, np.nan])],
                      ignore_index=True)
    sticky = find_sticky(about, 20)
    drawn = background_plot(about, sticky, by=by, marked="b1")
    assert sum(len(trace.x) for trace in drawn.data) == 44
    assert [len(trace.x) for trace in drawn.data if trace.name.startswith("sticky")] == [1]
    assert [note.text for note in drawn.layout.annotations] == ["b1"]


def test_pictures_for_print_are_the_same_each_time_and_write_names_as_they_are():
    about = proteins(np.r_[np.linspace(-1, 1, 41), 4.0])
    about.loc[41, "protein"] = HOSTILE
    sticky = find_sticky(about, 20)
    placed = place_hits(hits([(HOSTILE, "l1"), ("l1", "l2")]), about, sticky)
    counts = histogram(np.arange(100))
    for draw in (lambda: on_paper.network(placed), lambda: on_paper.background(about, sticky, by="spread"),
                 lambda: on_paper.background(about, sticky, by="rank"),
                 lambda: on_paper.screen_histogram(counts, threshold=0.5, log_counts=True)):
        assert to_svg(draw()) == to_svg(draw())
    assert "&lt;b&gt;x&lt;/b&gt;$y$" in to_svg(on_paper.network(placed)).decode()
