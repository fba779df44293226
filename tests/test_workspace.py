"""The workspace as pages, command line and notebooks use it, with a real (tiny) model."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from job_samples import SAMPLE, pairs_of, scored
from pandas.testing import assert_frame_equal

from esm2amp_core.bundles import EncoderRef, Manifest
from esm2amp_core.errors import BundleError, Issue, JobError
from esm2amp_core.jobs import LONGEST_TITLE, JobState
from esm2amp_core.kinds import PredictParams
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import RESULT_COLUMNS, TRUST_COLUMNS
from esm2amp_core.reference import TrainingReference
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace

PATIENCE = 120
ENDINGS = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with one real bundle, random weights, its encoder inside."""
    import torch
    from tiny import make_encoder

    from esm2amp_core.models.amp import Amps
    from esm2amp_core.models.bundle import save_bundle

    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(3)
    classifier = Amps(width=16, layers=1, heads=2, feedforward=32, hidden1=16, hidden2=8)
    manifest = Manifest(name="starter", title="Tiny", architecture="amps", sizes=classifier.sizes,
                        feature_set="segments", encoder=EncoderRef(id="tiny", width=16))  # fmt: skip
    encoder = make_encoder(tmp_path_factory.mktemp("encoder") / "tiny")
    selfcheck = {"tolerance": 1e-3, "cases": []}
    save_bundle(folder / "starter", manifest, classifier, encoder_folder=encoder, selfcheck=selfcheck)
    return folder


@pytest.fixture
def settings(models, tmp_path):
    return Settings(workspace=tmp_path / "workspace", models=models, worker_idle_seconds=1)


@pytest.fixture
def workspace(settings):
    return Workspace.open(settings)


def real_pairs(n_rows, n_proteins=40, **carried):
    """Pairs over proteins that differ."""
    table = pairs_of(n_rows, **carried)
    names = [f"Q{i:03d}" for i in range(n_proteins)]
    rows = table.frame["row"]
    frame = table.frame.assign(
        protein_a=[names[i % n_proteins] for i in rows], protein_b=[names[i * 7 % n_proteins] for i in rows]
    )
    proteins = {
        name: Protein(name, "MKTAYIAKQRQISFVKSHFSR" + ENDINGS[i % 20] * (i // 20 + 1))
        for i, name in enumerate(names)
    }
    return PairTable(frame, proteins)


# A job from end to end


def test_pairs_become_scores_in_order_with_their_own_columns(workspace):
    pairs = real_pairs(7, label=list("1010101"), note=["=x", "", "NA", "007", "🧬", "a\nb", " "])
    problem = Issue(3, "Q021", "The sequence is odd.", "Correct it.")
    pairs = replace(pairs, issues=(problem,))
    job = workspace.submit_prediction(pairs, title="Seven")
    (done,) = run_pending(workspace)
    assert (done.id, done.state, done.n_done, done.n_errors, done.error) == (job.id, JobState.DONE, 7, 1, "")
    table = workspace.results(job.id).frame
    assert list(table.columns) == [*RESULT_COLUMNS, "label", "note"]
    for name in ("row", "protein_a", "protein_b", "label", "note"):
        assert table[name].tolist() == pairs.frame[name].tolist()
    assert table["message"][2] == "The sequence is odd. Correct it."
    assert np.isnan(table["probability"][2]) and table["interacts"].isna().tolist().count(True) == 1
    good = table.drop(index=2)
    assert good["probability"].between(0, 1).all() and good["probability"].nunique() == 6


def test_results_say_how_near_the_proteins_are_to_the_training_data(tmp_path):
    from tiny import make_encoder
    from tiny_bundle import make_bundle

    pairs = real_pairs(5, seen_a=list("abcde"))  # a person's own column of that name is kept apart
    trained = TrainingReference.of(pairs.proteins[name] for name in ("Q001", "Q002"))
    extras = {"training_proteins.npz": trained.to_bytes()}
    make_bundle(tmp_path / "models" / "starter", make_encoder(tmp_path / "encoder"), extras=extras)
    workspace = Workspace.open(Settings(workspace=tmp_path / "workspace", models=tmp_path / "models"))
    job = workspace.submit_prediction(pairs)
    run_pending(workspace)
    result = workspace.results(job.id)
    assert tuple(result.frame.columns) == (*RESULT_COLUMNS, "seen_a (input)", *TRUST_COLUMNS)
    assert result.frame["trust_class"].tolist() == ["C2", "C2", "C3", "C3", "C3"]
    assert result.frame["nearest_a"][0] == "Q001" and bool(result.frame["seen_a"][0])
    assert result.frame["trust_note"].notna().all()


def test_a_job_that_is_run_again_says_which_run_it_is(workspace):
    first = workspace.submit_prediction(pairs_of(2), title="Kinases")
    workspace.submit_prediction(pairs_of(2), title="Kinases of yeast (run 7)")
    second = workspace.rerun(first.id)
    assert [job.title for job in (second, workspace.rerun(second.id), workspace.rerun(first.id))] == [
        "Kinases (run 2)", "Kinases (run 3)", "Kinases (run 4)"
    ]  # fmt: skip
    longest = workspace.submit_prediction(pairs_of(2), title="x" * LONGEST_TITLE)
    assert workspace.rerun(longest.id).title == "x" * (LONGEST_TITLE - 8) + " (run 2)"


def test_a_job_says_what_its_scores_were_made_with(workspace, models):
    from esm2amp_core.bundles import bundle_digest

    workspace.submit_prediction(real_pairs(3))
    (done,) = run_pending(workspace)
    params = PredictParams.from_json(done.params)
    assert params.bundle_digest == bundle_digest(models / "starter")
    assert (params.used["device"], params.used["precision"]) == ("cpu", "float32")
    assert (params.used["title"], params.used["threshold"]) == ("Tiny", 0.5)
    assert {"encoder", "encoder_revision", "torch", "transformers", "esm2amp"} < set(params.used)
    assert done.message == ""


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_prediction_killed_mid_way_equals_an_undisturbed_one(workspace):
    pairs = real_pairs(12_000)
    undisturbed = workspace.submit_prediction(pairs)
    run_pending(workspace)
    job = workspace.submit_prediction(pairs)
    for goal in (1, 5_000):
        workspace.ensure_worker()
        wait_until(lambda goal=goal: reached(workspace.jobs.get(job.id), goal))
        os.kill(workspace.seat.holder().pid, signal.SIGKILL)
        wait_until(lambda: workspace.seat.holder() is None)
        assert 0 < workspace.jobs.get(job.id).n_done < len(pairs)
    (done,) = run_pending(workspace)
    assert (done.state, done.n_done, done.attempts) == (JobState.DONE, len(pairs), 3)
    one, other = (workspace.results(job_id).frame for job_id in (undisturbed.id, job.id))
    assert_frame_equal(one, other, rtol=1e-6)


def reached(job, n_done):
    assert not job.state.is_finished, job
    return job.n_done >= n_done


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return result


def test_a_model_changed_after_submission_is_told(workspace, models, tmp_path):
    own = own_copy(workspace, models)
    job = workspace.submit_prediction(real_pairs(3))
    retitle(own, "Changed")
    (done,) = run_pending(workspace)
    assert done.state == JobState.DONE
    assert "'starter' was changed after this job was submitted" in done.message
    assert done.params["bundle_digest"] != job.params["bundle_digest"]


def test_scores_of_two_models_are_never_mixed_in_one_job(workspace, models):
    own = own_copy(workspace, models)
    job = workspace.submit_prediction(real_pairs(4))
    workspace.jobs.claim("dead")
    workspace.jobs.save_predictions(job.id, scored(workspace.inputs(job.id).frame.iloc[:2]), worker="dead")
    retitle(own, "Changed")
    (failed,) = run_pending(workspace)
    assert (failed.state, failed.n_done) == (JobState.FAILED, 2)
    assert "changed when 2 rows were already scored" in failed.error


def own_copy(workspace, models):
    """The bundle among a person's own models, where it counts first."""
    return shutil.copytree(models / "starter", workspace.settings.workspace / "models" / "starter")


def retitle(folder, title):
    from esm2amp_core.bundles import MANIFEST, read_manifest

    (folder / MANIFEST).write_text(replace(read_manifest(folder), title=title).to_json(), encoding="utf-8")


def test_a_model_that_is_gone_fails_its_job_in_words(workspace, models):
    own = own_copy(workspace, models)
    own = own.rename(own.with_name("other"))
    workspace.submit_prediction(real_pairs(3), bundle="other")
    shutil.rmtree(own)
    (failed,) = run_pending(workspace)
    assert failed.state == JobState.FAILED
    assert "There is no model 'other'" in failed.error and "starter" in failed.error


def test_a_job_from_a_newer_program_is_refused_in_words(workspace):
    workspace.jobs.submit("predict", {"bundle": "starter", "moon": "full"}, real_pairs(3))
    (failed,) = run_pending(workspace)
    assert "moon" in failed.error and "Update esm2amp" in failed.error


# Submit, run again, look


def test_a_job_can_be_run_again(workspace):
    pairs = real_pairs(4, label=list("1010"))
    first = workspace.submit_prediction(pairs, title="Mine", precision="float32")
    run_pending(workspace)
    second = workspace.rerun(first.id)
    run_pending(workspace)
    assert second.id != first.id
    assert (second.title, second.params["precision"], second.input_digest) == (
        "Mine (run 2)", "float32", first.input_digest,
    )  # fmt: skip
    assert_frame_equal(workspace.results(first.id).frame, workspace.results(second.id).frame)


def test_a_model_may_be_named_by_a_relative_folder(workspace, models, monkeypatch):
    monkeypatch.chdir(models.parent)
    job = workspace.submit_prediction(real_pairs(2), bundle=f"{models.name}/starter")
    monkeypatch.chdir("/")
    run_pending(workspace)
    assert workspace.jobs.get(job.id).state == JobState.DONE


def test_a_folder_in_the_current_one_is_no_installed_model(workspace, models, tmp_path, monkeypatch):
    shutil.copytree(models / "starter", tmp_path / "localmodel")
    monkeypatch.chdir(tmp_path)
    job = workspace.submit_prediction(real_pairs(2), bundle="localmodel")
    assert job.params["bundle"] == str(tmp_path / "localmodel")
    monkeypatch.chdir("/")
    (done,) = run_pending(workspace)
    assert done.state == JobState.DONE, done.error


def test_a_copied_model_is_known_by_its_folder(workspace, models):
    own_copy(workspace, models).rename(workspace.settings.workspace / "models" / "strict")
    assert {name: card.name for name, card in workspace.bundles().items()} == {
        "strict": "strict", "starter": "starter",
    }  # fmt: skip
    job = workspace.submit_prediction(real_pairs(2), bundle=workspace.bundles()["strict"].name)
    assert job.params["bundle"] == "strict"


def test_an_unknown_model_and_too_many_rows_are_refused_before_anything_is_kept(models, tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path, models=models, max_pairs=3))
    with pytest.raises(BundleError, match="no model 'nothing'.*starter"):
        workspace.submit_prediction(real_pairs(2), bundle="nothing")
    with pytest.raises(JobError, match="4 rows; at most 3"):
        workspace.submit_prediction(real_pairs(4))
    assert workspace.jobs.count() == 0
    assert not (tmp_path / "jobs").exists()


def test_results_of_a_running_job_hold_what_is_there(workspace):
    pairs = pairs_of(5, **{"label": list("abcde"), "": list("vwxyz")})
    job = workspace.jobs.submit(SAMPLE, {}, pairs)
    assert len(workspace.results(job.id)) == 0
    workspace.jobs.claim("w")
    workspace.jobs.save_predictions(job.id, scored(pairs.frame.iloc[[0, 1, 3]]), worker="w")
    table = workspace.results(job.id).frame
    assert table["row"].tolist() == [1, 2, 4]
    assert table["label"].tolist() == list("abd")
    assert table[""].tolist() == list("vwy")


def test_results_keep_the_input_order_also_where_rows_are_numbered_otherwise(workspace):
    pairs = pairs_of(5, label=list("abcde"))
    shuffled = PairTable(pairs.frame.assign(row=[3, 1, 5, 2, 4]), pairs.proteins)
    job = workspace.jobs.submit(SAMPLE, {}, shuffled)
    run_pending(workspace)
    table = workspace.results(job.id).frame
    assert table["row"].tolist() == [3, 1, 5, 2, 4]
    assert table["label"].tolist() == list("abcde")


def test_removed_results_are_told_and_cannot_be_run_again(models, tmp_path):
    workspace = Workspace.open(Settings(workspace=tmp_path, models=models, max_job_mb=0))
    old, new = (workspace.submit_prediction(real_pairs(3)) for _ in range(2))
    run_pending(workspace)
    workspace.tidy()
    for ask in (workspace.results, workspace.inputs, workspace.rerun):
        with pytest.raises(JobError, match="removed to save disk"):
            ask(old.id)
    assert len(workspace.results(new.id)) == 3


def test_disk_use_counts_jobs_and_features(workspace):
    before = workspace.disk_use()
    workspace.submit_prediction(real_pairs(50))
    run_pending(workspace)
    after = workspace.disk_use()
    assert before.jobs == before.features == 0
    assert after.jobs > 50 * 60
    assert after.features >= workspace.settings.feature_cache.stat().st_size > 0
    assert (after.max_jobs, after.max_features) == (4_000_000_000, 4_000_000_000)
    assert after.free > 0


# Models


def test_a_broken_model_hides_no_other(workspace, models):
    own_copy(workspace, models).rename(workspace.settings.workspace / "models" / "mine")
    for name, content in {"cut": b'{"name": ', "binary": b"\xff\xfe\0", "list": b"[1]", "empty": b""}.items():
        folder = workspace.settings.workspace / "models" / name
        folder.mkdir()
        (folder / "manifest.json").write_bytes(content)
    assert sorted(workspace.bundles()) == ["mine", "starter"]
    assert sorted(workspace.broken_bundles()) == ["binary", "cut", "empty", "list"]
    assert all(workspace.broken_bundles().values())


def test_a_persons_own_model_counts_before_one_of_the_same_name(workspace, models):
    retitle(own_copy(workspace, models), "My own")
    assert workspace.bundles()["starter"].title == "My own"


# Settings


def test_settings_reach_another_process_as_they_are(settings, monkeypatch):
    there = replace(settings, owner="ana", max_job_mb=7, workspace=settings.workspace.parent / "with space ü")
    for name, value in there.to_environment().items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment() == there


# Size and speed


def test_the_workspace_opens_without_torch_and_fast():
    code = (
        "import sys, time; import pandas, sqlalchemy, pyarrow.parquet; start = time.process_time()\n"
        "import esm2amp_core.workspace; seconds = time.process_time() - start\n"
        "heavy = {'torch', 'transformers', 'sklearn', 'streamlit'} & set(sys.modules)\n"
        "sys.exit(f'{heavy} {seconds}' if heavy or seconds > 1.0 else 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert (run.returncode, run.stderr) == (0, "")


def test_ten_thousand_jobs_are_listed_and_searched_quickly(workspace):
    job = workspace.jobs.submit(SAMPLE, {}, pairs_of(40), title="the one")
    with workspace.jobs.database.writing() as session:
        columns = [c["name"] for c in sa.inspect(session.connection()).get_columns("jobs")]
        others = ", ".join(name for name in columns if name not in ("id", "title", "search_text"))
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999)"
        session.execute(sa.text(
            f"INSERT INTO jobs (id, title, search_text, {others}) {numbers} "
            f"SELECT 'copy' || i, 'job ' || i, 'job ' || i || ' copy' || i, {others} FROM n, jobs"
        ))  # fmt: skip
        session.execute(sa.text(
            "INSERT INTO job_proteins (job_id, number, name, folded) "
            "SELECT jobs.id, number, name, folded || jobs.id FROM jobs, job_proteins "
            f"WHERE jobs.id <> '{job.id}'"
        ))  # fmt: skip
    started = time.process_time()
    assert workspace.jobs.count() == 10_000
    assert len(workspace.jobs.list(limit=50, offset=9_000)) == 50
    assert len(workspace.jobs.list(search="job 4321")) == 1
    assert len(workspace.jobs.list(search="p0001copy77", limit=1000)) == 111
    # All were submitted at the same moment: ids then decide.
    assert workspace.jobs.position("copy9999") == 9_999 + (job.id < "copy9999")
    assert len(workspace.jobs.list(states=[JobState.DONE])) == 0
    assert time.process_time() - started < 2


def test_a_hundred_thousand_rows_are_read_quickly(workspace):
    pairs = pairs_of(100_000, label="1")
    job = workspace.jobs.submit(SAMPLE, {}, pairs)
    workspace.jobs.claim("w")
    workspace.jobs.save_predictions(job.id, scored(pairs.frame), worker="w")
    started = time.process_time()
    table = workspace.results(job.id).frame
    assert time.process_time() - started < 3
    assert len(table) == 100_000
    pd.testing.assert_series_equal(table["protein_b"], pairs.frame["protein_b"].astype("str"))
