"""A small transformer encoder whose attention can be seen.

Same names, same computation and same starting weights as ``torch.nn.TransformerEncoder`` with
``norm_first=True`` and no final norm, so published weights load unchanged. Torch's own layer asks
its attention for no weights (``need_weights=False``), so they cannot be had from it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esm2amp_core.models.dropout import Dropout, dropout


class SelfAttention(nn.Module):
    """Multi-head self-attention without mask, parameters named as in ``nn.MultiheadAttention``."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"A width of {width} cannot be shared by {heads} heads.")
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Attended tokens (B, T, D) and the weights (B, H, T, T), before dropout.

        Tokens that are not `present` (B, T) are attended to by none.
        """
        B, T, D = tokens.shape
        projected = F.linear(tokens, self.in_proj_weight, self.in_proj_bias)  # (B, T, 3D)
        split = projected.view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)  # each (B, H, T, D/H)
        scores = query @ key.transpose(-2, -1) / math.sqrt(D // self.heads)  # (B, H, T, T)
        if present is not None:
            scores = scores.masked_fill(~present[:, None, None, :], -torch.inf)
        weights = scores.softmax(dim=-1)
        mixed = dropout(weights, self.dropout, training=self.training) @ value  # (B, H, T, D/H)
        return self.out_proj(mixed.transpose(1, 2).reshape(B, T, D)), weights


class EncoderLayer(nn.Module):
    """Pre-norm block: ``x + attention(norm1(x))``, then ``x + feedforward(norm2(x))`` with ReLU."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width, heads, dropout)
        self.linear1 = nn.Linear(width, feedforward)
        self.linear2 = nn.Linear(feedforward, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, D) after the block, and its attention (B, H, T, T)."""
        attended, weights = self.self_attn(self.norm1(tokens), present)
        tokens = tokens + self.dropout(attended)
        hidden = self.dropout(torch.relu(self.linear1(self.norm2(tokens))))  # (B, T, feedforward)
        return tokens + self.dropout(self.linear2(hidden)), weights


class TransformerEncoder(nn.Module):
    """Encoder layers in a row. No positions and no final norm: it reads a set of tokens."""

    def __init__(self, width: int, layers: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(width, heads, feedforward, dropout) for _ in range(layers))

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Tokens (B, T, D) after the last layer, and each layer's attention (B, H, T, T)."""
        attention = []
        for layer in self.layers:
            tokens, weights = layer(tokens, present)
            attention.append(weights)
        return tokens, tuple(attention)
