"""The published system's size on this machine, with random weights: ESM-2 650M and the amps classifier.

Makes an encoder and a checkpoint in the published formats (3 GB in a temporary folder), imports
them as `esm2amp models import` does, scores the example pairs, and prints one table.

    .venv/bin/python benchmarks/published_size.py [--precision float32]
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from pathlib import Path

import torch
from transformers import EsmConfig, EsmForMaskedLM

from esm2amp_core.embed.alphabet import MASK, PAD, VOCABULARY
from esm2amp_core.installing import import_checkpoint
from esm2amp_core.models.amp import Amps
from esm2amp_core.pairs import read_pairs
from esm2amp_core.predictor import Predictor

EXAMPLES = Path(__file__).resolve().parent.parent / "data" / "examples"


def make_encoder(folder: Path) -> None:
    """Save a random model of the shape of facebook/esm2_t33_650M_UR50D."""
    config = EsmConfig(
        vocab_size=len(VOCABULARY), hidden_size=1280, num_hidden_layers=33, num_attention_heads=20,
        intermediate_size=5120, max_position_embeddings=1026, position_embedding_type="rotary",
        emb_layer_norm_before=False, token_dropout=True, pad_token_id=PAD, mask_token_id=MASK,
        layer_norm_eps=1e-5,
    )  # fmt: skip
    EsmForMaskedLM(config).save_pretrained(folder)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--precision", default="float32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ESM2AMP_WORKSPACE"] = f"{folder}/workspace"
        make_encoder(Path(folder) / "esm2_t33_650M")
        checkpoint = Path(folder) / "2.ESM2_AMPS.pth"
        torch.save({"model_state_dict": Amps().state_dict(), "epoch": 35}, checkpoint)

        begun = time.monotonic()
        manifest, bundle = import_checkpoint("amps", checkpoint, f"{folder}/esm2_t33_650M")
        print(f"import with self-check      {time.monotonic() - begun:8.1f} s   ({manifest.sizes})")

        pairs = read_pairs(EXAMPLES / "pairs.csv", sequences=EXAMPLES / "proteins.fasta")
        begun = time.monotonic()
        predictor = Predictor.load(bundle, precision=options.precision)
        print(f"load                        {time.monotonic() - begun:8.1f} s")
        for run in ("first", "cached"):
            begun = time.monotonic()
            frame = predictor.predict(pairs).frame
            seconds = time.monotonic() - begun
            print(f"12 pairs, 7,139 residues    {seconds:8.1f} s   ({run}, {options.precision}, "
                  f"{(frame['status'] == 'ok').sum()} scored)")  # fmt: skip
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory                 {peak:8.0f} MB   (includes making the random models)")


if __name__ == "__main__":
    main()
