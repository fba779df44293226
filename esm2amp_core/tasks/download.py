"""The job "download": a published model, from its official places to an installed bundle."""

from __future__ import annotations

from esm2amp_core.installing import download_model
from esm2amp_core.kinds import DownloadParams
from esm2amp_core.tasks.running import Work


def run(work: Work) -> None:
    """Fetch and install the model; what has arrived when the job is cancelled is not fetched again.

    Raises
    ------
    UserError
        If there is no connection, or what arrives is not what was asked for.
    Cancelled
        If the job is not wanted any more.
    """
    params: DownloadParams = work.params
    workspace = work.workspace
    there_before = workspace.bundles()
    manifest, folder = download_model(params.architecture, settings=workspace.settings, report=work.report)
    happened = "was installed already" if folder.name in there_before else "is installed"
    workspace.jobs.note(
        work.job.id, params.to_json(), message=f"{manifest.title} {happened}.", worker=work.worker
    )
