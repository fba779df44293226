"""A screen in a real browser: pasted, started, finished, searched, drawn, and a file of it read.

Needs Chromium (Debian: ``apt-get install chromium``; elsewhere ``ESM2AMP_CHROMIUM=/path``).
"""

import io
import os
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("playwright", reason="playwright is not installed: pip install -e '.[test]'")
from browser_steps import click_until, downloaded
from page_samples import make_starter
from playwright.sync_api import expect
from screen_samples import sequences

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))
from running_app import chromium, find_chromium, free_port, running_app

IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        find_chromium() is None and not IN_CI,
        reason="NO BROWSER: screens NOT tested in a browser. Install chromium, or set ESM2AMP_CHROMIUM.",
    ),
]
SECONDS = 1000
PROBES = re.compile(r"/screen/_stcore/")
HOSTILE = "<img/src=x/onerror=alert(1)>**b**$x$"


def fasta(proteins):
    return "".join(f">{name}\n{text}\n" for name, text in proteins.items())


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("screened")
    models = make_starter(folder / "models", folder / "encoder")
    with running_app(folder / "workspace", models=models, port=free_port()) as address:
        yield address
    assert "Incident" not in (folder / "workspace" / "server.log").read_text(errors="replace")


@pytest.fixture
def page():
    """A tab that must neither talk to other machines nor complain."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120 * SECONDS)
        outside, complaints = [], []
        page.on("request", lambda asked: None if "127.0.0.1" in asked.url or not asked.url.startswith("http")
                else outside.append(asked.url))  # fmt: skip
        page.on("console", lambda told: complaints.append(told) if told.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(error))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        yield page
        assert outside == []
        assert [told for told in complaints
                if not PROBES.search(getattr(told, "location", {}).get("url", ""))] == []  # fmt: skip


def test_from_pasted_proteins_to_a_file_of_hits(address, page):
    expect.set_options(timeout=120 * SECONDS)
    page.goto(f"{address}/screen")
    library = {HOSTILE: sequences(1, seed=3)["P0"], **sequences(24, seed=2, prefix="L")}
    page.get_by_role("textbox", name="Baits (FASTA)").fill(fasta(sequences(2, seed=1, prefix="bait")))
    page.get_by_role("textbox", name="Library (FASTA)").fill(fasta(library) + ">short\nMK\n")
    page.get_by_role("button", name="Check these proteins").click()
    expect(page.get_by_text("1 record cannot be used")).to_be_visible()
    page.get_by_role("button", name="Screen 50 pairs").click()
    page.wait_for_url("**/screen?job=*")
    expect(page.get_by_test_id("stMetric").filter(has_text="Pairs scored")).to_contain_text("50")

    page.get_by_role("textbox", name="Find a protein").fill("L11")
    page.get_by_role("textbox", name="Find a protein").press("Enter")
    expect(page.get_by_text("2 of 50 best pairs match")).to_be_visible()
    file = downloaded(page, page.get_by_role("button", name="Download CSV"))
    hits = pd.read_csv(file.path(), keep_default_na=False, encoding="utf-8-sig")
    assert len(hits) == 50 and HOSTILE in set(hits["protein_b"])
    assert hits["probability"].astype(float).between(0, 1).all()

    click_until(page.get_by_role("tab", name="Network"),
                page.locator(".js-plotly-plot .scatterlayer .point").first)
    edges = page.get_by_role("slider", name="Pairs shown")
    expect(edges).to_have_value("20")
    edges.focus()
    edges.press("End")
    expect(page.locator(".js-plotly-plot .scatterlayer .point")).to_have_count(27)
    everything = page.get_by_role("button", name="All 50 pairs (Parquet)")
    click_until(page.get_by_role("tab", name="Files and settings"), everything)
    scores = pd.read_parquet(io.BytesIO(downloaded(page, everything).path().read_bytes()))
    assert len(scores) == 50 and set(scores["protein_a"]) == {"bait0", "bait1"}
    page.wait_for_timeout(300)
    widths = page.evaluate("[document.documentElement, document.querySelector('[data-testid=stMain]')]"
                           ".map(box => [box.scrollWidth, box.clientWidth])")
    assert all(needed <= given for needed, given in widths), widths
