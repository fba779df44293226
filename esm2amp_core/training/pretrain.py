"""Masked-language-model pre-training of a small ESM-2, resumable at every checkpoint.

Each batch is a function of the seed and its number alone, so that a run that was stopped and
resumed reads the same residues under the same masks as one that was not. Windows of a batch
have one length and hold no padding; they are cut from ``<cls> residues <eos>``, hence only windows
at an end of a protein show the end, as in the published pre-training.

Usage::

    python -m esm2amp_core.training.pretrain -o runs/encoder --minutes 60 --seed 0 --compile
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

from esm2amp_core.embed.alphabet import CLS, EOS, MASK, PAD, VOCABULARY

UNK = VOCABULARY.index("<unk>")
FIRST_LETTER, N_STANDARD = VOCABULARY.index("L"), 20
# ESM-2 rescales embeddings for a share of 0.15 * 0.8 masked tokens; training has to match it.
MASKED_SHARE, REPLACED_BY_MASK, REPLACED_BY_LETTER = 0.15, 0.8, 0.1
HELD_OUT = ("val", "test")
"""Splits of the interaction benchmark whose proteins, and their 90 % relatives, are never read."""


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

    layers: int = 6
    width: int = 256
    heads: int = 8
    feed_forward: int = 1024
    windows: tuple[tuple[int, float], ...] = ((64, 0.05), (128, 0.25), (256, 0.45), (512, 0.25))
    batch_tokens: int = 8192
    peak_rate: float = 1.5e-3
    warmup: float = 0.04
    weight_decay: float = 0.01
    clip: float = 1.0
    favour: tuple[tuple[str, float], ...] = ()
    steps: int = 0
    minutes: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if (self.steps > 0) == (self.minutes > 0):
            raise ValueError(f"Give steps or minutes, not {self.steps} steps and {self.minutes} minutes.")


@dataclass(frozen=True)
class Corpus:
    """Tokenised proteins, end to end.

    Attributes
    ----------
    tokens : ndarray, dtype=uint8, shape=(total,)
        ``<cls> residues <eos>`` of every protein.
    offsets : ndarray, dtype=int64, shape=(N + 1,)
        Protein i lies at ``tokens[offsets[i]:offsets[i + 1]]``.
    weights : ndarray, dtype=float64, shape=(N,)
        How often a residue of it is drawn, relative to others.
    """

    tokens: np.ndarray
    offsets: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def lengths(self) -> np.ndarray:
        """Tokens per protein: ndarray, dtype=int64, shape=(N,)."""
        return np.diff(self.offsets)


def read_index(path: Path, *, favour: tuple[tuple[str, float], ...] = ()) -> pd.DataFrame:
    """Rows of the index that may be read, i.e. without relatives of held-out benchmark proteins.

    Returns
    -------
    DataFrame
        Columns of the file and ``weight``; ``attrs["n_excluded"]`` counts the rows left out.
    """
    index = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    held_out = index["bernett_split"].str.contains("|".join(HELD_OUT))
    kept = index[~held_out].copy()
    kept["weight"] = 1.0
    for prefix, weight in favour:
        kept.loc[kept["source"].str.startswith(prefix), "weight"] = weight
    kept.attrs["n_excluded"] = int(held_out.sum())
    return kept


def tokenise(sequence: str) -> np.ndarray:
    """Ids of ``<cls> residues <eos>``: ndarray, dtype=uint8, shape=(L + 2,)."""
    letters = np.frombuffer(sequence.encode("ascii"), dtype=np.uint8)
    return np.concatenate([[CLS], _LETTER_IDS[letters], [EOS]]).astype(np.uint8)


_LETTER_IDS = np.full(256, UNK, dtype=np.uint8)
for _id, _letter in enumerate(VOCABULARY):
    if len(_letter) == 1:
        _LETTER_IDS[ord(_letter)] = _id


def read_sequences(path: Path, wanted: set[str]) -> dict[str, str]:
    """Sequences of the wanted proteins from a FASTA file with one line per sequence."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        names = (line[1:].strip() for line in file)
        return {name: line.strip() for name, line in zip(names, file, strict=False) if name in wanted}


def load_corpus(sequences: Path, rows: pd.DataFrame) -> Corpus:
    """Tokenise the proteins of `rows`, in their order.

    Raises
    ------
    ValueError
        If a protein of the index has no sequence.
    """
    texts = read_sequences(sequences, set(rows["protein"]))
    if missing := [name for name in rows["protein"] if name not in texts]:
        raise ValueError(f"{len(missing)} proteins of the index have no sequence, the first is {missing[0]}.")
    parts = [tokenise(texts[name]) for name in rows["protein"]]
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return Corpus(np.concatenate(parts), offsets, rows["weight"].to_numpy(float))


class Batches:
    """Masked windows of a corpus, by batch number.

    Parameters
    ----------
    corpus : Corpus
    settings : PretrainSettings
    """

    def __init__(self, corpus: Corpus, settings: PretrainSettings) -> None:
        self.corpus, self.settings = corpus, settings
        self.shares = np.array([share for _, share in settings.windows])
        self.draws = [self._drawing_table(window) for window, _ in settings.windows]

    def _drawing_table(self, window: int) -> tuple[np.ndarray, np.ndarray]:
        """Proteins that fill the window, and their cumulative probabilities."""
        rows = np.flatnonzero(self.corpus.lengths >= window)
        if not len(rows):
            raise ValueError(f"No protein fills a window of {window} tokens.")
        # Long proteins count by the residues they offer, up to four of the widest usual windows.
        weights = self.corpus.weights[rows] * np.minimum(self.corpus.lengths[rows], 1024)
        return rows, np.cumsum(weights) / weights.sum()

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Batch by number, whatever was read before.

        Returns
        -------
        tokens : Tensor, dtype=int64, shape=(B, T)
            After masking.
        positions : Tensor, dtype=int64, shape=(M,)
            Masked positions in the flattened tokens; the same count in every row.
        targets : Tensor, dtype=int64, shape=(M,)
            What stood there.
        """
        random = np.random.default_rng([self.settings.seed, number])
        kind = random.choice(len(self.shares), p=self.shares / self.shares.sum())
        return self.draw(kind, random)

    def draw(self, kind: int, random: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A batch of one window length."""
        window = self.settings.windows[kind][0]
        rows, cumulative = self.draws[kind]
        n = max(1, self.settings.batch_tokens // window)
        chosen = rows[np.minimum(np.searchsorted(cumulative, random.random(n)), len(rows) - 1)]
        starts = self.corpus.offsets[chosen] + cut_windows(self.corpus.lengths[chosen] - window, random)
        tokens = self.corpus.tokens[starts[:, None] + np.arange(window)].astype(np.int64)    # (B, T)
        return mask_tokens(tokens, random)


def cut_windows(slack: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """First token of each window: a quarter at either end of the protein, half anywhere.

    Parameters
    ----------
    slack : ndarray, dtype=int64, shape=(B,)
        Tokens of the protein beyond one window.
    """
    place = random.random(len(slack))
    anywhere = random.integers(0, slack + 1)
    return np.where(place < 0.25, 0, np.where(place < 0.5, slack, anywhere))


def mask_tokens(
    tokens: np.ndarray, random: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hide residues: 80 % become ``<mask>``, 10 % another letter, 10 % stay.

    Parameters
    ----------
    tokens : ndarray, dtype=int64, shape=(B, T)

    Returns
    -------
    tokens, positions, targets
        See `Batches.__getitem__`.
    """
    B, T = tokens.shape
    scores = random.random((B, T))
    scores[(tokens == CLS) | (tokens == EOS)] = np.inf
    columns = np.argpartition(scores, n_masked := round(MASKED_SHARE * T), axis=1)[:, :n_masked]
    positions = (columns + T * np.arange(B)[:, None]).ravel()                                # (M,)
    hidden = tokens.ravel().copy()
    targets = hidden[positions]
    fate = random.random(len(positions))
    letters = random.integers(FIRST_LETTER, FIRST_LETTER + N_STANDARD, len(positions))
    changed = np.where(fate < REPLACED_BY_MASK + REPLACED_BY_LETTER, letters, targets)
    hidden[positions] = np.where(fate < REPLACED_BY_MASK, MASK, changed)
    return torch.from_numpy(hidden.reshape(B, T)), torch.from_numpy(positions), torch.from_numpy(targets)


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
    return torch.optim.AdamW(groups, lr=settings.peak_rate, betas=(0.9, 0.98))


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
    model: EsmForMaskedLM
    optimiser: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def progress(self) -> float:
        """Share of the run that is over, from 0 to 1."""
        if self.settings.steps:
            return self.step / self.settings.steps
        return self.seconds / (60 * self.settings.minutes)

    def save(self, path: Path) -> None:
        """Write the checkpoint whole or not at all."""
        part = path.with_suffix(".part")
        torch.save({"settings": asdict(self.settings), "model": self.model.state_dict(),
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
        model = build_encoder(settings)
        run = cls(settings, model, build_optimiser(model, settings))
        if path.exists():
            saved = torch.load(path, weights_only=True)
            if saved["settings"] != asdict(settings):
                raise ValueError(f"{path} belongs to a run with other settings: {saved['settings']}")
            model.load_state_dict(saved["model"])
            run.optimiser.load_state_dict(saved["optimiser"])
            run.step, run.seconds, run.history = saved["step"], saved["seconds"], saved["history"]
        return run


class MaskedLoss(nn.Module):
    """Mean cross-entropy over masked positions; the letter head reads only those.

    Parameters
    ----------
    model : EsmForMaskedLM
    """

    def __init__(self, model: EsmForMaskedLM) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Loss of one batch, in nats; arguments as `Batches` returns them."""
        states = self.model.esm(input_ids=tokens).last_hidden_state         # (B, T, D)
        logits = self.model.lm_head(states.flatten(0, 1)[positions])        # (M, 33)
        return cross_entropy(logits.float(), targets)


def train_step(run: Run, loss_of: nn.Module, batch: tuple[torch.Tensor, ...]) -> float:
    """Read one batch; returns its loss in nats."""
    for group in run.optimiser.param_groups:
        group["lr"] = learning_rate(run.progress, run.settings)
    with torch.autocast("cpu", torch.bfloat16):
        loss = loss_of(*batch)
    loss.backward()
    nn.utils.clip_grad_norm_(run.model.parameters(), run.settings.clip)
    run.optimiser.step()
    run.optimiser.zero_grad()
    run.step += 1
    return float(loss.detach())


@torch.no_grad()
def validation_loss(loss_of: nn.Module, batches: Batches, *, n_batches: int = 2) -> float:
    """Mean loss on fixed batches of every window length, in nats; lengths count by their share."""
    total = 0.0
    for kind, share in enumerate(batches.shares / batches.shares.sum()):
        random = np.random.default_rng([batches.settings.seed, kind, 1])
        with torch.autocast("cpu", torch.bfloat16):
            losses = [float(loss_of(*batches.draw(kind, random))) for _ in range(n_batches)]
        total += share * sum(losses) / n_batches
    return total


def pretrain(
    run: Run, train: Batches, valid: Batches, checkpoint: Path, *,
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
    loss_of = MaskedLoss(run.model)
    fused = torch.compile(loss_of, dynamic=False) if compiled else loss_of
    last_saved, losses, first_step = time.monotonic(), [], run.step
    while run.progress < 1 and (stop_after is None or run.step - first_step < stop_after):
        began = time.monotonic()
        losses.append(train_step(run, fused, train[run.step]))
        # A step that takes half a minute was being compiled, which is no training.
        run.seconds += min(time.monotonic() - began, 8.0)
        if time.monotonic() - last_saved > checkpoint_seconds:
            record(run, losses, validation_loss(loss_of, valid))
            run.save(checkpoint)
            last_saved, losses = time.monotonic(), []
    record(run, losses, validation_loss(loss_of, valid))
    run.save(checkpoint)


def record(run: Run, losses: list[float], valid_loss: float) -> None:
    """Note and print where the run stands."""
    entry = {"step": run.step, "minutes": round(run.seconds / 60, 2),
             "valid_loss": round(float(valid_loss), 4),
             "train_loss": round(float(np.mean(losses)), 4) if losses else float("nan"),
             "learning_rate": learning_rate(run.progress, run.settings)}
    run.history.append(entry)
    print(json.dumps(entry), flush=True)


def export_encoder(run: Run, folder: Path) -> None:
    """Write the encoder and its tokenizer as the published ESM-2 models are laid out."""
    folder.mkdir(parents=True, exist_ok=True)
    run.model.save_pretrained(folder)
    vocabulary = folder / "vocab.txt"
    vocabulary.write_text("\n".join(VOCABULARY) + "\n", encoding="ascii")
    EsmTokenizer(str(vocabulary), model_max_length=1026).save_pretrained(folder)


def describe(run: Run, rows: pd.DataFrame) -> dict[str, object]:
    """Facts for the model's card: data, exclusions, settings, losses."""
    train = rows[rows["split"] == "train"]
    return {"data": "Natural protein sequences (UniProt, NCBI), 90 % non-redundant; part `train`",
            "n_sequences": len(train), "n_residues": int(train["length"].astype(int).sum()),
            "n_validation_sequences": int((rows["split"] == "valid").sum()),
            "n_excluded": rows.attrs["n_excluded"],
            "excluded": "rows whose 90 % cluster holds a protein of the benchmark's val or test split",
            "tokens_read": run.step * run.settings.batch_tokens, "steps": run.step,
            "minutes": round(run.seconds / 60, 1), "settings": asdict(run.settings),
            "final": run.history[-1] if run.history else {}, "history": run.history}


def parse_favour(text: str) -> tuple[str, float]:
    """Read ``PREFIX=WEIGHT``."""
    prefix, _, weight = text.partition("=")
    return prefix, float(weight)


def parse_window(text: str) -> tuple[int, float]:
    """Read ``LENGTH=SHARE``."""
    length, _, share = text.partition("=")
    return int(length), float(share)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command."""
    parser = argparse.ArgumentParser(prog="python -m esm2amp_core.training.pretrain",
                                     description="Pre-train a small ESM-2 by masked language modelling.")
    data = Path("../shared/data/pretrain_sequences")
    parser.add_argument("--sequences", type=Path, default=data / "sequences.fasta.gz")
    parser.add_argument("--index", type=Path, default=data / "index.tsv.gz")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of checkpoint and encoder")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, default=0.0, help="length of the run by the clock")
    length.add_argument("--steps", type=int, default=0, help="length of the run in batches; reproducible")
    parser.add_argument("--seed", type=int, default=0)
    defaults = PretrainSettings(steps=1)
    for name in ("layers", "width", "heads", "feed_forward", "batch_tokens"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=getattr(defaults, name))
    parser.add_argument("--peak-rate", type=float, default=defaults.peak_rate)
    parser.add_argument("--favour", type=parse_favour, action="append", default=[], metavar="PREFIX=WEIGHT",
                        help="draw sources whose name starts so more often; may be repeated")
    parser.add_argument("--window", type=parse_window, action="append", default=[], metavar="LENGTH=SHARE",
                        help="tokens of a window and the share of batches of it; may be repeated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--checkpoint-seconds", type=float, default=240.0)
    parser.add_argument("--compile", action="store_true", help="fuse the network; needs a C++ compiler")
    parser.add_argument("--export-only", action="store_true", help="write the encoder of the last checkpoint")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Run the command."""
    options = parse_arguments(arguments)
    torch.set_num_threads(options.threads)
    settings = PretrainSettings(
        layers=options.layers, width=options.width, heads=options.heads, feed_forward=options.feed_forward,
        batch_tokens=options.batch_tokens, peak_rate=options.peak_rate, favour=tuple(options.favour),
        steps=options.steps, minutes=options.minutes, seed=options.seed,
        windows=tuple(options.window) or PretrainSettings.windows,
    )
    options.output.mkdir(parents=True, exist_ok=True)
    checkpoint = options.output / "checkpoint.pt"
    run = Run.open(settings, checkpoint)
    rows = read_index(options.index, favour=settings.favour)
    if not options.export_only:
        train, valid = (Batches(load_corpus(options.sequences, rows[rows["split"] == split]), settings)
                        for split in ("train", "valid"))
        pretrain(run, train, valid, checkpoint, checkpoint_seconds=options.checkpoint_seconds,
                 compiled=options.compile)
    export_encoder(run, options.output / "encoder")
    facts = json.dumps(describe(run, rows), indent=2) + "\n"
    (options.output / "pretraining.json").write_text(facts, encoding="utf-8")


if __name__ == "__main__":
    main()
