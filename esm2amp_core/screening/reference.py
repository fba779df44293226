"""Reference partners: how proteins score that have too few partners in the screen to judge them by.

Of a library that meets one bait, each protein has one partner. Whether it scores high with everything is
then asked of training proteins of the model (`background.Background`), the same for all: with s(p, r) the
logits of protein p with the R reference proteins r,

    m_p = sum_r s(p, r) / R        d_p = sqrt( sum_r (s(p, r) - m_p)^2 / (R - 1) )

take the place of mean and standard deviation over its partners in `ranking`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_plan import MOST_PROTEINS, Block, Plan
from esm2amp_core.screening.parts import PartStore
from esm2amp_core.screening.ranking import ScoreBackground

REFERENCE = "reference"
"""Folder within the screen with these scores: parts, checked and gone on with as its own."""


def reference_features(bundle: ModelBundle, options: ScreenOptions) -> np.ndarray | None:
    """Features of training proteins, spread evenly over those that the bundle brings.

    Returns
    -------
    ndarray, dtype=float32, shape=(R, T, D), or None
        None where too few are wanted or there.

    Raises
    ------
    BundleError
        If the bundle's file cannot be read.
    """
    background = bundle.background() if options.reference else None
    n_there = 0 if background is None else len(background.values)
    if not (n := options.n_reference(n_there)):
        return None
    return background.values[np.linspace(0, n_there - 1, n).round().astype(int)]


def reference_blocks(plan: Plan, n_reference: int) -> Iterator[Block]:
    """Every protein of `Plan.few_partners` with each reference protein.

    The reference proteins are numbered behind those of the plan.
    """
    if not n_reference:
        return
    columns = range(plan.n_proteins, plan.n_proteins + n_reference)
    height = min(max(plan.block_pairs // n_reference, 1), MOST_PROTEINS)
    number = 0
    for proteins in plan.few_partners():
        for start in range(proteins.start, proteins.stop, height):
            yield Block(number, range(start, min(start + height, proteins.stop)), columns)
            number += 1


def reference_names(n_reference: int) -> list[str]:
    """What the reference proteins are called in the parts: the bundle keeps no names."""
    return [f"reference {number}" for number in range(1, n_reference + 1)]


def reference_background(store: PartStore, blocks: list[Block], threshold: float) -> ScoreBackground:
    """Means and standard deviations over the reference proteins, from finished blocks, one at a time."""
    background = ScoreBackground(blocks[0].columns.stop, threshold)
    for block in blocks:
        background.add(store.pairs(block))
    return background
