"""Sequences to pre-train on, in the layout of the real ones."""

import gzip

import numpy as np
import pandas as pd

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def write_sequences(folder):
    """Write ``pretrain_sequences`` below a data folder; returns the data folder."""
    random, rows = np.random.default_rng(0), []
    target = folder / "pretrain_sequences"
    target.mkdir(parents=True)
    with gzip.open(target / "sequences.fasta.gz", "wt") as file:
        for i in range(40):
            sequence = "".join(random.choice(LETTERS, 30 + i))
            benchmark = {3: "train", 5: "val", 7: "train,test", 9: "test"}.get(i, "")
            split, source = "valid" if i % 8 == 4 else "train", "human_a" if i < 10 else "other"
            rows.append((f"P{i}", source, len(sequence), split, benchmark))
            file.write(f">P{i}\n{sequence}\n")
    columns = ["protein", "source", "length", "split", "bernett_split"]
    pd.DataFrame(rows, columns=columns).to_csv(target / "index.tsv.gz", sep="\t", index=False)
    return folder
