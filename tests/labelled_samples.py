"""Labelled pairs with a known answer: tensors for classifiers, and files of real sequences."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from esm2amp_core.training.data import LabelledPairs

WIDTH, N_PROTEINS = 16, 60
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def planted_pairs(n: int, seed: int, tokens: int = 10, width: int = WIDTH) -> LabelledPairs:
    """Pairs that interact exactly if both proteins are positive in the first dimension."""
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(N_PROTEINS, tokens, width, generator=random)
    positive = torch.arange(N_PROTEINS) % 3 > 0  # two thirds: 4 pairs in 9 interact
    features[:, :, 0] += torch.where(positive, 2.0, -2.0)[:, None]
    index = torch.randint(N_PROTEINS, (n, 2), generator=random)
    return LabelledPairs(features, index, positive[index].all(dim=1).float())


def write_tables(folder: Path, *, n_train: int = 300, n_validation: int = 120, seed: int = 0) -> None:
    """Write train.csv, validation.csv and proteins.fasta: pairs interact if both proteins are rich in K.

    No protein occurs in both tables, no pair twice.
    """
    random = np.random.default_rng(seed)
    names = [f"P{i}" for i in range(N_PROTEINS)]
    rich = {name: i % 3 > 0 for i, name in enumerate(names)}
    sequences = {name: "".join(random.choice(list(LETTERS + ("K" if rich[name] else "D") * 20), 30 + i))
                 for i, name in enumerate(names)}
    fasta = "".join(f">{name}\n{sequence}\n" for name, sequence in sequences.items())
    (folder / "proteins.fasta").write_text(fasta, encoding="utf-8")
    for table, own, n in (("train", names[:40], n_train), ("validation", names[40:], n_validation)):
        every = [(a, b) for i, a in enumerate(own) for b in own[i + 1 :]]
        chosen = [every[i] for i in random.permutation(len(every))[:n]]
        frame = pd.DataFrame(chosen, columns=["protein_a", "protein_b"])
        frame["label"] = [int(rich[a] and rich[b]) for a, b in chosen]
        frame.to_csv(folder / f"{table}.csv", index=False)
