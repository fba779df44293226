"""Embedding at the published size: esm2_t33_650M with random weights, lengths as in the gold standard.

(a) the published way: `protloc-mex-x` from PyPI, batch size 1, float32; put into a temporary folder
(b) a plain loop over `transformers.EsmModel` with padded batches of 8, float32
ours: `embed_pooled` without a cache, float32 and, where the processor has it, bfloat16
All in one run on the same weights and proteins, one after the other, beside this machine's rate of a large
matrix product. Prints one table and writes embedding.json here (or --json FILE).

    .venv/bin/python benchmarks/embedding.py                  # 16 proteins, some minutes
    .venv/bin/python benchmarks/embedding.py --proteins 200   # the full one: an hour and a half on two cores
    .venv/bin/python benchmarks/embedding.py --proteins 200 --without-plain  # half an hour
    .venv/bin/python benchmarks/embedding.py --curve          # also: cost by number of proteins
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import PRECISIONS, ceilings, describe, words_of
from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

from esm2amp_core.embed.alphabet import MASK, PAD, VOCABULARY, encode
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.features import pool_protein
from esm2amp_core.sequences import Protein

LENGTHS = (51, 132, 179, 215, 251, 289, 323, 355, 392, 428, 470, 511, 558, 616, 687, 764, 873, 1012, 1216,
           1651, 2700)
"""Of the proteins of Bernett et al. 2024: quantiles in steps of 5 %; the last one is what is read at most."""
PUBLISHED = "protloc-mex-x==0.0.27"
WIDTH, LAYERS, HEADS = 1280, 33, 20


def make_model(layers: int, width: int) -> EsmForMaskedLM:
    """A random model; by default of the shape of facebook/esm2_t33_650M_UR50D."""
    config = EsmConfig(
        vocab_size=len(VOCABULARY), hidden_size=width, num_hidden_layers=layers, num_attention_heads=HEADS,
        intermediate_size=4 * width, max_position_embeddings=1026, position_embedding_type="rotary",
        emb_layer_norm_before=False, token_dropout=True, pad_token_id=PAD, mask_token_id=MASK,
        layer_norm_eps=1e-5, attn_implementation="sdpa",
    )  # fmt: skip
    torch.manual_seed(0)
    return EsmForMaskedLM(config).eval().requires_grad_(False)


def make_proteins(n_proteins: int) -> list[Protein]:
    """Random proteins whose lengths are the quantiles of the gold standard, in random order."""
    draw = np.random.default_rng(0)
    places = (np.arange(n_proteins) + 0.5) / n_proteins
    lengths = np.interp(places, np.linspace(0, 1, len(LENGTHS)), LENGTHS).astype(int)
    draw.shuffle(lengths)
    return [Protein(f"P{i}", "".join(draw.choice(list("ACDEFGHIKLMNPQRSTVWY"), length)))
            for i, length in enumerate(lengths)]  # fmt: skip


def published_extractor(model: EsmForMaskedLM, folder: Path) -> Callable[[list[Protein]], np.ndarray] | None:
    """The published extractor with batch size 1; None, said aloud, where it cannot be installed."""
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    install = ["install", "--quiet", "--no-deps", "--target", str(folder), PUBLISHED]
    if subprocess.run([sys.executable, "-m", "pip", *install], check=False).returncode:
        print(f"!!! {PUBLISHED} could not be installed: (a) is left out, compare with (b) alone !!!")
        return None
    sys.path.insert(0, str(folder))
    from protloc_mex_X.ESM2_fr import Esm2LastHiddenFeatureExtractor

    model.config.output_hidden_states = True
    extractor = Esm2LastHiddenFeatureExtractor(
        EsmTokenizer(str(vocabulary)), model, compute_segments=True, device_choose="cpu"
    )

    def extract(proteins: list[Protein]) -> np.ndarray:
        table = pd.DataFrame({"sequence": [protein.sequence for protein in proteins]})
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()):  # its progress bar
            found = extractor.get_last_hidden_features_combine(table, "sequence", batch_size=1)
        return found.drop(columns="sequence").to_numpy(np.float32).reshape(len(proteins), 13, -1)

    return extract


def plain_loop(model: EsmForMaskedLM, proteins: list[Protein], batch: int = 8) -> np.ndarray:
    """Padded batches in the order given, pooled as ours are."""
    pooled = []
    for start in range(0, len(proteins), batch):
        sequences = [protein.sequence for protein in proteins[start : start + batch]]
        ids, mask = (torch.from_numpy(part) for part in encode(sequences))
        with torch.inference_mode():
            states = model.esm(input_ids=ids, attention_mask=mask, output_hidden_states=False)
        pooled += [pool_protein(states.last_hidden_state[row, : len(sequence) + 2].numpy())
                   for row, sequence in enumerate(sequences)]  # fmt: skip
    return np.stack(pooled)


def operations(proteins: list[Protein], layers: int, width: int) -> float:
    """Floating-point operations of the matrix products."""
    tokens = np.array([len(protein.sequence) + 2 for protein in proteins], dtype=float)
    return float(layers * (tokens * 2 * 12 * width**2 + 4 * tokens**2 * width).sum())


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--proteins", type=int, default=16)
    parser.add_argument("--layers", type=int, default=LAYERS, help="fewer for a quick look")
    parser.add_argument("--width", type=int, default=WIDTH, help="of another model")
    parser.add_argument("--without-plain", action="store_true", help="leave out (b), the slowest")
    parser.add_argument("--curve", action="store_true")
    parser.add_argument("--json", type=Path, default=Path("embedding.json"))
    options = parser.parse_args()
    proteins, model = make_proteins(options.proteins), make_model(options.layers, options.width)
    embedders = {
        name: Esm2Embedder(deepcopy(model.esm).to(dtype), name="esm2_t33_650M", revision="random")
        for name, dtype in PRECISIONS.items()
    }
    residues = sum(len(protein.sequence) for protein in proteins)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[list[Protein]], np.ndarray]] = {}
        if published := published_extractor(model, Path(folder)):
            ways["(a) published, float32"] = published
        if not options.without_plain:
            ways["(b) plain loop, float32"] = lambda some: plain_loop(model, some)
        for name, embedder in embedders.items():
            ways[f"ours, {name}"] = lambda some, embedder=embedder: embed_pooled(some, embedder)[0].values
        found, features = {}, {}
        before = ceilings()
        for name, way in ways.items():
            way(proteins[:1])  # libraries load, weights are brought into their form
            begun = time.perf_counter()
            features[name] = way(proteins)
            found[name] = {"seconds": time.perf_counter() - begun}
        after = ceilings()
    ceiling = {name: max(before[name], after[name]) for name in before}
    print(f"{len(proteins)} proteins, {residues:,} residues, {options.layers} layers; {describe()}")
    print(words_of(ceiling))
    print(f"{'':26}{'seconds':>10}{'residues/s':>12}{'ratio':>8}{'of ceiling':>12}{'difference':>12}")
    first = next(iter(found))
    for name, way in found.items():
        kind = "bfloat16" if "bfloat16" in name else "float32"
        way["residues_per_second"] = residues / way["seconds"]
        way["ratio"] = found[first]["seconds"] / way["seconds"]
        way["share_of_ceiling"] = (
            operations(proteins, options.layers, options.width) / way["seconds"] / ceiling[f"product_{kind}"]
        )
        exact = features[first]
        way["difference"] = float(np.linalg.norm(features[name] - exact) / np.linalg.norm(exact))
        print(f"{name:26}{way['seconds']:10.1f}{way['residues_per_second']:12,.0f}{way['ratio']:8.2f}"
              f"{way['share_of_ceiling']:12.0%}{way['difference']:12.1e}")
    growth, name = [], [*embedders][-1]
    for part in (4, 8, 16, 32) if options.curve else ():
        some = make_proteins(part)
        begun = time.perf_counter()
        embed_pooled([*some, *some], embedders[name])  # each twice: only distinct ones cost
        taken, length = time.perf_counter() - begun, sum(len(protein.sequence) for protein in some)
        growth.append({"proteins": part, "residues": length, "seconds": taken})
        print(f"{name}, {part:3} distinct of {2 * part:3} proteins, {length:7,} residues {taken:8.1f} s "
              f"{length / taken:8,.0f} residues/s")
    record = {"machine": describe(), "ceiling": ceiling, "proteins": len(proteins), "residues": residues,
              "layers": options.layers, "ways": found, "growth": growth}
    options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
