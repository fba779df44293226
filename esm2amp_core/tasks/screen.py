"""The job "screen": files of proteins to the folder of their screen, from where an earlier worker stopped."""

from __future__ import annotations

from esm2amp_core.bundles import bundle_digest
from esm2amp_core.errors import BundleError
from esm2amp_core.kinds import ScreenParams
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.screening.running import ScreenOptions, run_screen
from esm2amp_core.tasks.predict import predictor_of
from esm2amp_core.tasks.running import Work


def run(work: Work) -> None:
    """Score every pair of the files that lie with the job.

    Raises
    ------
    UserError
        If the files cannot be used, or the model cannot or was changed.
    Cancelled
        If the job is not wanted any more.
    """
    workspace, job = work.workspace, work.job
    params: ScreenParams = work.params
    if bundle_digest(workspace.bundle_folder(params.bundle)) != params.bundle_digest:
        raise BundleError(f"The model {params.bundle!r} was changed after this screen was submitted.",
                          hint="Submit it again.")
    library, bait = workspace.screened_files(job.id)
    settings = workspace.settings
    proteins = read_screen(library, bait, max_residues=settings.max_residues,
                           max_file_mb=settings.max_file_mb)
    work.report("Loading the model", 0, 1)
    run_screen(
        predictor_of(work), proteins, workspace.screen_folder(job.id), report=work.report,
        options=ScreenOptions(with_self=params.with_self, top=params.top, top_partners=params.top_partners),
    )  # fmt: skip
    workspace.jobs.count_files(job.id, worker=work.worker)
