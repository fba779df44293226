"""Small inputs and a quick kind of job for the tests of store, worker and workspace.

``python tests/job_samples.py ...`` is the worker with that kind registered.
"""

import os
import signal
import sys
import threading
import time
import zlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core import kinds
from esm2amp_core.errors import UserError
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import RESULT_COLUMNS
from esm2amp_core.sequences import Protein

SAMPLE = "sample"


@dataclass(frozen=True, kw_only=True)
class SampleParams(kinds.Params):
    """How the quick kind behaves: `pause` per row in seconds, `deed` at row `at`."""

    pause: float = 0.0
    deed: str = ""
    at: int = 0


kinds.KINDS[SAMPLE] = kinds.Kind(run="job_samples:score", params=SampleParams, page="results")


def pairs_of(n_rows, *, prefix="P", **carried):
    """A table of `n_rows` pairs over about half as many proteins."""
    rows = np.arange(1, n_rows + 1)
    a = [f"{prefix}{i % (n_rows // 2 + 1):04d}" for i in rows]
    b = [f"{prefix}{(i + 1) * 7 % (n_rows // 2 + 1):04d}" for i in rows]
    frame = pd.DataFrame({"row": rows, "protein_a": a, "protein_b": b, **carried})
    return PairTable(frame, {name: Protein(name, "MKTAYIAKQRQISFVK") for name in {*a, *b}})


def scored(frame, **changes):
    """Outcomes that depend on the two names alone."""
    names = frame["protein_a"] + " " + frame["protein_b"]
    probability = np.array([zlib.crc32(name.encode()) / 2**32 for name in names])
    outcome = frame[["row", "protein_a", "protein_b"]].assign(
        probability=probability,
        logit=np.log(probability / (1 - probability)),
        interacts=pd.array(probability >= 0.5, dtype="boolean"),
        status="ok",
        message="",
    )
    return outcome.assign(**changes)[list(RESULT_COLUMNS)].reset_index(drop=True)


def run_through(jobs, pairs, *, title="", **changes):
    """Submit and score at once, as a worker would; the finished job."""
    job = jobs.submit(SAMPLE, {}, pairs, title=title)
    assert jobs.claim("w").id == job.id
    jobs.save_predictions(job.id, scored(pairs.frame, **changes), worker="w")
    jobs.finish(job.id, worker="w")
    return jobs.get(job.id)


def in_threads(function, n_threads):
    """Run at once; give back what was raised."""
    faults = []

    def run():
        try:
            function()
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


def score(work):
    """The quick kind."""
    params = work.params
    frame = work.workspace.inputs(work.job.id).frame
    frame = frame[~frame["row"].isin(work.workspace.jobs.rows_done(work.job.id))]
    for start in range(0, len(frame), 5):
        work.report("Scoring pairs", start, len(frame))
        batch = frame.iloc[start : start + 5]
        if params.at in set(batch["row"]):
            DEEDS[params.deed]()
        time.sleep(params.pause * len(batch))
        work.save(scored(batch))


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


def _refuse():
    raise UserError("The pair is odd.", hint="Even it out.")


def _break():
    raise ZeroDivisionError("secret detail")


def _interrupt():
    raise KeyboardInterrupt


DEEDS = {"die": _die, "refuse": _refuse, "break": _break, "interrupt": _interrupt}

if __name__ == "__main__":
    from esm2amp_core.tasks.worker import main

    sys.exit(main())
