"""Arrays of ``.npz`` files, which may be damaged in any way."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

DAMAGED = (OSError, ValueError, LookupError, EOFError, MemoryError, RuntimeError, TypeError,
           zipfile.BadZipFile, zlib.error)  # fmt: skip
"""What zipfile and numpy raise on files that are none of theirs."""


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Every array of a file; objects, which would be unpickled, are refused.

    Raises
    ------
    ValueError
        If it cannot be read, whatever the reason.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return dict(file)
    except DAMAGED as error:
        raise ValueError(str(error) or type(error).__name__) from error
