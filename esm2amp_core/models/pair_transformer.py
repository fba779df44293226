"""The transformer of ESM2_AMPS on many pairs: the same numbers, less work and less memory traffic.

Tokens have no positions, so the first layer's norm and projections belong to a protein, whatever its partner.
The mean over tokens is linear, so the last layer's second linear map follows it: one row instead of 2T.
Nobody asks for the weights of attention here. What is added up over the layers stays float32.

In bfloat16 the rounding of a weight shifts all tokens alike, and the mean over tokens keeps what they have in
common. So what rounding took from the weights is multiplied with the mean token, one row per pair, and added.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esm2amp_core.bfloat16 import linear
from esm2amp_core.models.pairwise import Known
from esm2amp_core.models.transformer import EncoderLayer, TransformerEncoder

_BLOCK_ROWS = 128
"""Tokens normalised together on a processor: they stay in its cache from the sum to the norm."""


class PairTransformer:
    """`TransformerEncoder` with a head, for inference.

    Parameters
    ----------
    encoder : TransformerEncoder
    head : nn.Module
        From the mean of the tokens (B, D) to a logit (B, 1); always in float32.
    dtype : torch.dtype
        Of the encoder's matrix products.
    """

    def __init__(self, encoder: TransformerEncoder, head: nn.Module, dtype: torch.dtype) -> None:
        self._layers = [_Layer(layer, dtype) for layer in encoder.layers]
        self._last, self._head, self._dtype = encoder.layers[-1].linear2, head, dtype

    def per_protein(self, tokens: Tensor) -> Known:
        """Queries, keys and values of the first layer, (N, T, 3D)."""
        N, T, D = tokens.shape
        layer = self._layers[0]
        return (layer.project(self._normed(layer.norm1, tokens)).view(N, T, 3 * D),)

    def on_pairs(self, first: Known, second: Known) -> Tensor:
        """Logits (B,) from tokens (B, T, D) and first projections (B, T, 3D) of both proteins."""
        tokens, projected = (torch.cat(sides, dim=1) for sides in zip(first, second, strict=True))
        B, T, D = tokens.shape                                                            # T of both
        states, added = tokens, None
        for number, layer in enumerate(self._layers):
            if number:
                projected = layer.project(self._normed(layer.norm1, states, added))       # (BT, 3D)
            added = layer.mix(layer.attend(projected.view(B, T, 3 * D)))                  # (B, T, D)
            hidden = layer.widen(self._normed(layer.norm2, states, added)).view(B, T, -1)  # (B, T, F)
            added = layer.narrow(hidden) if number + 1 < len(self._layers) else None
        pooled = states.mean(dim=1) + self._last(hidden.mean(dim=1, dtype=torch.float32))
        return self._head(pooled).squeeze(-1)

    def _normed(
        self, norm: nn.LayerNorm, states: Tensor, added: tuple[Tensor, ...] | None = None
    ) -> Tensor:
        """Add to the states (B, T, D) in place, and normalise the sum: (BT, D), ready for a product."""
        B, T, D = states.shape
        normed = torch.empty((B, T, D), dtype=self._dtype, device=states.device)
        block = max(_BLOCK_ROWS // T, 1) if states.device.type == "cpu" else B
        for start in range(0, B, block):
            pairs = slice(start, start + block)
            for part in added or ():
                states[pairs] += part[pairs]
            normed[pairs] = F.layer_norm(states[pairs], (D,), norm.weight, norm.bias, norm.eps)
        return normed.view(B * T, D)


class _Layer:
    """The linear maps of one encoder layer in one number format, with its norms as they are."""

    def __init__(self, layer: EncoderLayer, dtype: torch.dtype) -> None:
        attention = layer.self_attn
        self.norm1, self.norm2, self._heads = layer.norm1, layer.norm2, attention.heads
        self.project = linear(attention.in_proj_weight, attention.in_proj_bias, dtype)
        self.mix = _Summand(attention.out_proj, dtype)
        self.widen = linear(layer.linear1.weight, layer.linear1.bias, dtype, "relu")
        self.narrow = _Summand(layer.linear2, dtype)

    def attend(self, projected: Tensor) -> Tensor:
        """Attended tokens (B, T, D), heads side by side, from (B, T, 3D)."""
        B, T, D3 = projected.shape
        D, H = D3 // 3, self._heads
        split = projected.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)                 # (3, B, H, T, D/H)
        if projected.device.type != "cpu":
            return F.scaled_dot_product_attention(*split).transpose(1, 2).reshape(B, T, D)
        # So few tokens are faster as plain products, once the heads lie one behind the other.
        query, key, value = split.contiguous().view(3, B * H, T, D // H)
        scores = torch.bmm(query, key.transpose(1, 2)).float().mul_(1 / math.sqrt(D // H))
        mixed = torch.bmm(scores.softmax(dim=-1).to(value.dtype), value)                  # (BH, T, D/H)
        return mixed.view(B, H, T, D // H).transpose(1, 2).reshape(B, T, D)


class _Summand:
    """A linear map added to the states: per token, and what rounding took from it per pair."""

    def __init__(self, layer: nn.Linear, dtype: torch.dtype) -> None:
        self._map, self._rest = linear(layer.weight, layer.bias, dtype), None
        if dtype != torch.float32:
            lost = [whole - whole.to(dtype).float() for whole in (layer.weight, layer.bias)]
            self._rest = linear(*lost, dtype)

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Summands (B, T, D) and, where there is rounding, (B, 1, D) of x (B, T, K)."""
        B, T, K = x.shape
        mapped = self._map(x.view(B * T, K)).view(B, T, -1)
        if self._rest is None:
            return (mapped,)
        return mapped, self._rest(x.mean(dim=1)).view(B, 1, -1)
