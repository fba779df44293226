"""Pre-training of a small ESM-2 on sequences, resumable at every checkpoint.

Each batch is a function of the seed and its number alone, so that a run that was stopped and
resumed reads the same residues under the same masks as one that was not. Windows of a batch
have one length and hold no padding; they are cut from ``<cls> residues <eos>``, hence only windows
at an end of a protein show the end, as in the published pre-training.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

from esm2amp_core.embed.alphabet import MASK, PAD, VOCABULARY
from esm2amp_core.training.pretraining.objectives import Objectives
from esm2amp_core.training.pretraining.windows import Windows


@dataclass(frozen=True, kw_only=True)
class PretrainSettings:
    """Choices of a pre-training run.

    Attributes
    ----------
    layers, width, heads, feed_forward : int
        Sizes of the encoder.
    windows : tuple of (int, float)
        Window lengths in tokens, and the share of batches of each.
    batch_tokens : int
        Tokens per batch, whatever the window.
    peak_rate, warmup, weight_decay, clip
        AdamW: highest learning rate, share of the run to reach it, decay of matrices, gradient norm.
    favour : tuple of (str, float)
        Sources whose name starts so are drawn that many times as often.
    steps : int
        Length of the run; 0 where `minutes` counts.
    minutes : float
        Working time of the run, over all resumptions. The learning rate follows the clock, so the same
        time on another machine gives another number of steps.
    seed : int
    """

    layers: int = 4
    width: int = 256
    heads: int = 8
    feed_forward: int = 1024
    windows: tuple[tuple[int, float], ...] = ((128, 0.2), (256, 0.4), (512, 0.4))
    batch_tokens: int = 4096
    peak_rate: float = 1e-3
    warmup: float = 0.04
    weight_decay: float = 0.01
    clip: float = 1.0
    favour: tuple[tuple[str, float], ...] = (("human", 4.0), ("multispecies", 2.0), ("maetschke_Mmusc", 3.0))
    steps: int = 0
    minutes: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.minutes > 0):
            raise ValueError(f"Give steps or minutes, not {self.steps} steps and {self.minutes} minutes.")


def build_encoder(settings: PretrainSettings) -> EsmForMaskedLM:
    """An untrained ESM-2 of the given sizes; the seed decides its weights."""
    torch.manual_seed(settings.seed)
    return EsmForMaskedLM(EsmConfig(
        vocab_size=len(VOCABULARY), num_hidden_layers=settings.layers, hidden_size=settings.width,
        num_attention_heads=settings.heads, intermediate_size=settings.feed_forward,
        max_position_embeddings=1026, position_embedding_type="rotary", emb_layer_norm_before=False,
        token_dropout=True, mask_token_id=MASK, pad_token_id=PAD, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, initializer_range=0.02, layer_norm_eps=1e-5,
    ))


def build_optimiser(model: nn.Module, settings: PretrainSettings) -> torch.optim.AdamW:
    """AdamW that decays matrices but neither biases nor norms."""
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay},
              {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.peak_rate, betas=(0.9, 0.98), fused=True)


def learning_rate(progress: float, settings: PretrainSettings) -> float:
    """Linear warm-up, then a cosine down to zero.

    Parameters
    ----------
    progress : float
        Share of the run that is over, from 0 to 1.
    """
    if progress < settings.warmup:
        return settings.peak_rate * max(progress / settings.warmup, 0.01)
    rest = min((progress - settings.warmup) / (1 - settings.warmup), 1.0)
    return settings.peak_rate * 0.5 * (1 + math.cos(math.pi * rest))


@dataclass
class Run:
    """A pre-training run in progress.

    Attributes
    ----------
    step : int
        Batches read so far.
    seconds : float
        Time spent on them, over all resumptions.
    history : list of dict
        One entry per checkpoint.
    """

    settings: PretrainSettings
    objectives: Objectives
    optimiser: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def model(self) -> EsmForMaskedLM:
        """The language model."""
        return self.objectives.model

    @property
    def progress(self) -> float:
        """Share of the run that is over, from 0 to 1."""
        if self.settings.steps:
            return self.step / self.settings.steps
        return self.seconds / (60 * self.settings.minutes)

    def save(self, path: Path) -> None:
        """Write the checkpoint whole or not at all."""
        part = path.with_suffix(".part")
        torch.save({"settings": asdict(self.settings), "objectives": self.objectives.state_dict(),
                    "optimiser": self.optimiser.state_dict(), "step": self.step,
                    "seconds": self.seconds, "history": self.history}, part)
        os.replace(part, path)

    @classmethod
    def open(cls, settings: PretrainSettings, path: Path) -> Run:
        """Begin a run, or go on from its checkpoint.

        Raises
        ------
        ValueError
            If the checkpoint was made with other settings.
        """
        objectives = Objectives(build_encoder(settings))
        run = cls(settings, objectives, build_optimiser(objectives, settings))
        if path.exists():
            saved = torch.load(path, weights_only=True)
            if saved["settings"] != asdict(settings):
                raise ValueError(f"{path} belongs to a run with other settings: {saved['settings']}")
            objectives.load_state_dict(saved["objectives"])
            run.optimiser.load_state_dict(saved["optimiser"])
            run.step, run.seconds, run.history = saved["step"], saved["seconds"], saved["history"]
        return run


def train_step(run: Run, losses_of: nn.Module, batch: Sequence[torch.Tensor]) -> np.ndarray:
    """Read one batch; returns its losses in the order of `Objectives.names`."""
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(run.progress, run.settings)
    with torch.autocast("cpu", torch.bfloat16):
        losses = losses_of(*batch)
    run.objectives.total(losses).backward()
    nn.utils.clip_grad_norm_(run.objectives.parameters(), run.settings.clip)
    run.optimiser.step()
    run.optimiser.zero_grad()
    run.step += 1
    return losses.detach().numpy()


@torch.no_grad()
def validation_losses(losses_of: nn.Module, windows: Windows, *, n_batches: int = 4) -> np.ndarray:
    """Mean losses on fixed batches of every window length; lengths count by their share."""
    total = np.zeros(len(losses_of.names))
    for kind, share in enumerate(windows.shares):
        random = np.random.default_rng([windows.seed, kind, 1])
        with torch.autocast("cpu", torch.bfloat16):
            each = [losses_of(*windows.draw(kind, random).tensors()).numpy() for _ in range(n_batches)]
        total += share * np.mean(each, axis=0)
    return total


def pretrain(
    run: Run, train: Windows, valid: Windows, checkpoint: Path, *,
    checkpoint_seconds: float = 240.0, compiled: bool = False, stop_after: int | None = None,
) -> None:
    """Train to the end of the run, with a checkpoint and a line of figures every few minutes.

    Parameters
    ----------
    compiled : bool
        Fuse the network with `torch.compile`: about twice as fast, after a minute or two.
    stop_after : int, optional
        Leave after so many steps, as an interruption would, but with a checkpoint.
    """
    losses_of = run.objectives
    if run.step == 0:
        losses_of.measure(train)
    fused = torch.compile(losses_of, dynamic=False) if compiled else losses_of
    last_saved, losses, first_step = time.monotonic(), [], run.step
    while run.progress < 1 and (stop_after is None or run.step - first_step < stop_after):
        began = time.monotonic()
        losses.append(train_step(run, fused, train[run.step].tensors()))
        # A step that takes half a minute was being compiled, which is no training.
        run.seconds += min(time.monotonic() - began, 8.0)
        if time.monotonic() - last_saved > checkpoint_seconds:
            record(run, losses, validation_losses(losses_of, valid))
            run.save(checkpoint)
            last_saved, losses = time.monotonic(), []
    record(run, losses, validation_losses(losses_of, valid))
    run.save(checkpoint)


def record(run: Run, losses: list[np.ndarray], valid: np.ndarray) -> None:
    """Note and print where the run stands."""
    names = run.objectives.names
    entry = {"step": run.step, "minutes": round(run.seconds / 60, 2),
             "learning_rate": learning_rate(run.progress, run.settings)}
    entry |= {f"valid_{name}": round(float(value), 4) for name, value in zip(names, valid, strict=True)}
    if losses:
        means = np.mean(losses, axis=0)
        entry |= {f"train_{name}": round(float(value), 4) for name, value in zip(names, means, strict=True)}
    run.history.append(entry)
    print(json.dumps(entry), flush=True)


def export_encoder(run: Run, folder: Path) -> None:
    """Write the encoder and its tokenizer as the published ESM-2 models are laid out."""
    folder.mkdir(parents=True, exist_ok=True)
    run.model.save_pretrained(folder)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="ascii")
    EsmTokenizer(str(vocabulary), model_max_length=1026).save_pretrained(folder)


def save_description(run: Run, path: Path) -> None:
    """Write the linear read-out of the channels, as standardised: ``weight`` (C, D) and ``bias`` (C,)."""
    save_file(run.objectives.describe.state_dict(), path)
