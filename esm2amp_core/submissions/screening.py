"""Jobs that screen proteins."""

from __future__ import annotations

import hashlib

from esm2amp_core.errors import JobError
from esm2amp_core.jobs import UNDER_WAY, JobState
from esm2amp_core.kinds import SCREEN, ScreenParams
from esm2amp_core.screen_proteins import read_screen
from esm2amp_core.settings import Settings
from esm2amp_core.store.artifacts import GIVEN
from esm2amp_core.submissions.regions import safe_name
from esm2amp_core.submissions.scoring import which_model
from esm2amp_core.submissions.submission import Submission

MOST_TOP, MOST_PARTNERS = 100_000, 1_000


def screen(
    settings: Settings, library: bytes, bait: bytes, *, library_name: str, bait_name: str, with_self: bool,
    top: int, top_partners: int, bundle: str, title: str, device: str, precision: str,
) -> Submission:  # fmt: skip
    """As `Workspace.submit_screen`."""
    if not 1 <= top <= MOST_TOP or not 1 <= top_partners <= MOST_PARTNERS:
        raise JobError(f"{top:,} best pairs and {top_partners:,} best partners cannot be listed.",
                       hint=f"Choose at most {MOST_TOP:,} and {MOST_PARTNERS:,}.")
    proteins = read_screen((library_name, library), (bait_name, bait) if bait else None,
                           max_residues=settings.max_residues, max_file_mb=settings.max_file_mb)
    n_pairs = proteins.plan(1, with_self=with_self).n_pairs
    if not n_pairs:
        raise JobError("There are no pairs to score.", hint="Two different proteins are needed.")
    params = ScreenParams(
        library=safe_name(library_name, default="library"),
        library_sha256=hashlib.sha256(library).hexdigest(),
        bait=safe_name(bait_name, default="bait") if bait else "",
        bait_sha256=hashlib.sha256(bait).hexdigest() if bait else "",
        n_pairs=n_pairs, with_self=with_self, top=top, top_partners=top_partners,
        **which_model(settings, bundle, device, precision),
    )  # fmt: skip
    files = {f"{GIVEN}/library/{params.library}": library}
    if bait:
        files[f"{GIVEN}/bait/{params.bait}"] = bait
    return Submission(kind=SCREEN, params=params, files=files, same_in=(*UNDER_WAY, JobState.DONE),
                      title=title or f"Screen of {bait_name or library_name}")
