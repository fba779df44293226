"""The job "predict": pairs to predictions, from the row where an earlier worker stopped."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import version

from esm2amp_core import __version__
from esm2amp_core.bundles import bundle_digest
from esm2amp_core.errors import BundleError
from esm2amp_core.kinds import PredictParams
from esm2amp_core.predictor import Predictor
from esm2amp_core.tasks.running import Work

CHANGED = "The model {!r} was changed after this job was submitted; the scores are of the changed model."

_loaded: dict[tuple, Predictor] = {}
"""The model of the last job in this process: jobs in a row load it once."""


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
    params: PredictParams = work.params
    pairs = workspace.inputs(job.id)
    done = workspace.jobs.rows_done(job.id)
    folder = workspace.bundle_folder(params.bundle)
    digest = bundle_digest(folder)
    if done and digest != params.bundle_digest:
        raise BundleError(
            f"The model {params.bundle!r} was changed when {len(done):,} rows were already scored.",
            hint="Run the job again to score all rows with the changed model.",
        )
    work.report("Loading the model", 0, 1)
    predictor = predictor_of(work)
    changed = digest != params.bundle_digest
    params = replace(params, bundle_digest=digest, used=_provenance(predictor))
    workspace.jobs.note(
        job.id, params.to_json(), message=CHANGED.format(params.bundle) if changed else "", worker=work.worker
    )
    for frame in predictor.batches(pairs, done=done, trust=True, report=work.report):
        if len(frame):  # none are left where the worker before died after the last row
            work.save(frame)


def predictor_of(work: Work) -> Predictor:
    """Load the model of a job, or take the one of the job before. The digest makes a changed one load again.

    Raises
    ------
    UserError
        If the model cannot be used.
    """
    params: PredictParams = work.params
    settings, folder = work.workspace.settings, work.workspace.bundle_folder(params.bundle)
    key = (folder, bundle_digest(folder), settings, params.device, params.precision)
    if key not in _loaded:
        _loaded.clear()  # first: two large models together may be more than the memory holds
        _loaded[key] = Predictor.load(folder, settings=settings, device=params.device,
                                      precision=params.precision)
    return _loaded[key]


def _provenance(predictor: Predictor) -> dict[str, str | float]:
    """What a score depends on, and what its model was called: the model may be another one later."""
    embedder, card = predictor.embedder, predictor.bundle.manifest
    return {
        "title": card.title,
        "threshold": card.threshold,
        "encoder": str(embedder.name),
        "encoder_revision": str(embedder.revision),
        **predictor.how_computed,
        "esm2amp": __version__,
        **{library: version(library) for library in ("torch", "transformers")},
    }
