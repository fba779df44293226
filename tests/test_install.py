"""The job "download", from the click to a model that predicts, on a local server in the net's place."""

import io
import threading

import numpy as np
import pytest
import torch
from download_server import COMMIT, DownloadServer
from job_samples import pairs_of
from tiny_bundle import make_classifier

from esm2amp_core.bundles import EncoderRef
from esm2amp_core.installing import PUBLISHED_ENCODER
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import DOWNLOAD
from esm2amp_core.settings import Settings
from esm2amp_core.tasks.worker import run_pending
from esm2amp_core.workspace import Workspace

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def server(tiny_encoder):
    """figshare with a checkpoint as its authors save it, the hub with a tiny model under the real name."""
    state = {f"module.{name}": tensor for name, tensor in make_classifier("amps").state_dict().items()}
    checkpoint = io.BytesIO()
    torch.save({"model_state_dict": state, "MCC": np.float64(0.5), "epoch": 3}, checkpoint)
    with DownloadServer() as running:
        running.contents["2.ESM2_AMPS.pth"] = checkpoint.getvalue()
        running.hub_id = PUBLISHED_ENCODER
        running.hub_files = {path.name: path.read_bytes() for path in tiny_encoder.iterdir()}
        serving = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        serving.start()
        yield running
        running.shutdown()


@pytest.fixture
def open_workspace(server, tmp_path, monkeypatch):
    """Opens a workspace that finds both on the server, or elsewhere, and no model of its own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))

    def open_workspace(**places):
        places = {"figshare_url": server.url, "hub_url": server.url} | places
        return Workspace.open(
            Settings(workspace=tmp_path / "workspace", models=tmp_path / "models", device="cpu", **places)
        )

    return open_workspace


def test_a_published_model_is_fetched_installed_and_predicts(open_workspace):
    workspace = open_workspace()
    assert "CC BY 4.0" in workspace.published_terms("amps")
    job = workspace.submit_download("amps")
    (done,) = run_pending(workspace)
    assert (done.id, done.kind, done.state, done.error) == (job.id, DOWNLOAD, JobState.DONE, "")
    assert done.message == "Published ESM2_AMP (amps) is installed."
    assert done.params == {"architecture": "amps"}

    (name, card), = workspace.bundles().items()
    assert card.encoder == EncoderRef(id=PUBLISHED_ENCODER, width=16, revision=COMMIT)
    assert card.licence.startswith("CC BY 4.0") and "2.ESM2_AMPS.pth" in card.training["source"]
    workspace.submit_prediction(pairs_of(3), bundle=name)
    (scored,) = run_pending(workspace)
    assert (scored.state, scored.n_done, scored.n_errors) == (JobState.DONE, 3, 0)
    assert workspace.results(scored.id).frame["probability"].between(0, 1).all()


def test_installing_twice_keeps_the_model_and_says_so(open_workspace, server):
    workspace = open_workspace()
    workspace.submit_download("amps")
    run_pending(workspace)
    files = {path: path.stat().st_mtime_ns for path in workspace.bundle_folder("esm2amp_amps").rglob("*")}
    server.requests.clear()
    workspace.submit_download("amps")
    (again,) = run_pending(workspace)
    assert (again.state, again.message) == (JobState.DONE, "Published ESM2_AMP (amps) was installed already.")
    assert {path: path.stat().st_mtime_ns for path in files} == files
    assert not [path for path, _ in server.requests if path.startswith("/storage/")]


@pytest.mark.parametrize("unreachable", ["figshare_url", "hub_url"])
def test_without_a_connection_the_job_fails_in_one_plain_sentence_and_may_be_tried_again(
    open_workspace, unreachable
):
    workspace = open_workspace(**{unreachable: NOWHERE})
    workspace.submit_download("amps")
    (failed,) = run_pending(workspace)
    assert failed.state == JobState.FAILED
    assert failed.error.startswith("No internet connection to ")
    assert "\n" not in failed.error and "incident" not in failed.error
    assert workspace.bundles() == workspace.broken_bundles() == {}

    workspace = open_workspace()
    workspace.submit_download("amps")
    (done,) = run_pending(workspace)
    assert done.state == JobState.DONE, done.error
