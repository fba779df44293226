"""The job "screen": the same files as the command, from where a worker stopped."""

import hashlib

import pytest
from screen_samples import contents, sequences
from tiny import make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.errors import BundleError, JobError, SequenceError
from esm2amp_core.jobs import JobState
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Cancelled
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.screening.running import run_screen
from esm2amp_core.settings import Settings
from esm2amp_core.tasks import screen as task
from esm2amp_core.tasks.running import Work, run_next
from esm2amp_core.workspace import Workspace

LIBRARY = "".join(f">{name}\n{text}\n" for name, text in sequences(25).items()).encode()
BAIT = b">mine\nMKTAYIAKQRQISFVK\n"


@pytest.fixture
def workspace(tmp_path):
    make_bundle(tmp_path / "models" / "starter", make_encoder(tmp_path / "encoder", width=WIDTH))
    return Workspace.open(Settings(workspace=tmp_path / "workspace", models=tmp_path / "models",
                                   device="cpu", precision="float32"))


def test_the_job_writes_what_the_core_writes(workspace, tmp_path):
    job = workspace.submit_screen(LIBRARY, BAIT, library_name="my library.fa", bait_name="mine.fa", top=5)
    assert (job.title, job.params["n_pairs"]) == ("Screen of mine.fa", 25)
    assert job.params["library_sha256"] == hashlib.sha256(LIBRARY).hexdigest()
    done = run_next(workspace, "worker")
    assert done.state == JobState.DONE, done.error
    predictor = Predictor.load("starter", settings=workspace.settings)
    proteins = read_screen(("my_library.fa", LIBRARY), ("mine.fa", BAIT))
    made = run_screen(predictor, proteins, tmp_path / "s", options=ScreenOptions(top=5))
    assert contents(workspace.screen_folder(job.id)) == contents(made.folder)
    assert workspace.submit_screen(LIBRARY, BAIT, library_name="my library.fa", bait_name="mine.fa",
                                   top=5).id == job.id  # the same question has been answered


def test_a_stopped_job_goes_on_in_its_folder(workspace, monkeypatch):
    job = workspace.submit_screen(LIBRARY)
    run_screen_once = task.run_screen
    claimed = workspace.jobs.claim("first")

    def stopped(*given, report, **options):
        def until_scored(stage, done, total):
            report(stage, done, total)
            if stage == "Ranking pairs":
                raise Cancelled

        return run_screen_once(*given, report=until_scored, **options)

    monkeypatch.setattr(task, "run_screen", stopped)
    params = task.ScreenParams.from_json(claimed.params)
    with pytest.raises(Cancelled):
        task.run(Work(workspace, claimed, params, "first"))
    workspace.jobs.release(job.id, worker="first")
    monkeypatch.setattr(task, "run_screen", run_screen_once)
    monkeypatch.setattr("esm2amp_core.screening.engines.score_block", lambda *_, **__: pytest.fail("again"))
    assert run_next(workspace, "second").state == JobState.DONE
    assert ScreenFolder(workspace.screen_folder(job.id)).summary["n_pairs"] == 300


def test_what_cannot_be_screened_is_refused_before_it_is_queued(workspace):
    with pytest.raises(SequenceError, match="holds no usable protein"):
        workspace.submit_screen(b">a\nMKT\n", library_name="short.fa")
    with pytest.raises(JobError, match="no pairs"):
        workspace.submit_screen(BAIT)
    with pytest.raises(JobError, match="at most"):
        workspace.submit_screen(LIBRARY, top=0)
    with pytest.raises(BundleError):
        workspace.submit_screen(LIBRARY, bundle="ghost")
    assert workspace.jobs.list() == []


def test_a_model_that_changed_meanwhile_is_told(workspace, tmp_path):
    job = workspace.submit_screen(LIBRARY)
    manifest = tmp_path / "models" / "starter" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("Tiny amps", "Other"))
    assert "was changed after this screen was submitted" in run_next(workspace, "worker").error
    assert not workspace.screen_folder(job.id).exists()
