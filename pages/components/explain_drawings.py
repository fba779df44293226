"""Pictures for a paper: the numbers of the screen, drawn at a journal's width.

Matplotlib takes its time to load and most visits ask for no file: it is imported when somebody does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.figures import explanation_parts as parts_of
from esm2amp_core.figures.explanation_pair import PairTokens
from pages.components.explain_reading import View

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNIT = "logit"


def drawings(draw: Callable[..., Figure], *args: object, **options: object) -> dict[str, Callable[[], bytes]]:
    """What makes the SVG and the PNG of a figure, when somebody asks for one."""
    return {suffix: partial(_file, suffix, draw, *args, **options) for suffix in ("svg", "png")}


def _file(suffix: str, draw: Callable[..., Figure], *args: object, **options: object) -> bytes:
    from esm2amp_core.plots.paper import to_png, to_svg

    return {"svg": to_svg, "png": to_png}[suffix](draw(*args, **options))


def tracks(view: View, method: str, note: str = "") -> Figure:
    """Both sequences, coloured by a method; a `note` stands above them."""
    from esm2amp_core.plots.paper import DOUBLE_MM
    from esm2amp_core.plots.tracks import sequence_tracks

    values, signed = parts_of.token_values(view.parts[method])
    residues = next(({side: parts_of.residue_values(part, side) for side in "AB"}
                     for part in view.parts.values() if parts_of.has_residues(part)), None)
    return sequence_tracks(values, view.pair, unit=parts_of.unit_of(method), signed=signed, residues=residues,
                           method=METHODS[method].title, title=note, width_mm=DOUBLE_MM)


def bars(panels: Sequence[parts_of.Bars], pair: PairTokens) -> Figure:
    """Every method's importance of each segment."""
    from esm2amp_core.plots.bars import token_bars

    return token_bars(panels, pair)


def matrix(weights: np.ndarray, pair: PairTokens, title: str) -> Figure:
    """Attention of a layer and head."""
    from esm2amp_core.plots.matrices import attention_heatmap

    return attention_heatmap(weights, pair, title=title)


def interactions(values: np.ndarray, pair: PairTokens) -> Figure:
    """Segments that work together."""
    from esm2amp_core.plots.matrices import interaction_map

    return interaction_map(values, pair, unit=UNIT)


def steps(part: Explanation, pair: PairTokens) -> Figure:
    """From the base value to the score."""
    from esm2amp_core.plots.bars import waterfall

    return waterfall(part.value[0], float(part.base_values[0]), pair, unit=parts_of.unit_of(part.method),
                     output=float(part.outputs[0]))


def swarm(values: np.ndarray, pair: PairTokens, method: str, called: np.ndarray) -> Figure:
    """A point per pair and segment."""
    from esm2amp_core.plots.bars import beeswarm

    return beeswarm(values, pair, unit=parts_of.unit_of(method), called=called)


def removal(curves: Mapping[str, Mapping[str, np.ndarray]], random: Mapping[str, np.ndarray]) -> Figure:
    """The score as segments are taken away or added."""
    from esm2amp_core.plots.curves import Band, Curves, faithfulness_curves

    return faithfulness_curves([
        Curves(panel, np.arange(len(random[panel][0])), found, Band(*random[panel]))
        for panel, found in curves.items()
    ], unit=UNIT, step_unit="segments changed")  # fmt: skip


def controls(nulls: Mapping[str, np.ndarray], own: float) -> Figure:
    """Probabilities of decoys, with the pair's own."""
    from esm2amp_core.plots.curves import controls_histogram

    return controls_histogram(nulls, own)


def agreement(sizes: np.ndarray, signed: np.ndarray, titles: list[str]) -> Figure:
    """Rank correlations between methods, of sizes and of signed values."""
    from esm2amp_core.plots.matrices import agreement_matrix

    return agreement_matrix(sizes, titles, below=signed)
