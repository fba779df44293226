"""The job "explain": scored pairs to the folder of their explanations, which lies with the job."""

from __future__ import annotations

from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.running import explain_table
from esm2amp_core.files.whole_folder import remove_remains
from esm2amp_core.kinds import ExplainParams
from esm2amp_core.tasks import predict
from esm2amp_core.tasks.running import Work


def run(work: Work) -> None:
    """Score the pairs as they were scored before, then explain them.

    Raises
    ------
    UserError
        If the model cannot be used, or nothing can be explained.
    Cancelled
        If the job is not wanted any more.
    """
    predict.run(work)
    workspace, job = work.workspace, work.job
    params: ExplainParams = work.params
    target = workspace.folders.explanation(job.id)
    remove_remains(target)  # of an attempt whose worker died
    explain_table(
        predict.predictor_of(work), workspace.inputs(job.id), target, methods=params.methods,
        settings=ExplainSettings(seed=params.seed), controls=params.controls, title=job.title,
        report=work.report,
    )  # fmt: skip
