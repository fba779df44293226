"""Visits to the app's pages, run by Streamlit without a browser."""

from pathlib import Path

from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace

BEGIN = PagesManager.__init__
ROOT = Path(__file__).resolve().parent.parent
HOSTILE = "<img src=x onerror=alert(1)> **b** `c` $d$ :material/home:"
P53 = "MEEPQSDPSVEPPLSQETFSDLWKLLPENNVLSPLPSQAMDDLMLSPDDIEQWFTEDPGPDEAPRMPEAAPPVAPAPAAPTPAAPAPAPSWPL"
MDM2 = "MCNTNMSVPTDGAVTTSQIPASEQETLVRPKPLLLKLLKSVGAQKDTYTMKEVLFYLGQYIMTKRLYDEKQQHIVYCSNDLLGDLFGVPSFS"
FASTA = f">P04637\n{P53}\n>Q00987\n{MDM2}\n"


def open_workspace(models: Path, folder: Path, monkeypatch) -> Workspace:
    """The workspace that the pages open too. No worker process: tests do the work themselves."""
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(folder / "workspace"))
    monkeypatch.setenv("ESM2AMP_MODELS", str(models))
    monkeypatch.setattr(Workspace, "ensure_worker", lambda self: None)
    monkeypatch.setattr(PagesManager, "__init__", as_after_the_first_visitor)
    return Workspace.open(Settings.from_environment())


def as_after_the_first_visitor(manager: PagesManager, *args, **kwargs) -> None:
    """How a server looks once `st.navigation` has run; each `AppTest` would begin as a fresh one."""
    BEGIN(manager, *args, **kwargs)
    PagesManager.uses_pages_directory = False


def visit(page: str = "predict", **address: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.run()
    app.switch_page(f"pages/{page}.py")
    for name, value in address.items():
        app.query_params[name] = value
    return sound(app.run())


def sound(app: AppTest) -> AppTest:
    """The page itself, after making sure that nothing went wrong that nobody expected."""
    assert not app.exception
    assert not [error.value for error in app.error if "Incident" in error.value]
    return app


def words(app: AppTest) -> str:
    """All text of a page."""
    kinds = ("title", "subheader", "markdown", "caption", "error", "warning", "info", "success")
    return "\n".join(element.value for kind in kinds for element in getattr(app, kind))


def metrics(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def button(app: AppTest, label: str):
    return next(found for found in app.button if found.label.startswith(label))
