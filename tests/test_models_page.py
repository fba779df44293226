"""The Models page, run by Streamlit without a browser; the worker runs inline."""

from page_visits import button, sound, visit, words

from esm2amp_core.kinds import DOWNLOAD
from esm2amp_core.workspace import Workspace
from pages.components.text import literal


def test_a_models_card_shows_its_figures_limits_and_licence(workspace):
    app = visit("models")
    table = app.dataframe[0].value
    assert table.to_dict("records") == [{"Pairs": "Test", "AUROC": "0.613", "Number": "52,048"}]
    assert app.dataframe[1].value.to_dict("records") == [{"Method": "a coin", "AUROC": "0.500"}]
    assert "in 61 of 100 cases; 50 is chance" in words(app)
    assert "CC0" in words(app)
    assert r"\<b\>random\<\/b\>" in words(app)
    assert "small offline model" in words(app)
    assert "esm2amp models download amps" in [code.value for code in app.code]


def test_a_published_model_is_installed_by_a_job_once_its_licence_is_accepted(workspace, monkeypatch):
    monkeypatch.setattr(Workspace, "published_terms", lambda self, architecture: f"{architecture}: CC BY 9")
    app = visit("models")
    button(app, "Install this model").click()
    assert "amps: CC BY 9" in [text.value for text in sound(app.run()).text]
    assert not workspace.jobs.list()
    button(app, "Accept").click()
    sound(app.run())
    (job,) = workspace.jobs.list(kind=DOWNLOAD)
    assert job.params == {"architecture": "amps"}
    assert "Waiting" in words(app)
    assert "no results yet" in words(visit("results"))  # it is no prediction
    jobs = visit("jobs")
    assert [link.label for link in jobs.main.page_link] == [literal(job.title)]
    assert "Run again" not in jobs.menu_button(key=f"actions-{job.id}").options


def test_without_internet_the_page_says_so(workspace, monkeypatch):
    monkeypatch.setenv("ESM2AMP_FIGSHARE_URL", "http://127.0.0.1:1")
    app = visit("models")
    button(app, "Install this model").click()
    sound(app.run())
    assert len(app.error) == 1
    assert not [found for found in app.button if found.label.startswith("Accept")]


def test_a_damaged_model_is_named_with_the_reason(workspace):
    folder = workspace.settings.workspace / "models" / "broken"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    assert "broken" in visit("models").error[0].value
