"""A workspace with a history, for `app.py`: past jobs, one large result, one explained pair."""

from __future__ import annotations

import os
import random
import shutil
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from job import random_table
from sqlalchemy import insert

from esm2amp_core.bundles import bundle_digest
from esm2amp_core.jobs import Job, JobState
from esm2amp_core.kinds import PREDICT
from esm2amp_core.pairs import PairTable, read_pairs
from esm2amp_core.settings import REPOSITORY, Settings
from esm2amp_core.store.job_queue import now
from esm2amp_core.store.tables import JobProteinRow, JobRow, PredictionRow
from esm2amp_core.tasks.running import run_next
from esm2amp_core.workspace import Workspace

WORKER = "benchmark"
BUNDLE = "starter"
N_PAIRS = 3
"""Pairs of a past job; each names two proteins of its own."""
BATCH = 500
EXAMPLES, MODELS = REPOSITORY / "data" / "examples", REPOSITORY / "data" / "models"


def open_workspace(folder: Path) -> Workspace:
    """Open a workspace in a folder, with the models that come with the program."""
    os.environ |= {"ESM2AMP_WORKSPACE": str(folder), "ESM2AMP_MODELS": str(MODELS)}
    return Workspace.open(Settings.from_environment())


def add_large_job(workspace: Workspace, n_rows: int, n_proteins: int) -> Job:
    """A finished job of many rows, kept through the store's own calls; its scores are random."""
    jobs, table = workspace.jobs, random_table(n_rows, n_proteins, seed=5)
    job = workspace.submit_prediction(table, bundle=BUNDLE, title=f"{n_rows:,} pairs")
    if jobs.claim(WORKER) is None:
        raise RuntimeError("The job was taken by another worker.")
    jobs.note(job.id, {**job.params, "used": {"title": "starter", "threshold": 0.5}}, worker=WORKER)
    scores = random_scores(table)
    for start in range(0, n_rows, 10_000):
        jobs.save_predictions(job.id, scores.iloc[start : start + 10_000], worker=WORKER)
    jobs.finish(job.id, worker=WORKER)
    return jobs.get(job.id)


def random_scores(table: PairTable) -> pd.DataFrame:
    """Every row scored, with the nearest training proteins, as the starter's worker keeps it."""
    draw = np.random.default_rng(5)
    n = len(table)
    logit = draw.normal(-0.5, 1.5, n)
    probability = 1 / (1 + np.exp(-logit))
    near = pd.DataFrame(
        {
            "seen": pd.array(draw.random(len(table.proteins)) < 0.3, dtype="boolean"),
            "nearest": [f"Q{i:05}" for i in draw.integers(0, 4_000, len(table.proteins))],
            "similarity": draw.beta(1, 6, len(table.proteins)),
        },
        index=list(table.proteins),
    )
    near.loc[near["seen"], "similarity"] = 1.0
    sides = [near.loc[table.frame[name]].add_suffix(name[-2:]) for name in ("protein_a", "protein_b")]
    warned = draw.random(n) < 0.01
    scores = table.frame[["row", "protein_a", "protein_b"]].assign(
        probability=probability, logit=logit, interacts=pd.array(probability >= 0.5, dtype="boolean"),
        status=np.where(warned, "warning", "ok"),
        message=np.where(warned, "Protein A is shorter than 50 residues; few such were in the training.", ""),
    )  # fmt: skip
    return pd.concat([scores, *(side.reset_index(drop=True) for side in sides)], axis=1)


def add_explained_pair(workspace: Workspace) -> Job:
    """The first example pair, scored and explained by the worker's own code with the starter."""
    pairs = read_pairs(EXAMPLES / "pairs.csv", sequences=EXAMPLES / "proteins.fasta")
    scored = workspace.submit_prediction(pairs, bundle=BUNDLE, title="Example")
    run_next(workspace, WORKER)
    explained = workspace.explain(scored.id, rows=(1,))
    job = run_next(workspace, WORKER)
    if job is None or job.id != explained.id or job.state != JobState.DONE:
        raise RuntimeError(f"The explanation did not end well: {job and job.error}")
    return job


def add_past_jobs(workspace: Workspace, start: int, stop: int) -> None:
    """Jobs number `start` to `stop`, finished long ago, each with input files and scored rows."""
    sample = random_table(N_PAIRS, 2 * N_PAIRS, seed=6)
    artifacts = workspace.jobs.artifacts
    size = artifacts.write_inputs("sample", sample)
    digest = bundle_digest(workspace.bundle_folder(BUNDLE))
    draw, begun = random.Random(6), now() - timedelta(days=1)
    for first in range(start, stop, BATCH):
        ids = [f"past{number:08}" for number in range(first, min(first + BATCH, stop))]
        with workspace.jobs.database.writing() as session:
            session.execute(insert(JobRow), [
                _past_job(id, begun - timedelta(minutes=17 * (first + place)), digest, size)
                for place, id in enumerate(ids)
            ])  # fmt: skip
            session.execute(insert(JobProteinRow.__table__), [
                {"job_id": id, "number": number, "name": f"{id}P{number}", "folded": f"{id}p{number}"}
                for id in ids for number in range(2 * N_PAIRS)
            ])  # fmt: skip
            session.execute(insert(PredictionRow.__table__), [
                {"job_id": id, "row": row, "protein_a": f"{id}P{2 * row - 2}",
                 "protein_b": f"{id}P{2 * row - 1}", "probability": draw.random(), "logit": 0.0,
                 "interacts": False, "status": "ok", "message": ""}
                for id in ids for row in range(1, N_PAIRS + 1)
            ])  # fmt: skip
        for id in ids:
            shutil.copytree(artifacts.folder / "sample", artifacts.folder / id)
    shutil.rmtree(artifacts.folder / "sample")


def _past_job(id: str, created: object, digest: str, size: int) -> dict[str, object]:
    title = f"Bait {id[-4:]} against kinases"
    later = created + timedelta(seconds=20)
    return asdict(Job(id=id, kind=PREDICT, state=JobState.DONE, title=title, owner="local",
                      params={"bundle": BUNDLE, "bundle_digest": digest}, n_rows=N_PAIRS, n_done=N_PAIRS,
                      created=created, started=later, finished=later + timedelta(seconds=9))) | {
        "search_text": f"{title}\n{id}".casefold(), "input_bytes": size, "result_bytes": 300,
    }  # fmt: skip
