"""A training run on disk after each epoch: one file, whole or not there at all, read without executing it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from esm2amp_core.errors import UserError
from esm2amp_core.files.whole_file import whole_file, why_unwritable
from esm2amp_core.training.changes import changes

FORMAT = 1
Facts = Mapping[str, str | int | float | bool]
"""What decides a run's outcome, by names that a person understands."""


def save_checkpoint(path: Path, facts: Facts, state: Mapping[str, Any]) -> None:
    """Write a run's state in the place of the last one.

    Parameters
    ----------
    path : Path
    facts : mapping
        Compared when the run is resumed.
    state : mapping
        Tensors, numbers, texts and plain containers of them.

    Raises
    ------
    UserError
        If the file cannot be written.
    """
    with whole_file(path) as part:
        try:
            torch.save({"format": FORMAT, "facts": dict(facts), "state": dict(state)}, part)
        except RuntimeError as error:  # what PyTorch calls a full disk or a missing folder
            raise OSError(why_unwritable(path.parent, str(error))) from None


def load_checkpoint(path: Path, facts: Facts) -> dict[str, Any] | None:
    """State of a run that was interrupted; None where there is none.

    Raises
    ------
    UserError
        If the file is damaged, or belongs to a run with other data or settings; the message says which.
    """
    if not path.exists():
        return None
    remedy = f"Repeat the run as it was begun, or remove {path} to begin anew."
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        found, state, version = saved["facts"], saved["state"], saved["format"]
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, ValueError, pickle.UnpicklingError):
        raise UserError(f"{path} is no state of a training run, or is damaged.", hint=remedy) from None
    if version != FORMAT:
        raise UserError(f"{path} was written by another version of esm2amp.", hint=remedy)
    if differing := changes(found, facts):
        raise UserError(f"{path} holds a run that was begun otherwise: {'; '.join(differing)}.", hint=remedy)
    return state
