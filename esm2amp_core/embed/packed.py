"""ESM-2's forward pass over sequences laid end to end: every token is computed once, and no padding.

Linear layers and norms see one long row of tokens; attention sees one sequence at a time. Weights, and in
float32 the numbers, are those of `transformers.EsmModel`. What is added up over the layers is float32 always.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import EsmModel
from transformers.models.esm.modeling_esm import EsmLayer

from esm2amp_core.bfloat16 import linear

_BLOCK_ROWS = 128
"""Tokens normalised together on a processor: they stay in its cache from the sum to the norm."""


class PackedEsm:
    """The model for inference, its weights brought into the form of the products once.

    Parameters
    ----------
    model : EsmModel
        ESM-2, in evaluation mode, in float32 or bfloat16.
    """

    def __init__(self, model: EsmModel) -> None:
        self._embeddings, self._rotary, self._dtype = model.embeddings, model.rotary_embeddings, model.dtype
        self._heads = model.config.num_attention_heads
        self._layers = [_Layer(layer, model.dtype) for layer in model.encoder.layer]
        self._norm = _Norm(model.encoder.emb_layer_norm_after)

    @torch.inference_mode()
    def __call__(self, ids: Tensor, lengths: Sequence[int]) -> Tensor:
        """Last hidden states.

        Parameters
        ----------
        ids : Tensor, dtype=int64, shape=(N,)
            Tokens of all sequences, ``<cls> residues <eos>`` one after the other, none of them masked.
        lengths : sequence of int
            Tokens of each; their sum is N.

        Returns
        -------
        Tensor, dtype=float32, shape=(N, D)
            After the final layer norm.
        """
        bounds = [0, *accumulate(lengths)]
        states = self._embeddings(input_ids=ids[None])[0].float()                         # (N, D)
        places = torch.cat([torch.arange(n, device=ids.device) for n in lengths])
        # Both halves of a head turn by the same angles.
        turn = [part[0, :, None, : part.shape[-1] // 2].to(self._dtype)                   # (N, 1, D/2H)
                for part in self._rotary(states, places[None])]  # fmt: skip
        added = None
        for layer in self._layers:
            normed = self._normed(layer.norm1, states, added)
            query, key, value = (project(normed).unflatten(1, (self._heads, -1)) for project in layer.project)
            added = layer.mix(_attend(_turned(query, *turn), _turned(key, *turn), value, bounds))
            added = layer.narrow(layer.widen(self._normed(layer.norm2, states, added)))
        states += added
        return self._norm(states)

    def _normed(self, norm: _Norm, states: Tensor, added: Tensor | None) -> Tensor:
        """Add to the states in place, and normalise the sum: (N, D), ready for a product."""
        normed = torch.empty_like(states, dtype=self._dtype)
        block = _BLOCK_ROWS if states.device.type == "cpu" else len(states)
        for start in range(0, len(states), block):
            rows = slice(start, start + block)
            if added is not None:
                states[rows] += added[rows]
            normed[rows] = norm(states[rows])
        return normed


class _Layer:
    """The linear maps and norms of one layer."""

    def __init__(self, layer: EsmLayer, dtype: torch.dtype) -> None:
        attention = layer.attention.self
        self.norm1, self.norm2 = _Norm(layer.attention.LayerNorm), _Norm(layer.LayerNorm)
        self.project = [linear(part.weight, part.bias, dtype)
                        for part in (attention.query, attention.key, attention.value)]  # fmt: skip
        self.mix = linear(layer.attention.output.dense.weight, layer.attention.output.dense.bias, dtype)
        self.widen = linear(layer.intermediate.dense.weight, layer.intermediate.dense.bias, dtype, "gelu")
        self.narrow = linear(layer.output.dense.weight, layer.output.dense.bias, dtype)


class _Norm:
    """A layer norm in float32."""

    def __init__(self, norm: nn.LayerNorm) -> None:
        self._weight, self._bias = norm.weight.detach().float(), norm.bias.detach().float()
        self._eps = norm.eps

    def __call__(self, states: Tensor) -> Tensor:
        return F.layer_norm(states, self._weight.shape, self._weight, self._bias, self._eps)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries or keys (N, H, D/H) turned by their places (rotary position embedding)."""
    first, second = x.chunk(2, dim=-1)
    turned = torch.empty_like(x)
    torch.addcmul(first * cos, second, sin, value=-1, out=turned[..., : first.shape[-1]])
    torch.addcmul(second * cos, first, sin, out=turned[..., first.shape[-1] :])
    return turned


def _attend(query: Tensor, key: Tensor, value: Tensor, bounds: list[int]) -> Tensor:
    """Attention within each sequence: (N, H, D/H) three times to (N, D), heads side by side."""
    if query.device.type == "cuda" and query.dtype == torch.bfloat16:
        from torch.nn.attention.varlen import varlen_attn  # needs flash attention: only such cards have it

        starts = torch.tensor(bounds, dtype=torch.int32, device=query.device)
        longest = max(stop - start for start, stop in pairwise(bounds))
        return varlen_attn(query, key, value, starts, starts, longest, longest).flatten(1)
    mixed = torch.empty_like(query)
    for start, stop in pairwise(bounds):
        one = (part[start:stop].transpose(0, 1)[None] for part in (query, key, value))   # (1, H, L, D/H)
        mixed[start:stop] = F.scaled_dot_product_attention(*one)[0].transpose(0, 1)
    return mixed.flatten(1)
