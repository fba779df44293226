"""Pictures of every page for the README, taken from the running app on a workspace of its own.

    python scripts/screenshots.py                    # into docs/screenshots/
    python scripts/screenshots.py --dark --out /tmp  # predict-dark.png ...
    python scripts/screenshots.py --regions FILE     # also regions.png

FILE holds the regions of the examples' proteins, such as UniProt's download of their accessions as TSV.

Needs Chromium and the packages of ``pip install -e '.[test]'``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).resolve().parent))
from running_app import REPOSITORY, chromium, free_port, running_app

WIDTH, HEIGHT = 1280, 860
JOB_MILLISECONDS = 600_000
"""How long an example may take; the first start of the worker loads the libraries."""
STEP_MILLISECONDS = 120_000


def main() -> None:
    """Run the example and take one picture per page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPOSITORY / "docs" / "screenshots")
    parser.add_argument("--models", type=Path, default=REPOSITORY / "data" / "models", help="bundles' folder")
    parser.add_argument("--dark", action="store_true", help="dark theme; file names end in -dark")
    parser.add_argument("--regions", type=Path, help="regions of the examples' proteins")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_app(Path(folder) / "workspace", models=options.models, port=free_port()) as address,
        chromium() as browser,
    ):
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark" if options.dark else "light"
        )
        page.set_default_timeout(STEP_MILLISECONDS)
        take_pictures(page, address, options.out, suffix="-dark" if options.dark else "",
                      regions=options.regions)


def take_pictures(
    page: Page, address: str, out: Path, *, suffix: str = "", regions: Path | None = None
) -> None:
    """Walk through the app as a person does, and keep what is seen."""

    def keep(name: str) -> None:
        page.wait_for_timeout(1200)  # charts and tables finish drawing
        page.mouse.move(0, 0)
        show_whole_page(page)
        page.screenshot(path=out / f"{name}{suffix}.png")
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})

    def run(name: str = "") -> None:
        page.get_by_role("button", name="Predict").wait_for()
        if name:
            keep(name)
        page.get_by_role("button", name="Predict").click()
        page.wait_for_url("**/results?job=*")
        page.get_by_role("button", name="Download CSV").wait_for(timeout=JOB_MILLISECONDS)

    page.goto(address)
    page.get_by_role("radio", name="Try an example").click()
    page.locator("label", has_text="A messy table").click()
    page.get_by_text("Mend").wait_for()
    run("problems")
    page.goto(address)
    page.get_by_role("radio", name="Try an example").click()
    run("predict")
    keep("results")
    explain(page)
    keep("explain")
    page.get_by_role("tab", name="Attention").click()
    page.locator(".js-plotly-plot .hm").wait_for()
    keep("explain-attention")
    if regions:
        page.goto(f"{address}/regions")
        page.locator("input[type=file]").set_input_files(regions)
        page.get_by_role("button", name="Compare with regions").click()
        page.get_by_text("inside an annotated region").first.wait_for(timeout=JOB_MILLISECONDS)
        page.locator(".js-plotly-plot").first.wait_for()
        keep("regions")
    screen(page, address)
    keep("screen")
    page.goto(f"{address}/jobs")
    page.get_by_text("Submitted").wait_for()
    keep("jobs")
    page.goto(f"{address}/models")
    page.get_by_text("Install a published model").wait_for()
    keep("models")


def explain(page: Page) -> None:
    """Explain the first pair by the model that has attention, and choose a segment."""
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    table.click(position={"x": 18, "y": 53})
    page.get_by_role("button", name="Explain this pair").click()
    page.wait_for_url("**/explain?job=*")
    page.get_by_role("button", name="Explain with it too").click(timeout=JOB_MILLISECONDS)
    page.get_by_role("tab", name="Attention").wait_for(timeout=JOB_MILLISECONDS)
    page.goto(f"{page.url}&token=A.segment3")
    page.get_by_role("tab", name="Attention").wait_for()


def screen(page: Page, address: str) -> None:
    """Compare the proteins of the example with each other, and open the network of the best hits."""
    page.goto(f"{address}/screen")
    page.get_by_role("radio", name="All against all").click()
    page.get_by_role("radio", name="Try an example").click()
    page.get_by_role("button", name="Screen 190 pairs").click()
    page.wait_for_url("**/screen?job=*")
    page.get_by_role("tab", name="Network").click(timeout=JOB_MILLISECONDS)
    page.locator(".js-plotly-plot .scatterlayer .point").first.wait_for()


def show_whole_page(page: Page) -> None:
    """Make the window as high as what is on the page, which scrolls inside a box of its own."""
    height = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').offsetHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(height, 2400)})
    page.wait_for_timeout(400)


if __name__ == "__main__":
    main()
