"""The job "evaluate": labelled pairs to predictions, and these to a report that lies with the job."""

from __future__ import annotations

from esm2amp_core.bundles import TRAINING_PROTEINS, read_manifest
from esm2amp_core.evaluation.evaluating import Known, Settings, evaluate
from esm2amp_core.evaluation.files import write_report
from esm2amp_core.evaluation.numbered import LABEL
from esm2amp_core.files.whole_folder import remove_remains
from esm2amp_core.jobs import Job
from esm2amp_core.kinds import EvaluateParams
from esm2amp_core.labelled import parse_labels
from esm2amp_core.reference import TrainingReference
from esm2amp_core.tasks import predict
from esm2amp_core.tasks.running import Work


def run(work: Work) -> None:
    """Score the rows that have no outcome yet, then measure them all against their labels.

    Raises
    ------
    UserError
        If the model cannot be used, or the labels allow no figures.
    Cancelled
        If the job is not wanted any more.
    """
    predict.run(work)
    workspace, job = work.workspace, work.workspace.jobs.get(work.job.id)
    params = EvaluateParams.from_json(job.params)  # with what the scoring noted
    scores = workspace.results(job.id).frame
    scores = scores.drop(columns=params.label).assign(**{LABEL: parse_labels(scores[params.label])})
    folder = workspace.bundle_folder(params.bundle)
    reference = folder / TRAINING_PROTEINS
    evaluation = evaluate(
        scores,
        workspace.inputs(job.id).proteins,
        threshold=float(params.used["threshold"]),
        title=job.title,
        model=_about_model(params, read_manifest(folder).architecture),
        data=_about_input(job),
        known=Known(reference=TrainingReference.load(reference) if reference.is_file() else None),
        settings=Settings(n_resamples=params.n_resamples, seed=params.seed),
        report=work.report,
    )
    target = workspace.folders.report(job.id)
    remove_remains(target)  # of an attempt whose worker died
    write_report(evaluation, target)


def _about_model(params: EvaluateParams, architecture: str) -> dict[str, object]:
    used = {name: value for name, value in params.used.items() if name not in ("title", "threshold")}
    return {"name": params.bundle, "title": params.used["title"], "digest": params.bundle_digest,
            "architecture": architecture, **used}  # fmt: skip


def _about_input(job: Job) -> dict[str, object]:
    return {"job": job.id, "input_sha256": job.input_digest}
