"""The app in a real browser, from pasted pairs to a file in the downloads folder.

Needs Chromium (Debian: ``apt-get install chromium``; elsewhere ``ESM2AMP_CHROMIUM=/path``).
"""

import csv
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e '.[test]'")
from browser_steps import click_until, downloaded
from page_samples import make_starter
from playwright.sync_api import Locator, Page, expect

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from running_app import chromium, find_chromium, free_port, running_app

from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_track import sequence_track
from pages.components.early_scripts import LIBRARIES, early_scripts

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None and not IN_CI,
        reason="NO BROWSER: pages NOT tested in a browser. Install chromium, or set ESM2AMP_CHROMIUM.",
    ),
]

HOSTILE = "<img/src=x/onerror=alert(1)>**b**$x$"
P53 = "MEEPQSDPSVEPPLSQETFSDLWKLLPENNVLSPLPSQAMDDLMLSPDDIEQWFTEDPGPDEAPRMPEAAPPVAPAPAAPTPAAPAPAPSWPL"
MDM2 = "MCNTNMSVPTDGAVTTSQIPASEQETLVRPKPLLLKLLKSVGAQKDTYTMKEVLFYLGQYIMTKRLYDEKQQHIVYCSNDLLGDLFGVPSFS"
PAIRS = f"protein_a\tprotein_b\tnote\nP04637\tQ00987\t=1+1\n{HOSTILE}\tQ00987\t\nP04637\tNOBODY\t\n"
FASTA = f">P04637\n{P53}\n>Q00987\n{MDM2}\n>{HOSTILE}\n{P53[::-1]}\n"
SECONDS = 1000
# A machine that does much else draws a page late, not wrongly.
expect.set_options(timeout=30 * SECONDS)
# Streamlit looks below the page's own address first; these misses are its way to find the server.
PROBES = re.compile(r"/(predict|results|explain|regions|jobs|models)/_stcore/")


class Server:
    """The app on one workspace and one port, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.port = folder / "workspace", free_port()
        self.models = make_starter(folder / "models", folder / "encoder")
        self.start()

    def start(self) -> None:
        self._running = running_app(self.workspace, models=self.models, port=self.port)
        self.address = self._running.__enter__()

    def stop(self) -> None:
        self._running.__exit__(None, None, None)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("browser"))
    yield server
    server.stop()
    assert "Incident" not in (server.workspace / "server.log").read_text(errors="replace")


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    """A tab that must neither talk to other machines nor complain."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    hosts, complaints = set(), []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.on("console", lambda message: complaints.append(message) if message.type == "error" else None)
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    yield page
    context.close()
    assert hosts - {None} == {"127.0.0.1"}
    assert [m.text for m in complaints if not PROBES.search(getattr(m, "location", {}).get("url", ""))] == []


@pytest.fixture(scope="module")
def results(server, browser) -> str:
    """Address of the results of the pasted pairs."""
    page = browser.new_page()
    submit_pairs(page, server.address)
    address = page.url
    page.close()
    return address


def submit_pairs(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("textbox", name="Pairs", exact=True).fill(PAIRS)
    page.get_by_role("textbox", name="Sequences (FASTA)").fill(FASTA)
    page.get_by_role("button", name="Check these pairs").click()
    expect(page.get_by_text("1 row cannot be scored without a change")).to_be_visible()
    page.get_by_role("textbox", name="Title of the job").fill(f"Screen {HOSTILE}")
    page.get_by_role("button", name="Predict 2 pairs").click()
    page.wait_for_url("**/results?job=*")
    expect(page.get_by_role("button", name="Download CSV")).to_be_visible(timeout=60 * SECONDS)


def expect_metric(page: Page, label: str, value: str) -> None:
    shown = page.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")
    expect(shown).to_have_text(value)


def assert_fits(page: Page) -> None:
    """Nothing is wider than the window."""
    page.wait_for_timeout(300)
    widths = page.evaluate(
        "[document.documentElement, document.querySelector('[data-testid=stMain]')]"
        ".map(box => [box.scrollWidth, box.clientWidth])"
    )
    assert all(needed <= given for needed, given in widths), widths


def test_libraries_are_there_before_a_chart_or_a_table_is_asked_for(server, page):
    scripts = re.findall(r"static/js/([\w.-]+\.js)", early_scripts())
    assert [name.partition(".")[0] for name in scripts] == list(LIBRARIES)
    page.goto(server.address)
    expect(page.get_by_role("button", name="Check these pairs")).to_be_visible()
    page.wait_for_function(
        "names => names.every(name => performance.getEntriesByType('resource')"
        ".some(entry => entry.name.endsWith(name) && entry.responseStatus === 200))", arg=scripts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("length", "first", "last", "shown"),
    [
        (393, 1, 393, False), (393, 1, 150, False), (393, 200, 393, False), (2_700, 500, 1_500, False),
        (393, 1, 100, True), (393, 300, 340, True), (60, 1, 60, True), (10, 1, 10, True),
    ],
)  # fmt: skip
def test_letters_of_a_sequence_show_where_they_can_be_read_and_are_not_made_elsewhere(
    browser, length, first, last, shown
):
    tokens = tuple(f"{side}.segment{i}" for side in "AB" for i in range(10))
    figure = sequence_track("MEEPQSDPSV" * (length // 10) + "M" * (length % 10), "A", np.ones(20),
                            PairTokens(tokens, ("x", "y"), (length, length)), signed=False)  # fmt: skip
    figure.update_layout(width=1120).update_xaxes(range=[first - 0.5, last + 0.5])
    tab = browser.new_page(viewport={"width": 1280, "height": 300})
    tab.set_content(figure.to_html(include_plotlyjs=True))
    tab.locator(".main-svg").first.wait_for()
    letters = tab.locator(".heatmap-label text").filter(has_text=re.compile("[A-Z]"))
    assert letters.count() == (last - first + 1 if shown else 0)
    sizes = letters.evaluate_all("all => all.map(text => parseFloat(getComputedStyle(text).fontSize))")
    assert all(8 <= size <= 12 for size in sizes)
    tab.close()


@pytest.mark.parametrize(("first", "last"), [(1, 393), (80, 129), (96, 105)])
def test_residues_of_a_sequence_answer_to_the_pointer_and_choose_their_segment(browser, first, last):
    """Although no element stands for a residue: at its letter it answers, above it the segment."""
    tokens = tuple(f"{side}.segment{i}" for side in "AB" for i in range(10))
    figure = sequence_track("MEEPQSDPSV" * 39 + "MMM", "A", np.ones(20),
                            PairTokens(tokens, ("x", "y"), (393, 393)), signed=False)  # fmt: skip
    figure.update_layout(width=1120).update_xaxes(range=[first - 0.5, last + 0.5])
    tab = browser.new_page(viewport={"width": 1280, "height": 300})
    tab.set_content(figure.to_html(include_plotlyjs=True))
    tab.locator(".main-svg").first.wait_for()
    tab.evaluate("""() => {
        window.track = document.querySelector('.js-plotly-plot');
        track.on('plotly_selected', told => { window.told = told?.points.map(point => point.customdata); });
    }""")

    def point_at(residue: float, height: float) -> tuple[float, float]:
        return tuple(tab.evaluate("""([x, y]) => {
            const {xaxis, yaxis} = track._fullLayout, {left, top} = track.getBoundingClientRect();
            return [left + xaxis._offset + xaxis.d2p(x), top + yaxis._offset + yaxis.d2p(y)];
        }""", [residue, height]))  # fmt: skip

    said = tab.locator(".hoverlayer .hovertext")
    for residue, height, words in ((100, 0.48, "V100"), (101, 0.48, "M101"), (101, 0.2, "M101"),
                                   (100, 1.5, "A.segment2 (residues 81–120 of x)")):  # fmt: skip
        tab.mouse.move(1, 1)
        tab.mouse.move(*point_at(residue, height))
        expect(said).to_contain_text(words)
    tab.mouse.click(*point_at(100.3, 0.48))
    tab.wait_for_function("window.told?.at(-1)?.[0] === 'A.segment2'")
    tab.close()


def test_a_fresh_server_opens_on_any_page_first(tmp_path, browser, server):
    with running_app(tmp_path, models=server.models, port=free_port()) as address:
        page = browser.new_page()
        page.goto(f"{address}/jobs")
        expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
        expect(page.get_by_role("link", name="Predict")).to_be_visible()
        expect(page.get_by_role("link", name="app", exact=True)).to_have_count(0)
        page.get_by_role("link", name="Models").click()
        expect(page.get_by_role("heading", name="Models", exact=True)).to_be_visible()
        page.close()


def test_results_survive_refresh_second_tab_and_restart(results, server, page):
    page.goto(results)
    expect(page.get_by_role("button", name="Download CSV")).to_be_visible()
    expect_metric(page, "Pairs scored", "2")
    expect_metric(page, "Not scored", "1")
    page.reload()
    expect(page.get_by_role("button", name="Download CSV")).to_be_visible()
    second = page.context.new_page()
    second.goto(results)
    expect(second.get_by_role("button", name="Download CSV")).to_be_visible()
    second.close()
    page.goto("about:blank")
    server.stop()
    server.start()
    page.goto(results)
    expect(page.get_by_role("button", name="Download CSV")).to_be_visible()
    expect_metric(page, "Pairs scored", "2")


def test_a_hostile_title_is_shown_as_it_was_typed(results, page):
    page.goto(results)
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Screen {HOSTILE}")
    assert page.locator("img[src=x]").count() == 0


def test_downloads_hold_every_row_and_are_safe_in_a_spreadsheet(results, page, tmp_path):
    page.goto(results)
    paths = {}
    for kind, label in (("csv", "CSV"), ("xlsx", "Excel (XLSX)"), ("parquet", "Parquet")):
        file = downloaded(page, page.get_by_role("button", name=f"Download {label}"))
        assert file.suggested_filename.endswith(f".{kind}")
        paths[kind] = tmp_path / f"scores.{kind}"
        file.save_as(paths[kind])
    with paths["csv"].open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["row"] for line in lines] == ["1", "2", "3"]
    assert [line["status"] for line in lines] == ["ok", "ok", "error"]
    assert lines[0]["note"] == "'=1+1"
    parquet, xlsx = pd.read_parquet(paths["parquet"]), pd.read_excel(paths["xlsx"], dtype=str)
    assert list(parquet["note"]) == ["=1+1", "", ""]
    assert len(xlsx) == len(parquet) == 3
    assert parquet["probability"][0] == pytest.approx(float(lines[0]["probability"]))


def test_the_tables_own_download_is_not_offered(results, page):
    page.goto(results)
    table = page.get_by_test_id("stDataFrame").first
    table.hover()
    expect(page.get_by_role("button", name="Search: Scores of the pairs")).to_be_visible()
    expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)


def test_the_link_to_copy_is_the_address_of_the_results(results, page):
    page.goto(results)
    page.get_by_role("button", name="Link").click()
    expect(page.get_by_test_id("stCode").filter(has_text="job=")).to_have_text(results)


def test_a_selected_row_shows_the_two_sequences(results, page):
    page.goto(results)
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.click(position={"x": 18, "y": 53})
    expect(page.get_by_text("Protein A: 93 residues")).to_be_visible()
    expect(page.get_by_text("Protein B: 92 residues")).to_be_visible()


def attention_of(page: Page) -> Locator:
    return page.get_by_role("figure", name="Attention: how much each segment takes")


def cell_of(page: Page, row: int, column: int, n_tokens: int = 20) -> tuple[float, float]:
    """Where a cell of the heatmap lies in the window."""
    drawn = attention_of(page).locator(".nsewdrag").first
    drawn.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = drawn.bounding_box()
    width, height = box["width"] / n_tokens, box["height"] / n_tokens
    return box["x"] + (column + 0.5) * width, box["y"] + (row + 0.5) * height


def test_a_cell_of_the_heatmap_chooses_its_segments_in_all_pictures(results, server, page):
    page.emulate_media(color_scheme="dark")
    page.goto(results)
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.click(position={"x": 18, "y": 53})
    page.get_by_role("button", name="Explain this pair").click()
    page.wait_for_url("**/explain?job=*")
    expect(page.get_by_role("tab", name="Attention")).to_be_visible(timeout=180 * SECONDS)
    click_until(page.get_by_role("tab", name="Attention"), attention_of(page).locator(".hm"))
    expect(attention_of(page).locator(".hm")).to_have_count(1)
    page.mouse.click(*cell_of(page, 3, 17))
    page.wait_for_url("**token=A.segment3&token=B.segment7")
    expect(page.get_by_text("A.segment3: residues 31 to 39 of P04637")).to_be_visible()
    expect(page.get_by_test_id("stCode").filter(has_text=P53[30:39])).to_be_visible()
    expect(page.get_by_test_id("stCode").filter(has_text=MDM2[65:74])).to_be_visible()
    chosen = page.get_by_role("combobox", name="Chosen segment")
    click_until(page.get_by_role("tab", name="Which segments matter"), chosen)
    expect(chosen).to_have_value(re.compile("A.segment3"))
    assert_fits(page)
    address = page.url
    page.reload()
    expect(page.get_by_text("A.segment3: residues 31 to 39 of P04637")).to_be_visible()
    assert page.url == address


def test_jobs_lists_finds_renames_and_deletes(results, server, page):
    own = page.get_by_test_id("stPageLink-NavLink").filter(has_text="Screen")  # there is a page of this name
    page.goto(f"{server.address}/jobs")
    expect(own).to_be_visible()
    find = page.get_by_role("textbox", name="Find a protein in all jobs")
    click_until(page.get_by_role("tab", name="Find a protein"), find)
    find.fill("q00987")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 scores found")).to_be_visible()
    click_until(page.get_by_role("tab", name="History"), own)
    own.click()
    page.wait_for_url("**/results?job=*")
    page.get_by_role("button", name="Run again").click()
    page.wait_for_url(lambda url: "job=" in url and url != results)
    expect(page.get_by_role("button", name="Download CSV")).to_be_visible(timeout=60 * SECONDS)
    # When a job ends its page is drawn anew, and an open dialog closes.
    expect(page.get_by_role("button", name="Cancel this job")).to_have_count(0, timeout=60 * SECONDS)
    page.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="Title").fill("Second run")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Second run")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    page.wait_for_url("**/jobs")
    expect(own).to_be_visible()
    expect(page.get_by_role("link", name="Second run")).to_have_count(0)


def test_an_example_runs_with_two_clicks(server, page):
    page.goto(server.address)
    page.get_by_role("radio", name="Try an example").click()
    page.get_by_role("button", name=re.compile(r"Predict \d+ pairs")).click()
    expect(page.get_by_role("button", name="Download CSV")).to_be_visible(timeout=60 * SECONDS)
    expect_metric(page, "Not scored", "0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_the_window_and_follow_the_theme(results, server, page, scheme):
    page.emulate_media(color_scheme=scheme)
    for address in (server.address, results, f"{server.address}/jobs", f"{server.address}/models"):
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert_fits(page)
    colour = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    red = int(re.findall(r"\d+", colour)[0])
    assert red > 200 if scheme == "light" else red < 60
