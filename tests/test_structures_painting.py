"""What a viewer is given: colours, outlines, words and backbones, residue by residue."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from structure_samples import PARTNER, SEQUENCE, UNSEEN, chain_lines, complex_lines, parsed

from esm2amp_core.sequences import Protein
from esm2amp_core.structures.colours import GREY, PLDDT, PROTEINS, RegionLayer, importance_colours
from esm2amp_core.structures.importance import Importance
from esm2amp_core.structures.notebook import notebook_view
from esm2amp_core.structures.painting import CHAINS, paint
from esm2amp_core.structures.painting import PLDDT as BY_PLDDT
from esm2amp_core.structures.placing import place
from esm2amp_core.structures.scene import scene
from esm2amp_core.structures.structure import StructureError
from esm2amp_core.structures.viewer_page import LICENCE, SCRIPT, viewer_data, viewer_page

TOKENS = [f"{side}.segment{i}" for side in "AB" for i in range(10)]


@pytest.fixture(scope="module")
def placed():
    return place(parsed(complex_lines()), [Protein("one", SEQUENCE), Protein("two", PARTNER)])


def test_signed_colours_are_pale_at_0_and_full_at_the_limit():
    low, pale, high, none, beyond = importance_colours(np.array([-2, 0, 2, np.nan, 5]), 2.0, signed=True)
    assert (low, high, none, beyond) == ("#c85408", "#0f5c96", GREY, high)
    assert pale == importance_colours(np.array([0.0]), 2.0, signed=False)[0] == "#e2e6e9"


def test_residues_have_the_colour_of_their_segment_and_tags_none(placed):
    importance = Importance.of_tokens("m", TOKENS, np.linspace(-1, 1, 20), [40, 40], signed=True)
    drawn, legend = paint(placed, importance)
    whole = importance_colours(importance.values[0], importance.limit, signed=True)
    assert list(drawn[0].colours) == [GREY] * 8 + [whole[i] for i in range(40) if i not in UNSEEN]
    assert set(drawn[2].colours) == {GREY} and [own.protein for own in drawn] == ["A", "B", ""]
    assert len(legend.gradient) == 9 and legend.low == "−1 against" and legend.high == "+1 for"


def test_a_chosen_segment_is_outlined_where_it_was_seen(placed):
    drawn, legend = paint(placed, CHAINS, chosen=["A.segment5", "B.segment0"])
    assert [drawn[0].tokens[i] for i in np.flatnonzero(drawn[0].chosen)] == ["A.segment5"] * 2  # two of four
    assert np.flatnonzero(drawn[1].chosen).tolist() == [0, 1, 2, 3]
    assert set(drawn[0].colours) == {GREY, PROTEINS[0]} and legend.entries[0][1] == "chosen segment"


def test_regions_colour_their_residues_also_beyond_the_end(placed):
    colours = {"Domain": "#111111", "Motif": "#222222"}
    layer = RegionLayer((((1, 5, "Domain"), (39, 99, "Motif")), ()), colours)
    drawn, legend = paint(placed, layer)
    assert list(drawn[0].colours[8:13]) == ["#111111"] * 4 + [GREY]  # residue 1 was not seen
    assert list(drawn[0].colours[-2:]) == ["#222222"] * 2 and set(drawn[1].colours) == {GREY}
    assert ("#111111", "Domain") in legend.entries


def shade(colour):
    """Relative luminance, as WCAG defines it."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    r, g, b = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_nothing_known_differs_from_zero_and_is_seen_on_white_and_on_dark():
    (zero,) = importance_colours(np.zeros(1), 1.0, signed=True)
    assert (shade(zero) + 0.05) / (shade(GREY) + 0.05) > 3
    assert 1.05 / (shade(GREY) + 0.05) > 3 and (shade(GREY) + 0.05) / (shade("#12171d") + 0.05) > 3


def test_the_legend_names_what_occurs_and_nothing_else():
    one = Protein("one", SEQUENCE)
    alone = place(parsed(chain_lines(SEQUENCE)), [one])
    tagged = place(parsed(chain_lines("GSHHHHHH" + SEQUENCE)), [one])
    beside = place(parsed(chain_lines(SEQUENCE, "A"), chain_lines("AGSTV" * 5, "B", y=60.0)), [one])
    some = np.where(np.arange(40) < 3, np.nan, 1.0)
    known, unknown = (Importance.of_residues("m", [own], signed=True) for own in (np.ones(40), some))
    layer = RegionLayer((((1, 40, "Domain"), (90, 99, "Motif")),), {"Domain": "#111111", "Motif": "#222222"})

    def grey(placement, colouring):
        return [words for colour, words in paint(placement, colouring)[1].entries if colour == GREY]

    assert [grey(alone, how) for how in (known, layer, CHAINS)] == [[], [], []]
    assert paint(alone, layer)[1].entries == (("#111111", "Domain"),)
    assert grey(alone, unknown) == ["nothing known"] and grey(tagged, known) == ["not of the protein"]
    assert grey(beside, known) == ["another chain"]
    assert grey(beside, unknown) == ["nothing known, or another chain"]
    assert grey(tagged, RegionLayer(((),), {})) == ["no region, or not of the protein"]


def test_confidence_has_alphafolds_colours():
    steps = [95.0, 90.0, 89.9, 70.0, 60.0, 49.0] * 6
    found = place(parsed(chain_lines(SEQUENCE[:36], b=steps)), [Protein("one", SEQUENCE)])
    drawn, _ = paint(found, BY_PLDDT)
    colours = [colour for _, colour, _ in PLDDT]
    assert list(drawn[0].colours[:6]) == [colours[i] for i in (0, 0, 1, 1, 2, 3)]


def test_labels_give_both_numberings_and_the_value(placed):
    importance = Importance.of_residues("m", [np.arange(40.0), np.arange(40.0)], signed=True)
    drawn, _ = paint(placed, importance)
    assert drawn[0].labels[8] == "A.segment0, K2 · chain A, K2 · +1"
    assert drawn[0].labels[0] == "chain A, G-7: not of protein A"
    assert drawn[2].labels[0] == "chain C, A1"


def test_the_scene_is_plain_and_leaves_a_number_out_at_a_break(placed):
    drawn, _ = paint(placed, CHAINS, touching=placed.contacts())
    made = scene(drawn)
    assert json.loads(json.dumps(made)) == made
    assert list(made["chains"]) == ["a", "b", "c"]
    numbers = made["chains"]["a"]["numbers"]
    assert [b for a, b in zip(numbers, numbers[1:], strict=False) if b != a + 1] == [10, 30]
    lines = [line for line in made["pdb"].splitlines() if line.startswith("ATOM")]
    assert len(lines) == 4 * (45 + 40 + 25) and {len(line) for line in lines} == {78}
    (marked,) = [call for call in made["calls"] if "sphere" in str(call) and call[1]["chain"] == "b"]
    assert marked[1]["resi"] == [i + 1 for i in np.flatnonzero(placed.contacts()[1])] != []
    looks = [call[2]["cartoon"] for call in made["calls"] if call[0] == "setStyle"]
    assert looks[1]["colorscheme"]["map"] == {str(i): PROTEINS[1] for i in range(1, 41)}
    assert [look.get("style") for look in looks] == [None, None, "trace"]  # others: a thin line


def test_a_chain_of_nothing_but_calphas_is_drawn_as_a_line():
    trace = [line for line in chain_lines(SEQUENCE) if line[12:15].strip() == "CA"]
    drawn, _ = paint(place(parsed(trace, "TER"), [Protein("one", SEQUENCE)]), CHAINS)
    (look,) = [call[2]["cartoon"] for call in scene(drawn)["calls"] if call[0] == "setStyle"]
    assert look["style"] == "trace"


def test_a_notebook_draws_what_the_page_draws(placed, tmp_path):
    view = notebook_view(placed, CHAINS, chosen=["A.segment5"], mark_interface=True, static=tmp_path)
    drawn, _ = paint(placed, CHAINS, chosen=["A.segment5"], touching=placed.contacts())
    commands = re.findall(r"viewer_UNIQUEID\.(\w+)\((.*)\);", view.startjs)
    made = scene(drawn)
    begin = [name for name, _ in commands].index("addModel")
    assert [[name, *json.loads(f"[{values}]")] for name, values in commands[begin:]] == [
        ["addModel", made["pdb"], "pdb"], *made["calls"], ["zoomTo"]]
    assert "cdn.jsdelivr.net" in view.startjs  # no script here: py3Dmol's own address
    (tmp_path / SCRIPT).write_text("window.$3Dmol = 1")
    assert "https:" not in notebook_view(placed, CHAINS, static=tmp_path).startjs.split("viewer_UNIQUEID")[0]


def test_a_saved_page_holds_no_word_that_could_end_its_script(placed, tmp_path):
    hostile = "</script><img src=x onerror=alert(1)><!--"
    (tmp_path / SCRIPT).write_text("const a = '</script>'")
    (tmp_path / LICENCE).write_text(hostile)
    drawn, legend = paint(placed, CHAINS)
    data = viewer_data(scene([replace(own, labels=[hostile] * len(own.labels)) for own in drawn]),
                       replace(legend, entries=(("red", hostile),)), title=hostile, alt=hostile)
    page = viewer_page(data, {hostile: hostile}, static=tmp_path)
    assert page.count("</script") == 3 == page.count("<script") and "<img" not in page and "<!--" not in page
    assert "src=" not in re.sub(r"src=x", "", page) and "default-src 'none'" in page
    values = re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1)
    assert json.loads(values) == json.loads(json.dumps(data))


def test_a_page_cannot_be_saved_without_the_viewers_script(placed, tmp_path):
    drawn, legend = paint(placed, CHAINS)
    with pytest.raises(StructureError, match="script is missing"):
        viewer_page(viewer_data(scene(drawn), legend, title="", alt=""), {}, static=tmp_path)


def test_nothing_of_the_files_words_gets_into_the_scenes_text():
    lines = [line.replace(" A ", " < ") for line in chain_lines(SEQUENCE)]
    found = place(parsed("TITLE     <script>alert(1)</script>", lines), [Protein("<b>", SEQUENCE)])
    assert found.fits[0].chain.name == "<" and "<" not in scene(paint(found, CHAINS)[0])["pdb"]


def test_too_much_to_draw_is_refused(placed):
    drawn, _ = paint(placed, CHAINS)
    with pytest.raises(StructureError, match="more than can be drawn"):
        scene(drawn * 30)
