"""Jobs that explain scored pairs."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from esm2amp_core.errors import JobError
from esm2amp_core.explanations import METHODS, RESIDUES
from esm2amp_core.jobs import UNDER_WAY, JobState
from esm2amp_core.kinds import EXPLAIN, ExplainParams, kind_of
from esm2amp_core.pairs import PairTable
from esm2amp_core.settings import Settings
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.submissions.scoring import how_to_score, params_of
from esm2amp_core.submissions.submission import Submission

BY = re.compile(r", by [\w.-]+$")
"""What tells the explanations of one pair apart, at the end of their titles."""
SAME_IN = (*UNDER_WAY, JobState.DONE)


def explanation(
    settings: Settings, jobs: JobStore, job_id: str, rows: Collection[int], *, methods: Collection[str],
    bundle: str,
) -> Submission:  # fmt: skip
    """As `Workspace.explain`."""
    source = jobs.get(job_id)
    scored = params_of(source, refusal="has no pairs to explain.", hint="Choose scored pairs.")
    pairs = jobs.inputs(job_id)
    title = BY.sub("", source.title) if source.kind == EXPLAIN else f"Why: {source.title}"
    if rows:
        pairs = pairs.select(rows)
        if len(rows) == 1:
            title = _why(pairs)
    if bundle and bundle != scored.bundle:
        title = f"{title}, by {Path(bundle).name}"
    params = ExplainParams(
        methods=[method for method in METHODS if method in methods], source=job_id,
        **how_to_score(settings, pairs, bundle or scored.bundle, scored.device, scored.precision),
    )  # fmt: skip
    return Submission(kind=EXPLAIN, params=params, pairs=pairs, title=title, same_in=SAME_IN)


def by_residue(jobs: JobStore, job_id: str, row: int) -> Submission:
    """As `Workspace.explain_by_residue`."""
    job = jobs.get(job_id)
    params = kind_of(job.kind).params.from_json(job.params)
    if not isinstance(params, ExplainParams):
        raise JobError(f"Job {job.title!r} is no explanation.", hint="Explain the pair first.")
    pairs = jobs.inputs(job_id).select([row])
    asked = replace(params, methods=[RESIDUES], source=job_id, controls=False, used={})
    return Submission(kind=EXPLAIN, params=asked, pairs=pairs, title=f"{_why(pairs)}, by residue",
                      same_in=SAME_IN)


def _why(pairs: PairTable) -> str:
    """Title of a single pair's explanation."""
    return f"Why: {pairs.frame['protein_a'].iloc[0]} and {pairs.frame['protein_b'].iloc[0]}"
