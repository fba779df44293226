"""The job "screen": the same files as the command, from where a worker stopped."""

import hashlib

import numpy as np
import pytest
from screen_samples import contents, sequences
from tiny import make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.background import Background
from esm2amp_core.bundles import BACKGROUND
from esm2amp_core.errors import BundleError, JobError, SequenceError, UserError
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.jobs import JobState
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Cancelled
from esm2amp_core.screen_files import MANIFEST, VIEW_EDGES, ScreenFolder
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.screening import engines
from esm2amp_core.screening.reference import REFERENCE
from esm2amp_core.screening.running import run_screen
from esm2amp_core.settings import Settings
from esm2amp_core.submissions.regions import safe_name
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
    made = run_screen(predictor, proteins, tmp_path / "s", options=ScreenOptions(top=5, block_pairs=10_000))
    assert contents(workspace.folders.screen(job.id)) == contents(made.folder)
    assert workspace.submit_screen(LIBRARY, BAIT, library_name="my library.fa", bait_name="mine.fa",
                                   top=5).id == job.id  # the same question has been answered


def test_as_many_best_pairs_are_kept_as_the_network_can_show(workspace):
    assert workspace.submit_screen(LIBRARY).params["top"] == ScreenOptions().top == VIEW_EDGES


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
    assert ScreenFolder(workspace.folders.screen(job.id)).summary["n_pairs"] == 300


@pytest.fixture
def in_blocks(monkeypatch):
    """Jobs of 300 pairs have blocks of 60."""
    monkeypatch.setattr(task, "SMALLEST_BLOCK", 60)


def stop_after(workspace, n_pairs, how, monkeypatch):
    """Do the next job until so many pairs are scored, and end it."""
    report = Work.report

    def until(work, stage, done, total):
        report(work, stage, done, total)
        if stage == "Scoring pairs" and done >= n_pairs:
            how(work)

    with monkeypatch.context() as patched:
        patched.setattr(Work, "report", until)
        patched.setattr("esm2amp_core.tasks.running.REPORT_SECONDS", 0)
        return run_next(workspace, "first")


def cancel(work):
    work.workspace.jobs.cancel(work.job.id)
    raise Cancelled


def fail(work):
    raise UserError("Memory is short.")


@pytest.mark.parametrize(("n_pairs", "size"), [(100, 10_000), (1_000_000, 50_000), (10**8, 100_000)])
def test_a_job_has_some_blocks_to_keep_and_none_is_too_small_or_too_large(n_pairs, size):
    assert task._block_pairs(n_pairs) == size


@pytest.mark.parametrize("how", [cancel, fail])
def test_a_stopped_screen_that_is_run_again_goes_on_from_its_blocks(workspace, in_blocks, monkeypatch, how):
    whole = contents(workspace.folders.screen(_done(workspace, workspace.submit_screen(LIBRARY)).id))
    workspace.jobs.delete(workspace.jobs.list()[0].id)
    job = workspace.submit_screen(LIBRARY, library_name="my  library (2).fasta", title="Mine")
    before = workspace.disk_use().jobs
    assert stop_after(workspace, 100, how, monkeypatch).state.is_finished
    n_kept = workspace.kept_pairs(job.id)
    assert 0 < n_kept < 300
    assert workspace.scored(workspace.jobs.get(job.id)) == (n_kept, 300)
    parts = sum(len(data) for data in contents(workspace.folders.screen(job.id)).values())
    assert workspace.disk_use().jobs == before + parts  # what it left takes disk, and is counted
    never_begun = workspace.rerun(job.id)
    workspace.jobs.cancel(never_begun.id)
    again = workspace.rerun(never_begun.id)
    assert (again.title, workspace.rerun(job.id).id) == ("Mine (run 3)", again.id)  # asked twice, one job
    scored = []
    score = engines.score_block
    monkeypatch.setattr(engines, "score_block", lambda bundle, block, *rest, **options: scored.append(
        len(block)) or score(bundle, block, *rest, **options))  # fmt: skip
    done = _done(workspace, again)
    assert workspace.scored(done) == (300, 300)
    assert workspace.scored(workspace.jobs.get(job.id)) == (0, 300)  # the other job has them now
    assert sum(scored) == 300 - n_kept == 300 - done.params["n_kept_pairs"]
    assert f"{n_kept} of 300 pairs were scored by an earlier job" in done.message
    assert contents(workspace.folders.screen(again.id)) == whole
    assert workspace.kept_pairs(job.id) == 0 and not workspace.folders.screen(job.id).exists()
    assert workspace.went_on(job).id == again.id and workspace.went_on(again) is None
    assert workspace.rerun(job.id).id == again.id  # finished meanwhile
    assert workspace.rerun(again.id).id != again.id  # who asks for a finished one wants it anew


def test_blocks_of_another_version_are_scored_anew(workspace, in_blocks, monkeypatch):
    job = workspace.submit_screen(LIBRARY)
    stop_after(workspace, 100, cancel, monkeypatch)
    manifest = workspace.folders.screen(job.id) / MANIFEST
    manifest.write_text(manifest.read_text().replace('"torch": "', '"torch": "0.'))
    done = _done(workspace, workspace.rerun(job.id))
    assert "scored anew" in done.message and done.params["n_kept_pairs"] == 0
    assert ScreenFolder(workspace.folders.screen(done.id)).summary["n_pairs"] == 300


def test_blocks_of_a_model_that_was_changed_are_not_kept(workspace, in_blocks, monkeypatch, tmp_path):
    job = workspace.submit_screen(LIBRARY)
    stop_after(workspace, 100, cancel, monkeypatch)
    manifest = tmp_path / "models" / "starter" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("Tiny amps", "Other"))
    assert workspace.kept_pairs(job.id) == 0
    done = _done(workspace, workspace.rerun(job.id))
    assert (done.message, done.params["n_kept_pairs"]) == ("", 0)


def _done(workspace, job):
    done = run_next(workspace, "worker")
    assert (done.id, done.state) == (job.id, JobState.DONE), done.error
    return done


def test_what_a_screen_takes_is_counted_when_it_is_asked_for(workspace, tmp_path):
    job = workspace.submit_screen(LIBRARY, BAIT)
    assert job.params["n_reference_pairs"] == 0  # the model brings no reference proteins
    tokens = FEATURE_SETS["segments"].tokens
    values = np.random.default_rng(1).normal(0, 1, (30, len(tokens), WIDTH))
    make_bundle(tmp_path / "models" / "known", tmp_path / "encoder",
                extras={BACKGROUND: Background.of(tokens, values).to_bytes()})
    known = workspace.submit_screen(LIBRARY, BAIT, bundle="known")
    params = known.params
    # Each library protein has one partner and is judged by 30 others; the bait has 25.
    assert (params["n_pairs"], params["n_reference_pairs"]) == (25, 25 * 30)
    assert params["n_residues"] == sum(map(len, sequences(25).values())) + 16
    run_next(workspace, "worker"), run_next(workspace, "worker")
    parts = ScreenFolder(workspace.folders.screen(known.id) / REFERENCE).parts()
    assert sum(len(part) for part in parts) == params["n_reference_pairs"]


@pytest.mark.parametrize("name", ["my  library (2).fasta", "_.x", ".fasta", "a.é", "_é" * 40 + ".fa.gz", ""])
def test_a_safe_name_stays_as_it_is(name):
    assert safe_name(safe_name(name)) == safe_name(name)


def test_what_cannot_be_screened_is_refused_before_it_is_queued(workspace):
    with pytest.raises(SequenceError, match="holds no usable protein"):
        workspace.submit_screen(b">a\nMKT\n", library_name="short.fa")
    with pytest.raises(JobError, match="no pairs"):
        workspace.submit_screen(BAIT)
    with pytest.raises(UserError, match="top is 0. Choose 1 to"):
        workspace.submit_screen(LIBRARY, top=0)
    with pytest.raises(BundleError):
        workspace.submit_screen(LIBRARY, bundle="ghost")
    assert workspace.jobs.list() == []


def test_a_model_that_changed_meanwhile_is_told(workspace, tmp_path):
    job = workspace.submit_screen(LIBRARY)
    manifest = tmp_path / "models" / "starter" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("Tiny amps", "Other"))
    assert "was changed after this screen was submitted" in run_next(workspace, "worker").error
    assert not workspace.folders.screen(job.id).exists()
