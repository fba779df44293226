"""The job "predict": pairs to predictions, from the row where an earlier worker stopped."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from esm2amp_core.bundles import bundle_digest
from esm2amp_core.errors import BundleError
from esm2amp_core.predictor import Predictor
from esm2amp_core.settings import Settings
from esm2amp_core.tasks.kinds import PredictParams
from esm2amp_core.tasks.running import Work

CHANGED = "The model {!r} was changed after this job was submitted; the scores are of the changed model."


def run(work: Work) -> None:
    """Score the rows of a job that have no outcome yet.

    Raises
    ------
    UserError
        If the model cannot be used, or was changed when half of the rows were scored.
    Cancelled
        If the job is not wanted any more.
    """
    workspace, job = work.workspace, work.job
    params = PredictParams.from_json(job.params)
    pairs = workspace.inputs(job.id)
    done = workspace.jobs.rows_done(job.id)
    folder = workspace.bundle_folder(params.bundle)
    digest = bundle_digest(folder)
    if digest != params.bundle_digest:
        if done:
            raise BundleError(
                f"The model {params.bundle!r} was changed when {len(done):,} rows were already scored.",
                hint="Run the job again to score all rows with the changed model.",
            )
        params = replace(params, bundle_digest=digest)
        workspace.jobs.note(job.id, CHANGED.format(params.bundle), params.to_json(), worker=work.worker)
    work.report("Loading the model", 0, 1)
    predictor = _predictor(folder, digest, workspace.settings, params.device, params.precision)
    for frame in predictor.batches(pairs, done=done, report=work.report):
        work.save(frame)


@lru_cache(maxsize=1)
def _predictor(folder: Path, digest: str, settings: Settings, device: str, precision: str) -> Predictor:
    """Load a model, kept for the next job. The digest makes a changed one load again."""
    return Predictor.load(folder, settings=settings, device=device, precision=precision)
