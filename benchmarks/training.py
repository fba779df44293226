"""Training `amps`: this program against a plain PyTorch loop over the same features, in one run.

The plain loop is written as the method's authors wrote theirs: features and pairs as pandas tables, merged;
one dense (N, 20, D) tensor in a TensorDataset; a DataLoader with batches of 256; ``nn.TransformerEncoder``
in float32. Each trains in a process of its own, on the same random features and pairs. Time is that of the
steps alone (wall clock, and processor time, which other work on the machine hardly changes), after one step
to warm up; memory is the peak of the whole process with all N pairs. Prints a table and one line of JSON.

    .venv/bin/python benchmarks/training.py [--sizes small published] [--pairs 20000] [--steps 8]
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
from typing import Any

import numpy as np

SIZES = {
    # As the starter, and as the publication.
    "small": {"width": 256, "layers": 1, "heads": 8, "feedforward": 256, "hidden1": 128, "hidden2": 32},
    "published": {"width": 1280, "layers": 6, "heads": 8, "feedforward": 2048, "hidden1": 640,
                  "hidden2": 240},
}  # fmt: skip
PAIRS = {"small": 163_192, "published": 40_000}
"""Small: as many as the training part of Bernett et al. has. For as many, the plain loop at the published
size needs more than 40 GB."""
STEPS = {"small": 40, "published": 2}
N_PROTEINS, BATCH, RATE, DROPOUT, SEED = 4_286, 256, 1.2188e-4, 0.3, 0


def random_input(width: int, n_pairs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (P, 10, D), index (N, 2) and labels (N,) of a data set with Bernett's number of proteins."""
    random = np.random.default_rng(SEED)
    features = random.standard_normal((N_PROTEINS, 10, width), dtype=np.float32)
    return features, random.integers(0, N_PROTEINS, (n_pairs, 2)), random.integers(0, 2, n_pairs)


def train_here(folder: Path, size: str, steps: int) -> tuple[float, float]:
    """Some steps as `esm2amp train` takes them: seconds and processor seconds."""
    import torch

    from esm2amp_core.training.arithmetic import choose_arithmetic
    from esm2amp_core.training.data import LabelledPairs
    from esm2amp_core.training.fit import FitSettings, Run, cross_entropy
    from esm2amp_core.training.recipe import Recipe

    features, index, labels = load(folder)
    pairs = LabelledPairs(*map(torch.from_numpy, (features, index, labels.astype(np.float32))))
    sizes = {name: value for name, value in SIZES[size].items() if name != "width"}
    settings = FitSettings(rate=RATE, batch_pairs=BATCH, epochs=1, seed=SEED)
    classifier = Recipe(sizes=sizes, dropout=DROPOUT, settings=settings).build(SIZES[size]["width"])
    run = Run(classifier, settings, choose_arithmetic("auto", torch.device("cpu")))
    for part in (torch.arange(BATCH), torch.arange(BATCH, (steps + 1) * BATCH)):
        begun = time.perf_counter(), time.process_time()
        loss = run.read_all(pairs.select(part), cross_entropy)
    assert np.isfinite(loss)
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def train_plainly(folder: Path, size: str, steps: int) -> tuple[float, float]:
    """Some steps of the plain loop: seconds and processor seconds."""
    import pandas as pd
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    features, index, labels = load(folder)
    torch.manual_seed(SEED)
    of = SIZES[size]
    proteins = pd.DataFrame(features.reshape(len(features), -1))
    proteins["protein"] = [f"P{i}" for i in range(len(features))]
    pairs = pd.DataFrame({"a": [f"P{i}" for i in index[:, 0]], "b": [f"P{i}" for i in index[:, 1]],
                          "label": labels})
    merged = pairs.merge(proteins, left_on="a", right_on="protein").merge(
        proteins, left_on="b", right_on="protein", suffixes=("_a", "_b"))
    columns = [name for name in merged.columns if str(name).endswith(("_a", "_b")) and name[0].isdigit()]
    dense = torch.tensor(merged[columns].to_numpy(np.float32).reshape(len(merged), 20, of["width"]))
    data = TensorDataset(dense, torch.tensor(merged["label"].to_numpy(np.float32)))

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = nn.TransformerEncoderLayer(of["width"], of["heads"], of["feedforward"], DROPOUT,
                                               batch_first=True, norm_first=True)
            self.encoder = nn.TransformerEncoder(layer, of["layers"], enable_nested_tensor=False)
            self.head = nn.Sequential(nn.Linear(of["width"], of["hidden1"]), nn.ReLU(),
                                      nn.Linear(of["hidden1"], of["hidden2"]), nn.ReLU(),
                                      nn.Linear(of["hidden2"], 1))

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.head(self.encoder(tokens).mean(dim=1)).squeeze(-1)

    model = Plain()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE)
    criterion = nn.BCEWithLogitsLoss()
    model.train()
    for step, (tokens, label) in enumerate(DataLoader(data, batch_size=BATCH, shuffle=True)):
        if step == 1:  # the first one warms up
            begun = time.perf_counter(), time.process_time()
        elif step > steps:
            break
        optimiser.zero_grad()
        loss = criterion(model(tokens), label)
        loss.backward()
        optimiser.step()
    assert torch.isfinite(loss)
    return time.perf_counter() - begun[0], time.process_time() - begun[1]


def load(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `random_input` made."""
    return tuple(np.load(folder / f"{name}.npy") for name in ("features", "index", "labels"))


WAYS = {"plain loop": train_plainly, "esm2amp": train_here}


def measure(way: str, size: str, n_pairs: int, steps: int, folder: Path, threads: int) -> dict[str, Any]:
    """Run one way in a process of its own."""
    command = [sys.executable, __file__, "--run", way, "--sizes", size, "--folder", str(folder),
               "--threads", str(threads), "--steps", str(steps)]  # fmt: skip
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds, busy, peak = json.loads(answer)
    per_pair = 1000 / (steps * BATCH)
    return {"size": size, "way": way, "pairs": n_pairs, "ms_per_pair": round(seconds * per_pair, 3),
            "cpu_ms_per_pair": round(busy * per_pair, 3), "peak_mb": peak}  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--pairs", type=int, help="in memory; by size if absent")
    parser.add_argument("--steps", type=int, help="that are timed, of 256 pairs; by size if absent")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--run", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        import torch

        torch.set_num_threads(options.threads)
        times = WAYS[options.run](options.folder, options.sizes[0], options.steps)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps([*times, round(peak)]))
        return
    results = []
    print(f"{'size':10} {'way':11} {'pairs':>8} {'ms/pair':>9} {'CPU ms/pair':>12} {'peak MB':>8}")
    for size in options.sizes:
        n_pairs, steps = options.pairs or PAIRS[size], options.steps or STEPS[size]
        with tempfile.TemporaryDirectory() as folder:
            made = random_input(SIZES[size]["width"], n_pairs)
            for name, array in zip(("features", "index", "labels"), made, strict=True):
                np.save(Path(folder) / f"{name}.npy", array)
            for way in WAYS:
                found = measure(way, size, n_pairs, steps, Path(folder), options.threads)
                results.append(found)
                print(f"{size:10} {way:11} {n_pairs:8,} {found['ms_per_pair']:9.3f} "
                      f"{found['cpu_ms_per_pair']:12.3f} {found['peak_mb']:8,}", flush=True)
        plain, ours = results[-2:]
        print(f"{size:10} {plain['cpu_ms_per_pair'] / ours['cpu_ms_per_pair']:.1f} times as fast, "
              f"{ours['peak_mb'] / plain['peak_mb']:.2f} of the memory", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
