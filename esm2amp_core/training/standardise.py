"""Rescaling an encoder's states, in its weights, so that classifiers find them ready to read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from transformers import EsmForMaskedLM, EsmTokenizer


@torch.no_grad()
def standardise(model: EsmForMaskedLM, mean: np.ndarray, scale: np.ndarray) -> None:
    """Make the encoder give ``(states - mean) / scale`` by changing weights alone.

    The last layer norm ends in a scale and a shift per dimension, which take it up; the letter
    head undoes it, so the model predicts the same masked residues as before.

    Parameters
    ----------
    model : EsmForMaskedLM
        Changed in place.
    mean, scale : ndarray, shape=(D,)
    """
    centre, width = (torch.from_numpy(values).double() for values in (mean, scale))
    norm, dense = model.esm.encoder.emb_layer_norm_after, model.lm_head.dense
    weight = dense.weight.double()
    dense.bias.copy_(dense.bias.double() + weight @ centre)
    dense.weight.copy_(weight * width)
    norm.bias.copy_((norm.bias.double() - centre) / width)
    norm.weight.copy_(norm.weight.double() / width)


def standardised_readout(
    weight: Tensor, bias: Tensor, mean: np.ndarray, scale: np.ndarray
) -> tuple[Tensor, Tensor]:
    """The linear map of states that gives the same for standardised ones: weight (C, D) and bias (C,)."""
    centre, width = (torch.from_numpy(values).double() for values in (mean, scale))
    return (weight.double() * width).float(), (bias.double() + weight.double() @ centre).float()


def write_standardised(source: Path, target: Path, mean: np.ndarray, scale: np.ndarray) -> None:
    """Write a standardised copy of an encoder."""
    model = EsmForMaskedLM.from_pretrained(source, local_files_only=True)
    standardise(model, mean, scale)
    model.save_pretrained(target)
    EsmTokenizer.from_pretrained(source, local_files_only=True).save_pretrained(target)
