"""The 3D view in a browser, with nothing from outside this machine.

Needs Chromium, and the viewer's script: `python -m esm2amp_core.downloads.viewer_script`.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from matplotlib.image import imread

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e '.[test]'")
from browser_steps import downloaded
from playwright.sync_api import expect
from structure_samples import PARTNER, SEQUENCE, chain_lines, complex_lines, parsed

from esm2amp_core.downloads import viewer_script
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.structures.notebook import notebook_view
from esm2amp_core.structures.painting import CHAINS
from esm2amp_core.structures.placing import place

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from running_app import chromium, find_chromium, free_port, running_app

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
STATIC = Settings().static
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None and not IN_CI,
                       reason="NO BROWSER: 3D NOT tested. Install chromium, or set ESM2AMP_CHROMIUM."),
    pytest.mark.skipif(not viewer_script.is_there(STATIC), reason="NO VIEWER: 3D NOT tested in a browser. "
                       "Run python -m esm2amp_core.downloads.viewer_script."),
]  # fmt: skip
expect.set_options(timeout=30_000)
APP = "import sys; sys.path[:0] = {paths}; from structure_app import show; show()"
DIFFERENT = """canvas => {
  const {width, height} = canvas, copy = Object.assign(document.createElement('canvas'), {width, height});
  const context = copy.getContext('2d');
  context.drawImage(canvas, 0, 0);
  const found = new Set(), data = context.getImageData(0, 0, width, height).data;
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) found.add(data.slice(i, i + 3).join());
  return found.size;
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The view alone, beside a folder of static files as the app has it."""
    folder = tmp_path_factory.mktemp("view")
    script = folder / "view.py"
    script.write_text(APP.format(paths=[str(ROOT / "tests"), str(ROOT)]), encoding="utf-8")
    (folder / "static").symlink_to(STATIC)
    (folder / "complex.pdb").write_text("\n".join(complex_lines()))
    (folder / "other.pdb").write_text("\n".join(chain_lines("AGSTVLIWER" * 4)))
    with running_app(folder / "w", models=folder / "models", port=free_port(), script=script) as address:
        yield address, folder
    assert "Incident" not in (folder / "w" / "server.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, server):
    """A tab that can reach this machine alone, and must not complain."""
    context = browser.new_context(viewport={"width": 1280, "height": 1200})
    page = context.new_page()
    outside, complaints = [], []

    def guard(route):
        if urlsplit(route.request.url).hostname == "127.0.0.1":
            return route.continue_()
        outside.append(route.request.url)
        return route.abort()

    page.route(lambda url: url.startswith("http"), guard)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.set_default_timeout(30_000)
    page.goto(server[0])
    yield page
    context.close()
    assert outside == [] and complaints == []


def give(page, server, name):
    page.locator("input[type=file]").set_input_files(server[1] / name)


def drawings(page):
    return int(page.locator(".structure").get_attribute("data-drawn"))


def wait_for_drawing(page, after):
    expect(page.locator(".structure")).not_to_have_attribute("data-drawn", str(after))


@pytest.fixture
def shown(page, server):
    give(page, server, "complex.pdb")
    page.locator(".structure[data-drawn]").wait_for()
    return page


def test_a_picture_is_drawn_offline(shown):
    assert shown.locator(".canvas canvas").first.evaluate(DIFFERENT) > 20


def test_it_has_words_for_those_who_do_not_see_it(shown):
    words = shown.locator(".canvas").get_attribute("aria-label")
    assert words.startswith("Structure of </script><img src=x onerror=alert(1)> (chain A) and **P2**$x$")
    assert shown.locator(".legend").inner_text().split("\n")[:2] == ["−1 against", "+1 for"]


def test_colours_and_marks_change_the_picture_not_the_view(shown):
    view = "root => root.viewer.getView()"
    shown.locator(".canvas").press("ArrowRight")
    turned, before = shown.locator(".structure").evaluate(view), drawings(shown)
    shown.get_by_text("Mark the interface").click()
    wait_for_drawing(shown, before)
    assert "within 5 Å" in shown.locator(".legend").inner_text()
    np.testing.assert_allclose(shown.locator(".structure").evaluate(view), turned)


def test_a_click_on_a_residue_chooses_its_segment(shown):
    before = drawings(shown)
    place = shown.locator(".structure").evaluate("""root => {
      const [atom] = root.viewer.selectedAtoms({chain: 'a', resi: root.chains.a.numbers[30], atom: 'CA'});
      const at = root.viewer.modelToScreen(atom);
      return {x: at.x - window.scrollX, y: at.y - window.scrollY, token: root.chains.a.tokens[30]};
    }""")
    shown.mouse.click(place["x"], place["y"])
    wait_for_drawing(shown, before)
    assert f"token={place['token']}" in shown.url
    assert "chosen segment" in shown.locator(".legend").inner_text()


def test_the_picture_is_saved_with_its_title_and_legend(shown):
    assert_png_has_legend(shown)


def assert_png_has_legend(page):
    """A PNG on white, as wide as the picture and higher by the words around it."""
    width, height = page.locator(".canvas canvas").first.evaluate("one => [one.width, one.height]")
    picture = downloaded(page, page.get_by_role("button", name="Save as PNG"))
    assert picture.suggested_filename.endswith("_3D.png")
    paper = imread(picture.path())[..., :3]  # rows, columns, RGB from 0 to 1
    assert paper.shape[1] == width and 1.1 * height < paper.shape[0] < 1.6 * height
    above, below = paper[:100], paper[-100:]
    assert (paper[0] == 1).all() and (above < 0.5).any() and (below < 0.5).any()
    strong = np.array([15, 92, 150]) / 255  # the end of the legend's ramp, and what matters most
    assert (np.abs(below - strong).max(axis=-1) < 0.03).any()


def test_a_saved_view_opens_without_the_program_and_without_a_network(shown, browser, tmp_path):
    saved = tmp_path / "saved.html"
    downloaded(shown, shown.get_by_role("button", name="Save this 3D view")).save_as(saved)
    context = browser.new_context(offline=True)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.goto(saved.as_uri())
    page.locator(".structure[data-drawn]").wait_for()
    assert page.locator(".canvas canvas").first.evaluate(DIFFERENT) > 20
    expect(page.get_by_role("heading")).to_have_text(
        "</script><img src=x onerror=alert(1)> and **P2**$x$: Shapley values")
    assert page.locator(".legend").inner_text().split("\n")[:2] == ["−1 against", "+1 for"]
    assert "complex.pdb" in page.locator("dl").inner_text() and page.locator("img").count() == 0
    place = page.locator(".structure").evaluate("""root => {
      const [atom] = root.viewer.selectedAtoms({chain: 'a', resi: root.chains.a.numbers[30], atom: 'CA'});
      return root.viewer.modelToScreen(atom);
    }""")
    page.mouse.move(place["x"], place["y"])
    expect(page.locator(".pointed")).to_contain_text("A.segment")
    assert_png_has_legend(page)
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == complaints == []
    context.close()


def test_what_a_notebook_shows_draws_itself_without_a_network(browser, tmp_path):
    placed = place(parsed(complex_lines()), [Protein("one", SEQUENCE), Protein("two", PARTNER)])
    shown = tmp_path / "cell.html"
    notebook_view(placed, CHAINS, chosen=["A.segment5"], mark_interface=True).write_html(str(shown))
    context = browser.new_context(offline=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(shown.as_uri())
    canvas = page.locator("canvas").first
    canvas.wait_for()
    page.wait_for_function("canvas => (" + DIFFERENT + ")(canvas) > 20", arg=canvas.element_handle())
    assert [url[:60] for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    context.close()


def test_how_the_structure_fits_is_told(shown):
    shown.get_by_text("How the structure fits the sequences").click()
    told = shown.get_by_test_id("stExpanderDetails").inner_text()
    assert "37 of the protein's 40 residues are in the structure" in told
    assert "Not in the structure: residues 1, 21–22." in told
    assert "8 residues are not the protein's" in told


def test_the_wrong_structure_is_refused_in_words_and_another_can_be_given(page, server):
    give(page, server, "other.pdb")
    page.get_by_text("other.pdb is a structure of other proteins").wait_for()
    expect(page.locator("input[type=file]")).to_have_count(0)  # a page half drawn still has the old one
    page.get_by_role("button", name="Another structure").click()
    give(page, server, "complex.pdb")
    page.locator(".structure[data-drawn]").wait_for()
