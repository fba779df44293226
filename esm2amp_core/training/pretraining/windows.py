"""Batches of windows, each a function of the seed and its number alone."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from esm2amp_core.embed.alphabet import CLS, EOS, MASK, VOCABULARY
from esm2amp_core.training.pretraining.corpus import Corpus
from esm2amp_core.training.pretraining.environment import LETTERS, OTHER, environments

FIRST_LETTER, N_STANDARD = VOCABULARY.index("L"), 20
# ESM-2 rescales embeddings for a share of 0.15 * 0.8 masked tokens; training has to match it.
MASKED_SHARE, REPLACED_BY_MASK, REPLACED_BY_LETTER = 0.15, 0.8, 0.1
MASKED_WINDOWS = 0.25
"""Share of a batch's windows in which residues are hidden and to be filled in; the others are described."""
AT_START, AT_END = 0.35, 0.15
"""Share of windows that begin with the protein, where targeting signals lie, and that end with it."""


@dataclass(frozen=True)
class Batch:
    """B windows of T tokens; in the first of them residues are hidden, the others are to be described.

    Attributes
    ----------
    tokens : Tensor, dtype=int64, shape=(B, T)
        After masking.
    positions, targets : Tensor, dtype=int64, shape=(M,)
        Masked positions in the flattened tokens, the same count in every masked row; what stood there.
    present : Tensor, dtype=bool, shape=(B', T)
        Residues, not <cls> and <eos>, of the last B' windows.
    described : Tensor, dtype=float32, shape=(B', T, N_CHANNELS)
        Their surroundings; see `environment`.
    """

    tokens: Tensor
    positions: Tensor
    targets: Tensor
    present: Tensor
    described: Tensor

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them, in the order of the fields."""
        return tuple(getattr(self, field.name) for field in fields(self))


class Windows:
    """Windows of a corpus, by batch number.

    Parameters
    ----------
    corpus : Corpus
    lengths : tuple of (int, float)
        Window lengths in tokens, and the share of batches of each.
    batch_tokens : int
        Tokens per batch, whatever the window.
    seed : int
    """

    def __init__(
        self, corpus: Corpus, lengths: tuple[tuple[int, float], ...], batch_tokens: int, seed: int
    ) -> None:
        self.corpus, self.seed = corpus, seed
        self.lengths, self.batch_tokens = [length for length, _ in lengths], batch_tokens
        shares = np.array([share for _, share in lengths])
        self.shares = shares / shares.sum()
        self.draws = [self._drawing_table(length) for length in self.lengths]

    def _drawing_table(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """Proteins that fill the window, and their cumulative probabilities."""
        rows = np.flatnonzero(self.corpus.lengths >= length)
        if not len(rows):
            raise ValueError(f"No protein fills a window of {length} tokens.")
        # Long proteins count by the residues they offer, up to two of the widest windows.
        weights = self.corpus.weights[rows] * np.minimum(self.corpus.lengths[rows], 1024)
        return rows, np.cumsum(weights) / weights.sum()

    def __getitem__(self, number: int) -> Batch:
        """Batch by number, whatever was read before."""
        random = np.random.default_rng([self.seed, number])
        return self.draw(random.choice(len(self.shares), p=self.shares), random)

    def draw(self, kind: int, random: np.random.Generator) -> Batch:
        """A batch of the window length number `kind`."""
        T = self.lengths[kind]
        rows, cumulative = self.draws[kind]
        B = max(2, self.batch_tokens // T)
        chosen = rows[np.minimum(np.searchsorted(cumulative, random.random(B)), len(rows) - 1)]
        starts = self.corpus.offsets[chosen] + cut_windows(self.corpus.lengths[chosen] - T, random)
        tokens = self.corpus.tokens[starts[:, None] + np.arange(T)].astype(np.int64)        # (B, T)
        n_masked = max(1, round(MASKED_WINDOWS * B))
        masked, positions, targets = mask_tokens(tokens[:n_masked], random)
        whole = tokens[n_masked:]
        present = (whole != CLS) & (whole != EOS)
        described = environments(_LETTER_OF_TOKEN[whole], present)
        return Batch(torch.cat([masked, torch.from_numpy(whole)]), positions, targets,
                     torch.from_numpy(present), torch.from_numpy(described))


_LETTER_OF_TOKEN = np.array([LETTERS.index(token) if token in LETTERS else OTHER for token in VOCABULARY])


def cut_windows(slack: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """First token of each window.

    Parameters
    ----------
    slack : ndarray, dtype=int64, shape=(B,)
        Tokens of the protein beyond one window.
    """
    place = random.random(len(slack))
    anywhere = random.integers(0, slack + 1)
    return np.where(place < AT_START, 0, np.where(place < AT_START + AT_END, slack, anywhere))


def mask_tokens(tokens: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Hide residues: 80 % become ``<mask>``, 10 % another letter, 10 % stay.

    Parameters
    ----------
    tokens : ndarray, dtype=int64, shape=(B, T)

    Returns
    -------
    tokens, positions, targets
        See `Batch`.
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
