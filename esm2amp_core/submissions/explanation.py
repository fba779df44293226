"""Jobs that explain scored pairs."""

from __future__ import annotations

from collections.abc import Collection

from esm2amp_core.explanations import METHODS
from esm2amp_core.jobs import UNDER_WAY, JobState
from esm2amp_core.kinds import EXPLAIN, ExplainParams
from esm2amp_core.settings import Settings
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.submissions.scoring import how_to_score, params_of
from esm2amp_core.submissions.submission import Submission


def explanation(
    settings: Settings, jobs: JobStore, job_id: str, rows: Collection[int], *, methods: Collection[str],
    bundle: str,
) -> Submission:  # fmt: skip
    """As `Workspace.explain`."""
    source = jobs.get(job_id)
    scored = params_of(source, refusal="has no pairs to explain.", hint="Choose scored pairs.")
    pairs = jobs.inputs(job_id)
    title = source.title if source.kind == EXPLAIN else f"Why: {source.title}"
    if rows:
        pairs = pairs.select(rows)
        if len(rows) == 1:
            title = f"Why: {pairs.frame['protein_a'].iloc[0]} and {pairs.frame['protein_b'].iloc[0]}"
    params = ExplainParams(
        methods=[method for method in METHODS if method in methods], source=job_id,
        **how_to_score(settings, pairs, bundle or scored.bundle, scored.device, scored.precision),
    )  # fmt: skip
    return Submission(kind=EXPLAIN, params=params, pairs=pairs, title=title,
                      same_in=(*UNDER_WAY, JobState.DONE))
