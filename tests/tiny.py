"""A real ESM-2 model, small enough to make in milliseconds. Random weights: shapes and code are real."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import EsmConfig, EsmForMaskedLM

from esm2amp_core.embed.alphabet import MASK, PAD, VOCABULARY

UBIQUITIN = "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
INSULIN_A = "GIVEQCCTSICSLYQLENYCN"


def make_encoder(folder: Path, *, seed: int = 0, width: int = 16, layers: int = 2, heads: int = 2) -> Path:
    """Save an EsmForMaskedLM with random weights, as a trained one is saved."""
    config = EsmConfig(
        vocab_size=len(VOCABULARY), hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads,
        intermediate_size=2 * width, position_embedding_type="rotary", token_dropout=True,
        emb_layer_norm_before=False, pad_token_id=PAD, mask_token_id=MASK, layer_norm_eps=1e-5,
        # Larger than usual: random attention is then far from uniform, and tests can tell tokens apart.
        initializer_range=0.3,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = EsmForMaskedLM(config)
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                torch.nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    return folder


def edit_weights(folder: Path, edit: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change a saved model's tensors."""
    weights = load_file(folder / "model.safetensors")
    edit(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def edit_config(folder: Path, **changes: object) -> None:
    """Change a saved model's configuration."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
