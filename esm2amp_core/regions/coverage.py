"""How much of each segment or residue lies inside annotated regions: the exact union of a type's regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from esm2amp_core.annotations.region import ALL, Annotations
from esm2amp_core.features import N_SEGMENTS
from esm2amp_core.region_files import ENDS
from esm2amp_core.regions.units import Units
from esm2amp_core.sequences import residue_stretch

POSITIONS = (*(f"tenth {i}" for i in range(1, N_SEGMENTS + 1)), ENDS)
"""Stretches of a chain whose being chosen would be a matter of position."""


def coverage(units: Units, annotations: Annotations, types: Sequence[str]) -> np.ndarray:
    """Share of each unit's residues inside the union of each type's regions.

    Parameters
    ----------
    units : Units
    annotations : Annotations
        Of a region that reaches behind a protein's end, the part inside counts.
    types : sequence of str, length=T

    Returns
    -------
    ndarray, dtype=float64, shape=(U, T + 1)
        0 to 1; the last column, `ALL`, is the union over the types.
    """
    column = {name: i for i, name in enumerate(types)}
    covered = np.zeros((units.offsets[-1], len(types) + 1))
    for number, (name, length) in enumerate(zip(units.names, units.lengths, strict=True)):
        regions = [region for region in annotations.of(name) if region.type in column]
        if not regions:
            continue
        inside = np.zeros((length, len(types) + 1), bool)
        for region in regions:
            start, stop = residue_stretch(region.start, region.end)
            inside[start:stop, [column[region.type], -1]] = True
        covered[units.offsets[number] : units.offsets[number + 1]] = _shares(inside, units.bounds(number))
    return covered


def coverage_names(types: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns that `coverage` gives."""
    return (*types, ALL)


def position_coverage(units: Units) -> np.ndarray:
    """The same for stretches that every chain has: ndarray, dtype=float64, shape=(U, 11).

    Columns as in `POSITIONS`; a tenth is a segment.
    """
    covered = np.zeros((units.offsets[-1], len(POSITIONS)))
    tenths = units.n_units[units.owners]
    place = np.arange(units.offsets[-1]) - units.offsets[units.owners]
    # The first `rest` tenths have one unit more, as segments have residues.
    size, rest = np.divmod(tenths, N_SEGMENTS)
    long = (size + 1) * rest
    tenth = np.where(place < long, place // (size + 1), rest + (place - long) // np.maximum(size, 1))
    covered[np.arange(len(tenth)), tenth] = 1
    covered[:, -1] = (tenth == 0) | (tenth == N_SEGMENTS - 1)
    return covered


def _shares(inside: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Share of true values between borders: (L, T) -> (units, T)."""
    return np.add.reduceat(inside, bounds[:-1], axis=0, dtype=np.int64) / np.diff(bounds)[:, None]
