"""Structures on the pages where they belong, in a real browser: Explain and Regions, light and dark, offline.

Needs Chromium, and the viewer's script: `python -m esm2amp_core.downloads.viewer_script`.
"""

import os
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e '.[test]'")
from browser_steps import click_until
from page_samples import make_starter
from playwright.sync_api import expect
from region_jobs import SEQUENCES, compare, explain
from structure_samples import chain_lines

from esm2amp_core.downloads import viewer_script
from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from running_app import chromium, find_chromium, free_port, running_app

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None and not IN_CI,
                       reason="NO BROWSER: 3D NOT tested. Install chromium, or set ESM2AMP_CHROMIUM."),
    pytest.mark.skipif(not viewer_script.is_there(Settings().static), reason="NO VIEWER: 3D NOT tested in a "
                       "browser. Run python -m esm2amp_core.downloads.viewer_script."),
]  # fmt: skip
SECONDS = 1000
expect.set_options(timeout=60 * SECONDS)
CHOSEN = "#d6277f"
PROBES = re.compile(r"/(explain|regions)/_stcore/")
# Which residues are drawn as chosen, by the chain's letter: read from what the viewer was told.
OUTLINED = f"""root => Object.fromEntries(root.shown.scene.calls
  .filter(([name, , look]) => name === "addStyle" && look.stick?.color === "{CHOSEN}")
  .map(([, where]) => [where.chain, where.resi.length]))"""
COLOURED = """canvas => {
  const {width, height} = canvas, copy = Object.assign(document.createElement("canvas"), {width, height});
  const pen = copy.getContext("2d");
  pen.drawImage(canvas, 0, 0);
  const data = pen.getImageData(0, 0, width, height).data;
  let n = 0;
  for (let i = 0; i < data.length; i += 4)
    n += data[i] > 120 && data[i + 1] < 90 && data[i + 2] > 60 && data[i + 2] < 190 && data[i + 3] > 200;
  return n;
}"""  # as pink as the outline, whatever the light on it


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The app on a workspace with an explanation and a comparison with regions; a structure of its pair."""
    folder = tmp_path_factory.mktemp("structures")
    models = make_starter(folder / "models", folder / "encoder")
    workspace = Workspace.open(Settings(workspace=folder / "workspace", models=models, device="cpu"))
    explained = explain(workspace, bundle="starter")
    compared = compare(workspace, explained)
    structure = folder / "complex.pdb"
    structure.write_text("\n".join([*chain_lines(SEQUENCES["P04637"], "A"),
                                    *chain_lines(SEQUENCES["Q00987"], "B", y=-4.9), "END", ""]))
    with running_app(folder / "workspace", models=models, port=free_port()) as address:
        yield {"explain": f"{address}/explain?job={explained.id}&row=1",
               "regions": f"{address}/regions?job={compared.id}&row=1", "structure": structure}
    assert "Incident" not in (folder / "workspace" / "server.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(params=["light", "dark"])
def page(request, browser):
    """A tab that cannot reach other machines and must not complain."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=request.param)
    page, outside, complaints = context.new_page(), [], []

    def guard(route):
        if "127.0.0.1" in route.request.url:
            return route.continue_()
        outside.append(route.request.url)
        return route.abort()

    page.route(lambda url: url.startswith("http"), guard)
    page.on("console", lambda message: complaints.append(message) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(error))
    page.set_default_timeout(60 * SECONDS)
    page.scheme = request.param
    yield page
    context.close()
    assert outside == []
    assert [m for m in complaints if not PROBES.search(getattr(m, "location", {}).get("url", ""))] == []


def give(page, structure):
    """Upload a structure; the picture once it is drawn."""
    page.locator("input[type=file]").set_input_files(structure)
    root = page.locator(".structure[data-drawn]")
    root.wait_for()
    return root


def choose_from_list(page, label, option):
    wanted = page.get_by_role("option", name=option)
    click_until(page.get_by_role("combobox", name=label), wanted)
    wanted.click()


def assert_segment_is_outlined(page, root, chain, n_residues):
    expect(root.locator(".legend")).to_contain_text("chosen segment")
    assert root.evaluate(OUTLINED) == {chain: n_residues}
    assert root.locator("canvas").first.evaluate(COLOURED) > 100


def assert_readable(page, root):
    """The legend's words stand out against the page's ground, in either theme."""
    words = root.locator(".legend .words").first.evaluate("one => getComputedStyle(one).color")
    ground = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    bright, dark = ([sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (words, ground)])
    assert abs(bright - dark) > 300 and (dark < 200) == (page.scheme == "dark")


def test_a_segment_chosen_on_explain_is_outlined_in_3d_and_the_other_way_round(served, page):
    page.goto(f"{served['explain']}&token=A.segment3")
    click_until(page.get_by_role("tab", name="In 3D"), page.get_by_test_id("stFileUploader"))
    root = give(page, served["structure"])
    assert_segment_is_outlined(page, root, "a", 9)
    assert_readable(page, root)
    token = root.evaluate("root => { root.choose('B.segment7'); return root.chains.b.tokens[66]; }")
    page.wait_for_url("**token=B.segment7**")
    expect(root).not_to_have_attribute("data-drawn", "1")
    assert_segment_is_outlined(page, root, "b", root.evaluate(
        "(root, name) => root.chains.b.tokens.filter(token => token === name).length", token))


def test_a_segment_clicked_on_the_regions_page_is_outlined_in_3d(served, page):
    page.goto(served["regions"])
    expect(page.get_by_text("inside an annotated region").first).to_be_visible()
    below = page.get_by_text("In 3D, on a structure of these proteins")
    click_until(page.get_by_role("tab", name="Pair by pair"), below)
    below.click()
    root = give(page, served["structure"])
    assert "chosen segment" not in root.locator(".legend").inner_text()
    choose_from_list(page, "Chosen segment", re.compile("^A.segment5"))
    page.wait_for_url("**token=A.segment5**")
    expect(root).not_to_have_attribute("data-drawn", "1")
    assert_segment_is_outlined(page, root, "a", 9)
    block = page.locator(".js-plotly-plot .bars .point").nth(1)
    block.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = block.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.wait_for_url("**token=A.segment1**")
    expect(root).not_to_have_attribute("data-drawn", "2")
    assert root.evaluate(OUTLINED) == {"a": 10}
    choose_from_list(page, "Coloured by", "Annotated regions")
    expect(root.locator(".legend")).to_contain_text("Domain")
    assert_readable(page, root)
