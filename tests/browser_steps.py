"""Steps in a real browser that a person would simply repeat: a click is lost where a page is being drawn."""

from playwright.sync_api import Download, Locator, Page, TimeoutError, expect

SECONDS = 1000
TRIES = 6


def click_until(target: Locator, wanted: Locator) -> None:
    """Click `target` until `wanted` is seen."""
    for _ in range(TRIES):
        target.click()
        try:
            return expect(wanted).to_be_visible(timeout=10 * SECONDS)
        except AssertionError:
            continue
    expect(wanted).to_be_visible()


def downloaded(page: Page, button: Locator) -> Download:
    """Click `button` until a file arrives."""
    for trial in range(TRIES):
        try:
            with page.expect_download(timeout=30 * SECONDS) as given:
                button.click()
            return given.value
        except TimeoutError:
            if trial == TRIES - 1:
                raise
