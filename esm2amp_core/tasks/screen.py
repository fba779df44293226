"""The job "screen": files of proteins to the folder of their screen, from where earlier work stopped."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

from esm2amp_core.bundles import bundle_digest
from esm2amp_core.errors import BundleError, JobError
from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import ScreenParams
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.screening.parts import OtherScreenError
from esm2amp_core.screening.running import run_screen
from esm2amp_core.tasks.predict import predictor_of
from esm2amp_core.tasks.running import Work

SMALLEST_BLOCK = 10_000
"""Pairs: a slow model scores them in seconds, and with smaller blocks a fast one is slower."""
STOPPED = (JobState.CANCELLED, JobState.FAILED)
KEPT = "{:,} of {:,} pairs were scored by an earlier job that was stopped; they are kept."
ANEW = ("What was scored before does not fit this version of the program, its libraries or this machine: all "
        "pairs are scored anew.")  # fmt: skip


def run(work: Work) -> None:
    """Score every pair of the files that lie with the job, but for those that it or an equal one has scored.

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
                          hint="Run it again.")
    library, bait = workspace.folders.screened_files(job.id)
    settings, folder = workspace.settings, workspace.folders.screen(job.id)
    proteins = read_screen(library, bait, max_residues=settings.max_residues,
                           max_file_mb=settings.max_file_mb)
    if not folder.exists():
        _take_over(work)
    work.report("Loading the model", 0, 1)
    predictor = predictor_of(work)
    options = ScreenOptions(with_self=params.with_self, top=params.top, top_partners=params.top_partners,
                            block_pairs=_block_pairs(params.n_pairs))
    try:
        run_screen(predictor, proteins, folder, options=options, report=work.report)
    except OtherScreenError:
        # A person would name another folder; a job has but this one.
        workspace.jobs.note(job.id, replace(params, n_kept_pairs=0).to_json(), message=ANEW,
                            worker=work.worker)
        shutil.rmtree(folder)
        run_screen(predictor, proteins, folder, options=options, report=work.report)


def _block_pairs(n_pairs: int) -> int:
    """Size of a block: whoever stops a job loses at most a twentieth of it, or some seconds."""
    return min(max(n_pairs // 20, SMALLEST_BLOCK), ScreenOptions.block_pairs)


def _take_over(work: Work) -> None:
    """Take the folder of the newest equal job that was stopped and had scored some pairs."""
    workspace, job, params = work.workspace, work.job, work.params
    for earlier in workspace.jobs.equal_to(job, STOPPED):
        left = workspace.folders.screen(earlier.id)
        try:
            n_kept = ScreenFolder(left).n_scored
        except JobError:  # there is none, or nothing in it that can be read
            continue
        if n_kept:
            os.replace(left, workspace.folders.screen(job.id))
            workspace.jobs.count_files(earlier.id)
            workspace.jobs.note(job.id, replace(params, n_kept_pairs=n_kept).to_json(),
                                message=KEPT.format(n_kept, params.n_pairs), worker=work.worker)
            return
