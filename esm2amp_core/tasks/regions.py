"""The job "regions": a finished explanation and annotations to the folder of their analysis."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from esm2amp_core.annotations.reading import read_annotations
from esm2amp_core.annotations.region import Annotations
from esm2amp_core.downloads.uniprot import look_up
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.files.whole_folder import remove_remains
from esm2amp_core.kinds import RegionsParams
from esm2amp_core.regions.folder import write_analysis
from esm2amp_core.regions.importance import read_importances
from esm2amp_core.regions.labels import as_booleans
from esm2amp_core.regions.running import analyse
from esm2amp_core.tasks.running import Work


def run(work: Work) -> None:
    """Compare the important segments with regions: of the file that lies with the job, or of UniProt.

    Raises
    ------
    UserError
        If the explanation was removed meanwhile, or the annotations cannot be used.
    Cancelled
        If the job is not wanted any more.
    """
    workspace, job = work.workspace, work.job
    params: RegionsParams = work.params
    explained = ExplanationFolder(workspace.folders.explanation_of(job))
    work.report("Reading the explanation", 0, 1)
    important = read_importances(explained.folder / f"{params.method}.csv", k=params.k, share=params.share)
    rows = important.pairs["row"].astype("int64")
    interacts = explained.pairs.set_index("row")["interacts"].reindex(rows).reset_index(drop=True)
    analysis = analyse(
        important, _annotations(work, important.units.names), types=params.types,
        label=_labels(work, rows) if params.label else None, interacts=interacts.astype("boolean"),
        n_shufflings=params.n_shufflings, n_resamples=params.n_resamples, seed=params.seed,
        report=work.report,
    )  # fmt: skip
    target = workspace.folders.regions(job.id)
    remove_remains(target)  # of an attempt whose worker died
    write_analysis(analysis, target, {
        "explanation": {"job": params.source, "title": workspace.jobs.get(params.source).title},
        "method": params.method, "by": "magnitude", "k": params.k, "share": params.share,
        "label": params.label,
        "annotations": {"file": params.annotations, "sha256": params.annotations_sha256},
    })  # fmt: skip


def _annotations(work: Work, proteins: Sequence[str]) -> Annotations:
    params, settings = work.params, work.workspace.settings
    if params.lookup:
        return look_up(proteins, settings.uniprot_cache, uniprot_url=settings.uniprot_url, report=work.report)
    work.report("Reading the annotations", 0, 1)
    file = work.workspace.folders.annotations_file(work.job.id)
    return read_annotations(file, max_file_mb=settings.max_file_mb)


def _labels(work: Work, rows: pd.Series) -> pd.Series:
    """Labels of the analysed pairs; missing where the table has none."""
    label, source = work.params.label, work.params.source
    frame = work.workspace.inputs(source).frame
    values = as_booleans(frame[label], f"Column {label}")
    return values.set_axis(frame["row"]).reindex(rows).reset_index(drop=True)
