"""Small data sets in the layout of the real ones, with patterns that can be learned."""

import gzip

import numpy as np
import pandas as pd

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def write_data(folder):
    """Sequences to read and the tables of `annotations.TABLES`; returns the folder."""
    random = np.random.default_rng(0)
    _write_sequences(folder / "pretrain_sequences", random)
    locations = np.repeat(["Nucleus", "Membrane"], 40).tolist() + ["rare"]
    sequences = [_protein(random, rich="K" if place == "Nucleus" else "L") for place in locations]
    _write(folder, "localisation_human", location=locations, sequence=sequences)
    own = [_protein(random, rich="E") for _ in range(60)]
    _write(folder, "localisation_deeploc", location=["Cytoplasm", "Nucleus"] * 30,
           membrane=["M"] * 29 + ["S"] * 29 + ["U"] * 2, sequence=own)
    _write(folder, "function_go", go_terms=["GO:1,GO:2", "GO:1"] * 30, sequence=own)
    _write(folder, "function_ec", ec=["1.2.3.4", "3.4.21.4;1.1.1.1"] * 30, sequence=own)
    _write(folder, "stability_meltome", sequence=sequences,
           tm_median=[f"{40 + 0.5 * s.count('K') - 0.2 * s.count('L'):.2f}" for s in sequences])
    _write(folder, "residue_binding", sequence=own, labels=["0" * len(s) for s in own])
    _write(folder, "residue_secondary_structure", file="chains", sequence=own,
           ss3=["".join("H" if letter == "A" else "C" for letter in s) for s in own],
           resolved_mask=["0" + "1" * (len(s) - 1) for s in own])
    return folder


def _protein(random, *, rich):
    weights = np.where(np.array(LETTERS) == rich, 8.0, 1.0)
    return "".join(random.choice(LETTERS, int(random.integers(34, 60)), p=weights / weights.sum()))


def _write(folder, name, *, file="proteins", **columns):
    (folder / name).mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(folder / name / f"{file}.tsv.gz", sep="\t", index=False)


def _write_sequences(folder, random):
    folder.mkdir(parents=True)
    rows = []
    with gzip.open(folder / "sequences.fasta.gz", "wt") as file:
        for i in range(40):
            sequence = "".join(random.choice(LETTERS, 30 + i))
            benchmark = {3: "train", 5: "val", 7: "train,test", 9: "test"}.get(i, "")
            split, source = "valid" if i % 8 == 0 else "train", "human_a" if i < 10 else "other"
            rows.append((f"P{i}", source, len(sequence), split, benchmark))
            file.write(f">P{i}\n{sequence}\n")
    columns = ["protein", "source", "length", "split", "bernett_split"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "index.tsv.gz", sep="\t", index=False)
