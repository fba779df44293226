"""Jobs that score pairs: predictions, evaluations, and such a job once more."""

from __future__ import annotations

import re
from dataclasses import replace

from esm2amp_core.bundles import bundle_digest, find_bundles, locate_bundle, read_manifest
from esm2amp_core.errors import JobError, PairError, quoted
from esm2amp_core.jobs import LONGEST_TITLE, Job
from esm2amp_core.kinds import EVALUATE, PREDICT, EvaluateParams, PredictParams, kind_of
from esm2amp_core.labelled import parse_labels
from esm2amp_core.pairs import PairTable
from esm2amp_core.settings import Settings
from esm2amp_core.store.job_store import JobStore
from esm2amp_core.submissions.submission import Submission

RUN = re.compile(r" \(run (\d{1,6})\)$")


def prediction(
    settings: Settings, pairs: PairTable, *, bundle: str, title: str, device: str, precision: str, screen: str
) -> Submission:
    """As `Workspace.submit_prediction`."""
    params = PredictParams(screen=screen, **how_to_score(settings, pairs, bundle, device, precision))
    return Submission(kind=PREDICT, params=params, pairs=pairs, title=title)


def evaluation(
    settings: Settings, pairs: PairTable, *, label: str, bundle: str, title: str, device: str, precision: str
) -> Submission:
    """As `Workspace.submit_evaluation`."""
    if label not in pairs.carried:
        raise PairError(f"There is no column {quoted(label)}.", hint="Name the column of the labels.")
    parse_labels(pairs.frame[label])
    params = EvaluateParams(label=label, **how_to_score(settings, pairs, bundle, device, precision))
    return Submission(kind=EVALUATE, params=params, pairs=pairs, title=title)


def once_more(settings: Settings, jobs: JobStore, job_id: str) -> Submission:
    """As `Workspace.rerun`."""
    job = jobs.get(job_id)
    params = params_of(job, refusal="has no pairs to score again.", hint="Start it anew.")
    pairs = jobs.inputs(job_id)
    how = how_to_score(settings, pairs, params.bundle, params.device, params.precision)
    return Submission(kind=job.kind, params=replace(params, used={}, **how), pairs=pairs,
                      title=next_title(jobs, job))


def params_of(job: Job, *, refusal: str, hint: str) -> PredictParams:
    """Parameters of a job that scores pairs.

    Raises
    ------
    JobError
        If it is of another kind: the refusal, after its title.
    """
    params = kind_of(job.kind).params.from_json(job.params)
    if not isinstance(params, PredictParams):
        raise JobError(f"Job {job.title!r} {refusal}", hint=hint)
    return params


def how_to_score(
    settings: Settings, pairs: PairTable, bundle: str, device: str, precision: str
) -> dict[str, str]:
    """Parameters that every job has that scores pairs; where one is empty, the one in the settings.

    Raises
    ------
    BundleError
        If there is no such bundle.
    JobError
        If there are too many pairs.
    """
    most = settings.max_pairs
    if len(pairs) > most:
        raise JobError(f"The table has {len(pairs):,} rows; at most {most:,} are taken.",
                       hint="Split it, or raise ESM2AMP_MAX_PAIRS.")
    return which_model(settings, bundle, device, precision)


def which_model(settings: Settings, bundle: str, device: str, precision: str) -> dict[str, str]:
    """Parameters that tell a job its model and where it computes; as `how_to_score`.

    Raises
    ------
    BundleError
        If there is no such bundle.
    """
    name = bundle or settings.bundle
    folder = locate_bundle(name, settings.bundle_folders)
    read_manifest(folder)
    # The worker may stand in another folder than whoever names a path here.
    known = name in find_bundles(settings.bundle_folders)
    return {
        "bundle": name if known else str(folder.absolute()),
        "bundle_digest": bundle_digest(folder),
        "device": device or settings.device,
        "precision": precision or settings.precision,
    }


def next_title(jobs: JobStore, job: Job) -> str:
    """The title of a job that is run again: ``Kinases``, ``Kinases (run 2)``, ``Kinases (run 3)``..."""
    bare = RUN.sub("", job.title)
    alike = jobs.list(search=bare, kind=job.kind, limit=1000)
    found = (RUN.search(other.title) for other in alike if RUN.sub("", other.title) == bare)
    number = 1 + max((int(run.group(1)) for run in found if run), default=1)
    suffix = f" (run {number})"
    return bare[: LONGEST_TITLE - len(suffix)] + suffix
