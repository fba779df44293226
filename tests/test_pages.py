"""What all pages have in common, run by Streamlit without a browser."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
from page_visits import sound, visit, words
from streamlit.testing.v1 import AppTest

from esm2amp_core.store.job_store import JobStore

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("page", ["predict", "results", "jobs", "models"])
def test_every_page_opens_on_an_empty_workspace(workspace, page):
    visit(page)


def test_the_bare_address_leads_to_predict(workspace):
    app = sound(AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run())
    assert app.title[0].value == "Do these proteins interact?"


def test_the_pages_never_load_torch():
    modules = [f"pages.components.{path.stem}" for path in (ROOT / "pages" / "components").glob("*.py")]
    code = (
        "import sys, importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'tables', 'safetensors'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert run.stdout.strip() == "[]", run.stderr


def test_the_unexpected_becomes_an_incident_number_and_a_line_in_the_log(workspace, monkeypatch, caplog):
    def fail(self, *args, **kwargs):
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(JobStore, "count", fail)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.run()
    with caplog.at_level(logging.ERROR):
        app.switch_page("pages/jobs.py").run()
    assert not app.exception
    (error,) = app.error
    number = error.value.split("**")[1]
    assert "secret" not in words(app)
    assert f"Incident {number}" in caplog.text
    assert "the secret inside" in caplog.text


def test_a_setting_that_makes_no_sense_is_said_in_words(workspace, monkeypatch):
    monkeypatch.setenv("ESM2AMP_MAX_PAIRS", "many")
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert not app.exception
    assert "ESM2AMP\\_MAX\\_PAIRS" in app.error[0].value
