"""The authors' published checkpoints (``.pth``), read without executing anything in them.

Such a file is a pickle: read plainly, it may run any program. Torch's ``weights_only`` reader
knows tensors and plain containers alone and refuses everything else. Published files also carry
their metrics as numpy scalars; these are not needed, so empty stand-ins take their place and no
numpy function is called either.
"""

from __future__ import annotations

import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.classifier import State
from esm2amp_core.models.weights import as_float32

MAX_BYTES = 8 * 1024**3
"""The largest published network with its optimiser state takes about 1 GiB."""
PARALLEL_PREFIX = "module."
COUNT = "num_batches_tracked"
"""What batch norm counts while it is trained: no weight, and a whole number."""
DAMAGED = (
    pickle.UnpicklingError,
    SafetensorError,
    zipfile.BadZipFile,
    struct.error,
    RuntimeError,
    EOFError,
    MemoryError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    NotImplementedError,
)
"""What torch's reader raises on files that are not checkpoints; it promises no error of its own."""
REFUSED = re.compile(r"(?:GLOBAL|[Cc]lass|function) <?(?:class |built-in function )?'?([\w.]+)")


class _StandIn:
    """Takes the place of a numpy object that nobody needs."""

    def __init__(self, *contents: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass


STAND_INS = [
    (_StandIn, name)
    for name in ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype")
]


def read_checkpoint(path: Path, architecture: str = "") -> dict[str, Tensor]:
    """The weights of a published checkpoint; optimiser state and metrics are left out.

    Parameters
    ----------
    path : Path
        A file written by ``torch.save``: a dict with ``model_state_dict``, or the state dict itself.
    architecture : str
        Key of `ARCHITECTURES` that the weights must fit; empty for no such check.

    Returns
    -------
    dict of str to Tensor
        float32, names without the ``module.`` of parallel training.

    Raises
    ------
    BundleError
        If the file is not a checkpoint, asks for more than weights, or does not fit the architecture.
    """
    path = Path(path)
    state = {name: tensor for name, tensor in _state_in(_load(path), path.name).items()
             if not name.endswith(COUNT)}  # fmt: skip
    if sum(tensor.numel() * tensor.element_size() for tensor in state.values()) > path.stat().st_size:
        raise BundleError(f"{path.name} is damaged: it claims more weights than it holds.")
    weights = as_float32(state)
    if architecture:
        _check_architecture(path.name, architecture, weights)
    return weights


def _load(path: Path) -> Any:
    """Whatever the file holds, as long as it is tensors and plain containers."""
    if not path.is_file():
        raise BundleError(f"There is no file {str(path)!r}.", hint="Check its name and folder.")
    if path.stat().st_size > MAX_BYTES:
        raise BundleError(
            f"{path.name} has {path.stat().st_size / 1024**3:.1f} GiB; checkpoints are smaller than "
            f"{MAX_BYTES / 1024**3:.0f} GiB."
        )
    try:
        is_zip = zipfile.is_zipfile(path)
        if is_zip:
            _check_zip(path)
        with torch.serialization.safe_globals(STAND_INS), warnings.catch_warnings(action="ignore"):
            # Mapped, not read: the optimiser state is twice as large as the weights.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except OSError as error:
        raise BundleError(f"{path.name} cannot be read: {error.strerror or error}.") from None
    except DAMAGED as error:
        raise _refusal(path, error) from None


def _check_zip(path: Path) -> None:
    """Look at the archive that a checkpoint is: torch neither limits its size nor verifies its sums."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.filename.endswith(".pth") for entry in entries):
            raise BundleError(f"{path.name} is a zip archive.", hint="Unpack it, and import the .pth inside.")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            # Torch stores its records as they are; a compressed one could expand without limit.
            raise BundleError(
                f"{path.name} is a compressed archive, not a checkpoint.", hint="Give the .pth file itself."
            )
        if archive.testzip() is not None:
            raise zipfile.BadZipFile


def _refusal(path: Path, error: BaseException) -> BundleError:
    """Why torch did not read the file, in words a person can act on."""
    # Torch's own text comes first in the message; what follows is advice to programmers.
    reason = re.split(r"WeightsUnpickler error:", str(error), maxsplit=1)[-1]
    asked = REFUSED.search(reason)
    if isinstance(error, pickle.UnpicklingError) and asked:
        return BundleError(
            f"{path.name} was not opened: it asks for {asked.group(1)}, and a checkpoint needs nothing "
            "but weights.",
            hint="Files that bring code along are refused. Get the checkpoint from its source again.",
        )
    with path.open("rb") as file:
        start = file.read(256).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return BundleError(
            f"{path.name} is a web page saved under the name of a checkpoint.",
            hint="Download the file itself; it has tens of megabytes or more.",
        )
    return BundleError(
        f"{path.name} is not a checkpoint, or is damaged or incomplete.", hint="Download it again."
    )


def _state_in(content: Any, name: str) -> dict[str, Tensor]:
    """The state dict in what a checkpoint holds."""
    state = content.get("model_state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not state:
        raise BundleError(f"{name} has no 'model_state_dict'.", hint="Give a checkpoint of the classifier.")
    strange = [
        str(key) for key, value in state.items()
        if not isinstance(key, str) or not isinstance(value, Tensor) or value.layout is not torch.strided
    ]  # fmt: skip
    if strange:
        raise BundleError(
            f"{name} is not a table of weights: {', '.join(strange[:5])} are something else.",
            hint="Give a checkpoint of the classifier.",
        )
    if all(key.startswith(PARALLEL_PREFIX) for key in state):
        return {key.removeprefix(PARALLEL_PREFIX): value for key, value in state.items()}
    return dict(state)


def _check_architecture(name: str, architecture: str, state: State) -> None:
    """Refuse weights of another architecture, and say which they would fit."""
    if problem := _misfit(architecture, state):
        fitting = [other for other in ARCHITECTURES if _misfit(other, state) is None]
        raise BundleError(
            f"{name} does not hold {architecture}: {problem.message}",
            hint=f"It fits {' and '.join(fitting)}." if fitting else problem.hint,
            details=problem.details,
        )


def _misfit(architecture: str, state: State) -> BundleError | None:
    """Why weights do not fit an architecture; None if they do."""
    classifier = resolve(architecture)
    try:
        classifier.from_state(classifier.sizes_from(state), state)
    except BundleError as error:
        return error
    return None
