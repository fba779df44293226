"""Jobs that screen proteins, and such a job once more."""

from __future__ import annotations

import hashlib
from pathlib import Path

from esm2amp_core.bundles import locate_bundle
from esm2amp_core.errors import JobError
from esm2amp_core.jobs import UNDER_WAY, Job, JobState
from esm2amp_core.kinds import SCREEN, ScreenParams
from esm2amp_core.screen_options import ScreenOptions, count_background
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.settings import Settings
from esm2amp_core.store.job_folders import BAITS, LIBRARY
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.submissions.regions import safe_name
from esm2amp_core.submissions.scoring import next_title, which_model
from esm2amp_core.submissions.submission import Submission


def screen(
    settings: Settings, library: bytes, bait: bytes, *, library_name: str, bait_name: str, with_self: bool,
    top: int, top_partners: int, bundle: str, title: str, device: str, precision: str,
    same_in: tuple[JobState, ...] = (*UNDER_WAY, JobState.DONE),
) -> Submission:  # fmt: skip
    """As `Workspace.submit_screen`."""
    options = ScreenOptions(with_self=with_self, top=top, top_partners=top_partners)
    proteins = read_screen((library_name, library), (bait_name, bait) if bait else None,
                           max_residues=settings.max_residues, max_file_mb=settings.max_file_mb)
    plan = proteins.plan(options.block_pairs, with_self=with_self)
    if not plan.n_pairs:
        raise JobError("There are no pairs to score.", hint="Two different proteins are needed.",
                       details=proteins.reasons)
    model = which_model(settings, bundle, device, precision)
    n_there = count_background(locate_bundle(model["bundle"], settings.bundle_folders))
    params = ScreenParams(
        library=safe_name(library_name, default="library"),
        library_sha256=hashlib.sha256(library).hexdigest(),
        bait=safe_name(bait_name, default="bait") if bait else "",
        bait_sha256=hashlib.sha256(bait).hexdigest() if bait else "",
        n_pairs=plan.n_pairs, n_reference_pairs=plan.n_reference_pairs(options.n_reference(n_there)),
        n_residues=proteins.n_residues, with_self=with_self, top=top, top_partners=top_partners, **model,
    )  # fmt: skip
    files = {f"{LIBRARY}/{params.library}": library}
    if bait:
        files[f"{BAITS}/{params.bait}"] = bait
    return Submission(kind=SCREEN, params=params, files=files, same_in=same_in,
                      title=title or f"Screen of {bait_name or library_name}")


def screen_again(
    settings: Settings, jobs: JobStore, job: Job, library: Path, bait: Path | None
) -> Submission:
    """As `Workspace.rerun`, for a job of this kind and the files that lie with it.

    What it scored until it was stopped is found by the worker: the new job asks for the same.
    """
    params = ScreenParams.from_json(job.params)
    try:
        files = library.read_bytes(), bait.read_bytes() if bait else b""
    except OSError:
        raise JobError(f"The proteins of {job.title!r} were removed.", hint="Give them again.") from None
    # Who asks for a finished screen once more wants it anew; a stopped one may have been finished since.
    same_in = UNDER_WAY if job.state == JobState.DONE else (*UNDER_WAY, JobState.DONE)
    return screen(
        settings, *files, library_name=params.library, bait_name=params.bait, with_self=params.with_self,
        top=params.top, top_partners=params.top_partners, bundle=params.bundle, device=params.device,
        precision=params.precision, title=next_title(jobs, job), same_in=same_in,
    )  # fmt: skip
