"""A whole job through the worker: 10,000 pairs over 1,500 proteins with the installed default model.

Prints one table: time, memory of the worker, and how long a cancelled job goes on. Lengths follow
the human proteins of the gold standard (quartiles 289, 470, 764); sequences are random.

    .venv/bin/python benchmarks/job.py [--pairs 10000] [--proteins 1500]
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import pandas as pd

from esm2amp_core.jobs import JobState
from esm2amp_core.pairs import PairTable
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.workspace import Workspace

LETTERS = "L" * 10 + "AEGSV" * 7 + "IK" * 6 + "DPRT" * 5 + "FNQ" * 4 + "Y" * 3 + "HMHMCW"


def random_table(n_pairs: int, n_proteins: int, seed: int) -> PairTable:
    """Pairs of random proteins of realistic length and composition."""
    draw = random.Random(seed)
    lengths = [min(2_700, max(50, int(draw.lognormvariate(6.15, 0.7)))) for _ in range(n_proteins)]
    proteins = {
        f"P{i:05}": Protein(f"P{i:05}", "".join(draw.choices(LETTERS, k=length)))
        for i, length in enumerate(lengths)
    }
    names = list(proteins)
    frame = pd.DataFrame(
        {
            "row": range(1, n_pairs + 1),
            "protein_a": draw.choices(names, k=n_pairs),
            "protein_b": draw.choices(names, k=n_pairs),
        }
    )
    return PairTable(frame, proteins)


def peak_memory_mb(pid: int) -> float:
    """Peak resident memory of a process so far (Linux); 0 once it is gone."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    """Run the two jobs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--proteins", type=int, default=1_500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ESM2AMP_WORKSPACE"] = folder
        workspace = Workspace.open(Settings.from_environment())
        workspace.ensure_worker()
        whole = workspace.submit_prediction(random_table(options.pairs, options.proteins, seed=1))
        begun, peak = time.monotonic(), 0.0
        while not (job := workspace.jobs.get(whole.id)).state.is_finished:
            time.sleep(0.2)
            if holder := workspace.seat.holder():
                peak = max(peak, peak_memory_mb(holder.pid))
        seconds = time.monotonic() - begun
        print(f"{job.n_rows:,} pairs of {options.proteins:,} proteins: {job.state}, {job.n_errors} errors")
        print(f"time                                     {seconds:8.1f} s")
        print(f"peak memory of the worker                {peak:8.0f} MB")

        other = workspace.submit_prediction(random_table(options.pairs, options.proteins, seed=2))
        following = workspace.submit_prediction(random_table(1, 2, seed=3))
        while workspace.jobs.get(other.id).stage_done == 0:
            time.sleep(0.05)
        time.sleep(1)
        begun = time.monotonic()
        workspace.jobs.cancel(other.id)
        while workspace.jobs.get(following.id).state == JobState.QUEUED:
            time.sleep(0.02)
        print(f"cancelled to the worker's next job       {time.monotonic() - begun:8.1f} s")
        while not workspace.jobs.get(following.id).state.is_finished:
            time.sleep(0.1)
        os.kill(workspace.seat.holder().pid, signal.SIGTERM)  # it must not write to a folder that goes
        while workspace.seat.holder():
            time.sleep(0.1)


if __name__ == "__main__":
    main()
