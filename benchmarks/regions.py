"""Functional regions of a whole job through the command: 10,000 pairs of 20 segments over 3,000 proteins.

Prints one table and, with --json, writes the same figures. Lengths follow the human proteins of the gold
standard; regions are random, as many per protein and as long as UniProt's; importances are random.

    .venv/bin/python benchmarks/regions.py [--pairs 10000] [--proteins 3000] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from esm2amp_core import exports
from esm2amp_core.annotations.region import UNIPROT_TYPES
from esm2amp_core.explanation_files import TOKEN_COLUMNS
from esm2amp_core.features import N_SEGMENTS, segment_bounds

REGIONS_PER_PROTEIN = 7.5  # 11,697 regions of 1,549 proteins


def write_job(folder: Path, n_pairs: int, n_proteins: int, seed: int) -> None:
    """Importances and annotations of a random job, as files."""
    random = np.random.default_rng(seed)
    lengths = np.clip(random.lognormal(6.15, 0.7, n_proteins).astype(int), 50, 2_700)
    names = np.array([f"P{i:05}" for i in range(n_proteins)], object)
    bounds = np.array([segment_bounds(int(length)) for length in lengths])
    both = random.integers(0, n_proteins, (n_pairs, 2))
    pair, place = np.divmod(np.arange(n_pairs * 2 * N_SEGMENTS), 2 * N_SEGMENTS)
    side, segment = np.divmod(place, N_SEGMENTS)
    protein = both[pair, side]
    magnitude = random.random(len(pair))
    columns = (pair + 1, names[both[pair, 0]], names[both[pair, 1]],
               np.array([f"{s}.segment{i}" for s in "AB" for i in range(N_SEGMENTS)], object)[place],
               names[protein], bounds[protein, segment] + 1, bounds[protein, segment + 1],
               magnitude * random.choice([-1, 1], len(pair)), magnitude)
    frame = pd.DataFrame(dict(zip(TOKEN_COLUMNS, columns, strict=True)))
    (folder / "importances.csv").write_bytes(exports.delimited(frame))
    owner = np.repeat(np.arange(n_proteins), random.poisson(REGIONS_PER_PROTEIN, n_proteins))
    start = random.integers(1, lengths[owner] + 1)
    end = np.minimum(start + random.lognormal(3.7, 1, len(owner)).astype(int), lengths[owner])
    regions = pd.DataFrame({"protein": names[owner], "length": lengths[owner],
                            "type": random.choice(UNIPROT_TYPES, len(owner)), "start": start, "end": end})
    regions.to_csv(folder / "regions.tsv", sep="\t", index=False)
    labels = pd.DataFrame({"protein_a": names[both[:, 0]], "protein_b": names[both[:, 1]]})
    labels["label"] = both.sum(axis=1) % 2  # one label per pair, in either order
    labels.to_csv(folder / "labels.csv", index=False)


def main() -> None:
    """Run the command and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--proteins", type=int, default=3_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_job(folder, options.pairs, options.proteins, seed=1)
        begun = time.monotonic()
        command = [sys.executable, "-m", "esm2amp_core", "regions", folder / "importances.csv",
                   "--annotations", folder / "regions.tsv", "--labels", folder / "labels.csv",
                   "-o", folder / "out"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begun
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        written = sum(path.stat().st_size for path in (folder / "out").iterdir())
    figures = {
        "pairs": options.pairs, "proteins": options.proteins, "seconds": round(seconds, 1),
        "processor_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_memory_mb": round(used.ru_maxrss / 1024), "written_mb": round(written / 1e6, 1),
    }  # fmt: skip
    for title, value in figures.items():
        print(f"{title.replace('_', ' '):20} {value:10,}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
