"""What pages show: a model small enough to make in a moment, and a finished job."""

from pathlib import Path

import torch
from job_samples import pairs_of, scored
from tiny import make_encoder

from esm2amp_core.bundles import EncoderRef, Manifest
from esm2amp_core.models.amp import Amps
from esm2amp_core.models.bundle import save_bundle
from esm2amp_core.workspace import Workspace

WIDTH = 16


def make_starter(models: Path, encoder: Path) -> Path:
    """Save a bundle called ``starter`` with random weights in the folder `models`."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        classifier = Amps(width=WIDTH, layers=1, heads=2, feedforward=32, hidden1=16, hidden2=8).eval()
    manifest = Manifest(
        name="starter",
        title="Starter",
        summary="A tiny model with random weights.",
        architecture="amps",
        sizes=classifier.sizes,
        feature_set="segments",
        encoder=EncoderRef(id="tiny", width=WIDTH),
        metrics={
            "test": {"auroc": 0.6125, "n_pairs": 52048},
            "for_comparison_on_test": {"a coin": {"auroc": 0.5}},
        },
        limitations=("Knows nothing: <b>random</b> weights.",),
        licence="CC0",
        citation="Nobody 2026",
    )
    save_bundle(
        models / "starter",
        manifest,
        classifier,
        encoder_folder=make_encoder(encoder, width=WIDTH),
        selfcheck={"tolerance": 1e-3, "cases": []},
    )
    return models


def finished_job(
    workspace: Workspace, n_rows: int = 6, title: str = "A job", columns: dict | None = None, **changes
) -> str:
    """A job whose rows were scored, without a model; `changes` of the outcome, `columns` beside it."""
    pairs = pairs_of(n_rows, **(columns or {"label": "1"}))
    job = workspace.submit_prediction(pairs, bundle="starter", title=title)
    workspace.jobs.claim("test")
    outcome = scored(workspace.inputs(job.id).frame).assign(**changes)
    workspace.jobs.save_predictions(job.id, outcome, worker="test")
    workspace.jobs.finish(job.id, worker="test")
    return job.id
