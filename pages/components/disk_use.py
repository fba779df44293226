"""How much disk the history takes, and where its limit lies."""

from __future__ import annotations

import streamlit as st

from esm2amp_core.workspace import Workspace

MB = 1_000_000


def show_disk_use(workspace: Workspace) -> None:
    """One line, and how to change the limits."""
    use = workspace.disk_use()
    st.caption(
        f"Disk: jobs take {_megabytes(use.jobs)} of at most {_megabytes(use.max_jobs)}, kept protein "
        f"features {_megabytes(use.features)} of at most {_megabytes(use.max_features)}; "
        f"{_megabytes(use.free)} are free.",
        help="When the limit is reached, input and scores of the jobs that finished first are removed; they "
        "stay in the list. Features make a protein's second run fast. Whoever installed esm2amp sets the "
        "limits with ESM2AMP_MAX_JOB_MB and ESM2AMP_MAX_FEATURE_MB.",
    )


def _megabytes(n_bytes: int) -> str:
    """Size in MB, or GB from a thousand of them."""
    if n_bytes >= 1000 * MB:
        return f"{n_bytes / (1000 * MB):,.1f} GB"
    if n_bytes < MB / 10:
        return "less than 0.1 MB"
    return f"{n_bytes / MB:,.1f} MB" if n_bytes < 10 * MB else f"{n_bytes / MB:,.0f} MB"
