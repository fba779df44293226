"""Jobs that lay regions over an explanation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from pathlib import Path

from esm2amp_core.errors import JobError, quoted
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanations import METHODS
from esm2amp_core.jobs import UNDER_WAY, Job, JobState
from esm2amp_core.kinds import REGIONS, RegionsParams
from esm2amp_core.settings import Settings
from esm2amp_core.store.disk import MB
from esm2amp_core.store.job_folders import GIVEN
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.submissions.scoring import next_title
from esm2amp_core.submissions.submission import Submission


def regions(
    settings: Settings, jobs: JobStore, job_id: str, explained: Path, *, method: str, annotations: bytes,
    filename: str, lookup: bool, label: str, types: Collection[str], k: int,
) -> Submission:  # fmt: skip
    """As `Workspace.compare_regions`, for the explanation in the folder `explained`."""
    folder = ExplanationFolder(explained)
    if method not in folder.methods:
        raise JobError(f"The explanation has no method {quoted(method)}.",
                       hint=f"Choose one of {', '.join(folder.methods)}.")
    if label and label not in jobs.inputs(job_id).carried:
        raise JobError(f"The explained pairs have no column {quoted(label)}.",
                       hint="Name the column of the labels.")
    if bool(annotations) is lookup:
        raise JobError("One source of annotations is needed.",
                       hint="Choose a file that is not empty, or have UniProt asked.")
    if len(annotations) > settings.max_file_mb * MB:
        raise JobError(f"{filename} has {len(annotations) / MB:,.0f} MB; at most "
                       f"{settings.max_file_mb:,} MB are read.",
                       hint="Keep the proteins of the explanation, or raise ESM2AMP_MAX_FILE_MB.")
    if not 1 <= k <= 10:
        raise JobError(f"{k} top and low segments cannot be chosen.", hint="Choose 1 to 10.")
    name = "" if lookup else safe_name(filename)
    params = RegionsParams(
        source=job_id, method=method, annotations=name, lookup=lookup, label=label, types=list(types), k=k,
        annotations_sha256=hashlib.sha256(annotations).hexdigest() if annotations else "",
    )  # fmt: skip
    title = f"Regions: {jobs.get(job_id).title.removeprefix('Why: ')}, {METHODS[method].title}"
    return Submission(kind=REGIONS, params=params, title=title, same_in=(*UNDER_WAY, JobState.DONE),
                      files={f"{GIVEN}/{name}": annotations} if name else None)


def safe_name(filename: str, *, default: str = "annotations") -> str:
    """A person's file name as every system accepts it; such a name stays as it is."""
    stem, dot, suffix = filename.rpartition(".")
    name = re.sub(r"[^\w.-]+", "_", stem or suffix).strip("._-")[-60:].lstrip("._-") or default
    return f"{name}.{re.sub(r'[^A-Za-z0-9]', '', suffix)[:8]}" if stem and dot else name


def regions_again(jobs: JobStore, job: Job, given: Path) -> Submission:
    """As `Workspace.rerun`, for a job of this kind and the file of annotations that lies with it."""
    params = RegionsParams.from_json(job.params)
    try:
        files = {f"{GIVEN}/{params.annotations}": given.read_bytes()} if params.annotations else None
    except OSError:
        raise JobError(f"The annotations of {job.title!r} were removed.",
                       hint="Start it anew from its explanation.") from None
    return Submission(kind=REGIONS, params=params, title=next_title(jobs, job), files=files)
