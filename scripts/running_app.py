"""The app as a person meets it: a server of its own, and Chromium looking at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS, STOP_SECONDS = 120, 60
CHROMIUM_OPTIONS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip


def find_chromium() -> str | None:
    """Path of Chromium or Chrome on this machine; ``ESM2AMP_CHROMIUM`` names another."""
    if named := os.environ.get("ESM2AMP_CHROMIUM"):
        return named
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next(filter(None, map(shutil.which, names)), None)


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def running_app(workspace: Path, *, models: Path, port: int, script: Path | str = "app.py") -> Iterator[str]:
    """Serve the app on a workspace of its own; yields its address and stops it afterwards.

    Another `script` stands for the app where a test shows one part of a page alone.

    Raises
    ------
    RuntimeError
        If it does not answer in time; the message holds what it wrote.
    """
    chosen = {
        "ESM2AMP_WORKSPACE": str(workspace),
        "ESM2AMP_MODELS": str(models),
        "ESM2AMP_WORKER_IDLE_SECONDS": "15",  # the worker outlives the app, but not by long
    }
    workspace.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    with (workspace / "server.log").open("ab") as log:
        server = subprocess.Popen(
            command, cwd=REPOSITORY, env=os.environ | chosen, stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(server, f"{address}/_stcore/health", workspace / "server.log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=STOP_SECONDS)


def _wait_until_it_answers(server: subprocess.Popen, url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The app did not start:\n{log.read_text(errors='replace')}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(CHROMIUM_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()
