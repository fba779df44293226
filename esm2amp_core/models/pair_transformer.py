"""The transformer of ESM2_AMPS on many pairs: the same numbers, less work and less memory traffic.

Tokens have no positions, so the first layer's norm and projections belong to a protein, whatever its partner.
The mean over tokens is linear, so the last layer's second linear map follows it: one row instead of 2T.
Nobody asks for the weights of attention here. What is added up over the layers stays float32.

In bfloat16 the rounding of a weight shifts all tokens alike, and the mean over tokens keeps what they have in
common. So what rounding took from weights and from the mean token is multiplied out, one row per pair, and
added: before the result is rounded, or to something that is not. What attention adds hardly differs from one
token to the next, nor does its rounding: its mean is float32. So are the first layer's projections.
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
"""Tokens summed or normalised together on a processor: they stay in its cache from one step to the next."""


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
        first = encoder.layers[0]
        self._first_norm, self._dtype = first.norm1, dtype
        self._first = linear(first.self_attn.in_proj_weight, first.self_attn.in_proj_bias, torch.float32)
        self._layers = [_Layer(layer, dtype) for layer in encoder.layers]
        self._last, self._head = encoder.layers[-1].linear2, head

    def per_protein(self, tokens: Tensor) -> Known:
        """Queries, keys and values of the first layer, (N, T, 3D)."""
        return (self._first(self._first_norm(tokens)).to(self._dtype),)

    def on_pairs(self, first: Known, second: Known) -> Tensor:
        """Logits (B,) from tokens (B, T, D) and first projections (B, T, 3D) of both proteins."""
        states, projected = (torch.cat(sides, dim=1) for sides in zip(first, second, strict=True))
        lost, added = None, ()                                                            # T of both
        for number, layer in enumerate(self._layers):
            if number:
                normed, means = self._normed(layer.norm1, states, added)                  # (B, T, D)
                projected, lost = layer.project(normed), layer.project.lost(means)        # (B, T, 3D)
            added = layer.attend(projected, lost)                                         # (B, T, D)
            hidden = layer.widen(*self._normed(layer.norm2, states, added))               # (B, T, F)
            added = layer.narrow(hidden) if number + 1 < len(self._layers) else ()
        pooled = states.mean(dim=1) + self._last(_means(hidden))
        return self._head(pooled).squeeze(-1)

    def _normed(
        self, norm: nn.LayerNorm, states: Tensor, added: tuple[Tensor, ...]
    ) -> tuple[Tensor, Tensor | None]:
        """Add to the states (B, T, D) in place, and normalise the sum: (B, T, D), ready for a product.

        Where that is rounded, also the mean token in float32 and behind it what rounding took, (B, 2D).
        """
        B, _, D = states.shape
        normed = torch.empty(states.shape, dtype=self._dtype, device=states.device)
        means = None if self._dtype == torch.float32 else states.new_empty((B, 2 * D))
        how = norm.normalized_shape, norm.weight, norm.bias, norm.eps
        for pairs in _blocks(states):
            for part in added:
                states[pairs] += part[pairs]
            exact = F.layer_norm(states[pairs], *how)
            normed[pairs] = exact
            if means is not None:
                means[pairs, :D] = exact.mean(dim=1)
                means[pairs, D:] = exact.sub_(normed[pairs]).mean(dim=1)
        return normed, means


class _Layer:
    """The linear maps of one encoder layer in one number format, with its norms as they are."""

    def __init__(self, layer: EncoderLayer, dtype: torch.dtype) -> None:
        attention = layer.self_attn
        self.norm1, self.norm2, self._heads = layer.norm1, layer.norm2, attention.heads
        self.project = _Map(attention.in_proj_weight, attention.in_proj_bias, dtype)
        self._mix_mean = attention.out_proj if dtype != torch.float32 else None
        self._mix = linear(attention.out_proj.weight, attention.out_proj.bias, dtype)
        self._widen = _Map(layer.linear1.weight, layer.linear1.bias, dtype)
        self._narrow = _Map(layer.linear2.weight, layer.linear2.bias, dtype, of_input=False)

    def attend(self, projected: Tensor, lost: Tensor | None) -> tuple[Tensor, ...]:
        """Summands of the states, (B, T, D) and where there is rounding (B, 1, D).

        Given queries, keys and values (B, T, 3D) and what rounding took from them, (B, 1, 3D).
        """
        B, T, D3 = projected.shape
        D, H = D3 // 3, self._heads
        query, key, value = _by_head(projected, H)                                        # (BH, T, D/H)
        scores = torch.bmm(query, key.transpose(1, 2)).float()                            # (BH, T, T)
        if lost is not None:
            lost_query, _, lost_value = _by_head(lost, H)                                 # (BH, 1, D/H)
            # What the keys lost moves all scores of a query alike, and no weight.
            scores += torch.bmm(lost_query, key.transpose(1, 2))
        weights = scores.mul_(1 / math.sqrt(D // H)).softmax(dim=-1)
        mixed = torch.bmm(weights.to(value.dtype), value)
        mixed = self._mix(mixed.view(B, H, T, D // H).transpose(1, 2).reshape(B * T, D)).view(B, T, D)
        if self._mix_mean is None:
            return (mixed,)
        mean = torch.bmm(weights.mean(dim=1, keepdim=True), value.float())
        if lost is not None:  # weights sum to 1: each token lacks what the values lost
            mean += lost_value
        return mixed, (self._mix_mean(mean.view(B, D)) - _means(mixed))[:, None]

    def widen(self, x: Tensor, means: Tensor | None) -> Tensor:
        """Hidden units (B, T, F) of tokens (B, T, D), and of what `PairTransformer._normed` says of them."""
        return self._widen(x, self._widen.lost(means)).relu_()

    def narrow(self, hidden: Tensor) -> tuple[Tensor, ...]:
        """Summands of the states, as of `attend`, given hidden units (B, T, F)."""
        narrowed = self._narrow(hidden)
        return (narrowed,) if self._mix_mean is None else (narrowed, self._narrow.lost(_means(hidden)))


class _Map:
    """A linear map in one number format, and what rounding took from it.

    `of_input` tells whether it is also known what rounding took from the mapped tokens.
    """

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype, *, of_input: bool = True) -> None:
        self._map, self._rest, self._dtype = linear(weight, bias, dtype), None, dtype
        if dtype != torch.float32:
            rest, rest_bias = (whole - whole.to(dtype).float() for whole in (weight, bias))
            self._rest = linear(torch.cat([rest, weight], dim=1) if of_input else rest, rest_bias, dtype)

    def __call__(self, x: Tensor, summand: Tensor | None = None) -> Tensor:
        """The map (B, T, M) of x (B, T, K); a summand (B, 1, M) is added before the sum is rounded."""
        B, T, K = x.shape
        if summand is not None:
            summand = summand.expand(B, T, -1).reshape(B * T, -1)
        return self._map(x.reshape(B * T, K), summand).view(B, T, -1)

    def lost(self, means: Tensor | None) -> Tensor | None:
        """What the mean of the mapped tokens lacks, (B, 1, M); None in float32.

        Given the mean token and, with `of_input`, behind it what rounding took from it: (B, K) or (B, 2K).
        """
        if self._rest is None:
            return None
        return self._rest(means.to(self._dtype))[:, None]


def _by_head(projected: Tensor, heads: int) -> Tensor:
    """Queries, keys and values (3, BH, T, D/H) of (B, T, 3D): the heads one behind the other."""
    B, T, D3 = projected.shape
    width = D3 // 3 // heads
    split = projected.view(B, T, 3, heads, width).permute(2, 0, 3, 1, 4)
    return split.reshape(3, B * heads, T, width)


def _means(tokens: Tensor) -> Tensor:
    """Mean of each pair's tokens, (B, K), summed in float32."""
    B, _, K = tokens.shape
    means = torch.empty((B, K), dtype=torch.float32, device=tokens.device)
    for pairs in _blocks(tokens):
        torch.mean(tokens[pairs], dim=1, dtype=torch.float32, out=means[pairs])
    return means


def _blocks(tokens: Tensor) -> list[slice]:
    """Pairs of (B, T, K) in stretches that a processor keeps in its cache; elsewhere all at once."""
    B, T, _ = tokens.shape
    size = max(_BLOCK_ROWS // T, 1) if tokens.device.type == "cpu" else B
    return [slice(start, start + size) for start in range(0, B, size)]
