"""Scoring pairs at the published classifier's size (amps, width 1280, random weights).

The published way, as its authors evaluate: features in a table with one column per number, merged into one
wide row per pair, a dense tensor of all pairs, a DataLoader with batches of 32, torch's TransformerEncoder in
float32. Ours: `ModelBundle.scorer`, pairs by index, in float32 and, where the processor has it, bfloat16,
from the features in memory to logits, everything that is prepared once included. All in one run, in turns, so
that a busy machine is equally busy for all; time is wall-clock. Prints one table and writes scoring.json here
(or --json FILE).

    .venv/bin/python benchmarks/scoring.py                      # 2,000 pairs of 200 proteins
    .venv/bin/python benchmarks/scoring.py --pairs 320 --curve  # quick; and how cost grows

With --curve the starter's classifier scores 10^3 to 10^6 pairs of 2,000 proteins, with peak memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import PRECISIONS, ceilings, describe, words_of
from torch import nn

from esm2amp_core.bundles import EncoderRef, Manifest
from esm2amp_core.models.amp import Amps
from esm2amp_core.models.bundle import ModelBundle

T, D = 10, 1280
FLOPS_PER_PAIR = 2 * (2 * T * 6 * (4 * D * D + 2 * D * 2048 + 2 * 2 * T * D) + D * 640 + 640 * 240 + 240)
STARTER = Path(__file__).resolve().parent.parent / "data" / "models" / "starter"


def published_way(classifier: Amps, features: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
    """Logits of all pairs, as the authors' evaluation computes them."""
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(D, 8, norm_first=True, batch_first=True, dropout=0.3), 6,
        enable_nested_tensor=False,
    )  # fmt: skip
    encoder.load_state_dict(classifier.transformer_encoder.state_dict())
    model = nn.ModuleDict({"encoder": encoder, "head": classifier.mlp_layers}).eval()
    wide = pairs
    for side in "12":
        part = features.rename(columns=lambda name, side=side: f"{side}_{name}")
        wide = wide.merge(part, left_on=f"Protein{side}", right_on=f"{side}_protein", how="left")
    numbers = wide.drop(columns=["Protein1", "Protein2", "1_protein", "2_protein"]).to_numpy(np.float64)
    dense = torch.tensor(numbers.reshape(-1, 2 * T, D)).float()
    labels = torch.zeros(len(dense), 1)
    logits = []
    with torch.no_grad():
        for tokens, _ in torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(dense, labels), batch_size=32
        ):
            logits.append(model["head"](model["encoder"](tokens).mean(dim=1)))
    return torch.cat(logits)[:, 0].numpy()


def table_of(features: np.ndarray) -> pd.DataFrame:
    """Features as the authors' extractor writes them: one named column per number."""
    names = [f"ESM2_segment{i}_mean{j}" for i in range(T) for j in range(D)]
    table = pd.DataFrame(features.reshape(len(features), -1).astype(np.float64), columns=names)
    return pd.concat([pd.DataFrame({"protein": [f"P{i}" for i in range(len(features))]}), table], axis=1)


def compare(n_pairs: int, n_proteins: int, rounds: int) -> tuple[dict[str, dict], dict[str, float]]:
    """Every way on the same pairs, in turns; and the largest differences in probability."""
    torch.manual_seed(0)
    draw = np.random.default_rng(0)
    classifier = Amps().eval().requires_grad_(False)
    bundle = ModelBundle.in_memory(
        Manifest(name="amps", title="amps", architecture="amps", sizes=classifier.sizes,
                 feature_set="segments", encoder=EncoderRef(id="esm2_t33_650M", width=D)), classifier
    )  # fmt: skip
    # As pooled states are: what all proteins have in common, what one protein has, what one segment has.
    features = sum(draw.normal(size=shape) for shape in ((D,), (n_proteins, 1, D), (n_proteins, T, D)))
    features = (0.3 * features).astype(np.float32)
    first, second = draw.integers(0, n_proteins, (2, n_pairs))
    table = table_of(features)
    pairs = pd.DataFrame({"Protein1": [f"P{i}" for i in first], "Protein2": [f"P{i}" for i in second]})
    ways = {
        "published": lambda: published_way(classifier, table, pairs),
    }
    for name in PRECISIONS:
        ways[name] = lambda name=name: bundle.scorer(features, precision=name).score(first, second)[0]
    times: dict[str, list[float]] = {name: [] for name in ways}
    logits = {}
    bundle.scorer(features, precision=[*PRECISIONS][-1]).score(first[:64], second[:64])  # libraries load
    for _ in range(rounds):
        for name, way in ways.items():
            begun = time.perf_counter()
            logits[name] = way()
            times[name].append(time.perf_counter() - begun)
    found = {name: {"seconds": min(values), "pairs_per_second": n_pairs / min(values)}
             for name, values in times.items()}  # fmt: skip
    exact = bundle.probabilities(logits["published"])
    shifts = {name: float(np.abs(bundle.probabilities(logits[name]) - exact).max())
              for name in PRECISIONS}  # fmt: skip
    return found, shifts


def curve() -> list[dict[str, float]]:
    """Cost of the starter's classifier as the number of pairs grows."""
    bundle = ModelBundle.load(STARTER)
    draw = np.random.default_rng(0)
    width = bundle.manifest.sizes["width"]
    features = draw.normal(size=(2000, len(bundle.manifest.features.tokens), width)).astype(np.float32)
    rows = []
    for n_pairs in (1_000, 10_000, 100_000, 1_000_000):
        first, second = draw.integers(0, len(features), (2, n_pairs))
        begun = time.perf_counter()
        bundle.scorer(features).score(first, second)
        taken = time.perf_counter() - begun
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rate = n_pairs / taken
        rows.append({"pairs": n_pairs, "seconds": taken, "pairs_per_second": rate, "peak_mb": peak})
    return rows


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--proteins", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("scoring.json"))
    options = parser.parse_args()
    growth = curve() if options.curve else []  # first: peak memory only grows
    before = ceilings()
    ways, shifts = compare(options.pairs, options.proteins, options.rounds)
    after = ceilings()
    ceiling = {name: max(before[name], after[name]) for name in before}
    print(f"{options.pairs:,} pairs of {options.proteins:,} proteins; {describe()}")
    print(words_of(ceiling))
    print(f"{'':24}{'seconds':>10}{'pairs/s':>10}{'ratio':>8}{'of ceiling':>12}{'max shift':>11}")
    for name, way in ways.items():
        kind = "bfloat16" if name == "bfloat16" else "float32"
        way["ratio"] = ways["published"]["seconds"] / way["seconds"]
        # Operations of the plain pass: sharing work may bring this above 1.
        way["share_of_ceiling"] = FLOPS_PER_PAIR * way["pairs_per_second"] / ceiling[f"product_{kind}"]
        way["max_shift"] = shifts.get(name, 0.0)
        label = {"published": "(a) published, float32"}.get(name, f"ours, {name}")
        print(f"{label:24}{way['seconds']:10.2f}{way['pairs_per_second']:10.1f}{way['ratio']:8.2f}"
              f"{way['share_of_ceiling']:12.0%}{way['max_shift']:11.1e}")  # fmt: skip
    for row in growth:
        print(f"starter, {row['pairs']:>9,} pairs {row['seconds']:9.2f} s "
              f"{row['pairs_per_second']:11,.0f} pairs/s   peak {row['peak_mb']:,.0f} MB")
    record = {"machine": describe(), "ceiling": ceiling, "pairs": options.pairs, "proteins": options.proteins,
              "ways": ways, "growth": growth}  # fmt: skip
    options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
