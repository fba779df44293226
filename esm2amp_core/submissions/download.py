"""Jobs that install published models."""

from __future__ import annotations

from esm2amp_core.jobs import UNDER_WAY
from esm2amp_core.kinds import DOWNLOAD, DownloadParams
from esm2amp_core.submissions.submission import Submission


def download(architecture: str) -> Submission:
    """As `Workspace.submit_download`. One that is done does not count: its model may be gone since."""
    return Submission(kind=DOWNLOAD, params=DownloadParams(architecture=architecture),
                      title=f"Install the published model {architecture}", same_in=UNDER_WAY)
