"""Screens of growing size with the installed default model: time and memory, from 10^3 pairs on.

Each size runs in a process of its own, with an empty cache, over random proteins as long as human ones: some
baits against twice as many library proteins, or with --all-vs-all all against each other, as many as have the
pairs asked for. Prints one table, stage by stage (``refer. s``: pairs with reference proteins, for proteins
that have fewer than 20 partners), and writes JSON.

    .venv/bin/python benchmarks/screen.py [--pairs 1000 10000 100000 1000000] [--all-vs-all] [-o screen.json]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

LETTERS = "L" * 10 + "AEGSV" * 7 + "IK" * 6 + "DPRT" * 5 + "FNQ" * 4 + "Y" * 3 + "HMHMCW"
LONGEST = 2_700


def write_fasta(path: Path, n: int, seed: int, most_residues: int, prefix: str = "P") -> None:
    """Write random proteins; their names begin with `prefix`."""
    draw = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for i in range(n):
            length = min(most_residues, max(50, int(draw.lognormvariate(6.15, 0.7))))
            file.write(f">{prefix}{i:06}\n{''.join(draw.choices(LETTERS, k=length))}\n")


def one_screen(folder: Path, n_pairs: int, bundle: str) -> dict[str, float]:
    """Run in a process of its own: figures of one screen, stage by stage."""
    import resource

    from esm2amp_core.embed.pooled import STAGE as embed_stage
    from esm2amp_core.predictor import Predictor
    from esm2amp_core.screen_proteins import read_screen
    from esm2amp_core.screening import outputs, running
    from esm2amp_core.screening.running import run_screen

    bait = folder / "bait.fasta"
    began, starts = time.monotonic(), {}

    def report(stage: str, done: int, total: int) -> None:
        starts.setdefault(stage, time.monotonic())

    proteins = read_screen(folder / "library.fasta", bait if bait.exists() else None)
    predictor = Predictor.load(bundle)
    loaded = time.monotonic()
    made = run_screen(predictor, proteins, folder / "screen", report=report)
    times = [*starts.values(), time.monotonic()]
    took = dict(zip(starts, (end - start for start, end in pairwise(times)), strict=True))
    size = sum(path.stat().st_size for path in (folder / "screen" / "parts").iterdir())
    return {
        "pairs": made.summary["n_pairs"], "proteins": made.summary["n_proteins"], "asked": n_pairs,
        "load_s": loaded - began, "embed_s": took[embed_stage], "score_s": took[running.STAGE],
        "reference_s": took.get(running.REFERENCE_STAGE, 0.0), "tables_s": took[outputs.STAGE],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "parts_mb": size / 1e6,
    }  # fmt: skip


def main() -> None:
    """Run every size and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--all-vs-all", action="store_true")
    parser.add_argument("--bundle", default="starter")
    parser.add_argument("--max-residues", type=int, default=LONGEST, help="shorter proteins embed faster")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one_screen(Path(options.one[0]), int(options.one[1]), options.bundle)))
        return
    rows = []
    print(f"{'pairs':>9} {'proteins':>8} {'embed s':>8} {'score s':>8} {'refer. s':>8} {'tables s':>8} "
          f"{'pairs/s':>8} {'peak MB':>8} {'parts MB':>8}")
    for n_pairs in options.pairs:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if options.all_vs_all:
                write_fasta(folder / "library.fasta", math.ceil((1 + math.sqrt(1 + 8 * n_pairs)) / 2), 1,
                            options.max_residues)
            else:
                n_baits = max(1, math.isqrt(n_pairs // 2))
                write_fasta(folder / "bait.fasta", n_baits, 2, options.max_residues, "B")
                write_fasta(folder / "library.fasta", math.ceil(n_pairs / n_baits), 3, options.max_residues)
            command = [sys.executable, __file__, "--one", name, str(n_pairs), "--bundle", options.bundle]
            run = subprocess.run(command, env=os.environ | {"ESM2AMP_WORKSPACE": f"{name}/w"},
                                 stdout=subprocess.PIPE, text=True, check=True)  # fmt: skip
            row = json.loads(run.stdout.splitlines()[-1])
        rows.append(row)
        print(f"{row['pairs']:>9,} {row['proteins']:>8,} {row['embed_s']:>8.1f} {row['score_s']:>8.1f} "
              f"{row['reference_s']:>8.1f} {row['tables_s']:>8.1f} "
              f"{row['pairs'] / max(row['score_s'], 1e-9):>8,.0f} {row['peak_mb']:>8,.0f} "
              f"{row['parts_mb']:>8.1f}", flush=True)
    if options.output:
        machine = {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()}
        options.output.write_text(json.dumps({"machine": machine, "screens": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
