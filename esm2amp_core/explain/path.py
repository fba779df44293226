"""Integrated Gradients along a straight path, in finer steps where the model bends.

Gradients are averaged on the way from a baseline to the input and multiplied by what lies between the two;
these attributions add up to the difference of the two outputs (Sundararajan et al. 2017, arXiv:1703.01365).
Equal steps waste most of themselves: near a baseline of zeros a layer norm turns within a hundredth of the
path, and elsewhere little happens. Here each stretch of the path has its own gap between its attributions and
the difference of the outputs at its ends, and the stretch with the largest one is halved until the gaps are
small.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from captum.attr import IntegratedGradients as CaptumGradients
from torch import Tensor

Parts = tuple[np.ndarray, ...]
"""Attributions in the shapes of the inputs, without the first axis."""
POINTS, EVEN = 10, (0.0, 1 / 3, 2 / 3, 1.0)
"""Gradients per stretch (Gauss-Legendre), and ends of the first stretches: a few more than published."""
GAP_SHARE = 0.01
"""Of the difference of the outputs: where the halving ends."""
LEAST_GAP = 1e-4
"""In units of the output. Gaps below it are left alone: rounding errors of float32 are not far."""
RULE = f"Gauss-Legendre, {POINTS} points on {len(EVEN) - 1} stretches; that with the largest gap is halved"


@dataclass(frozen=True)
class PathSum:
    """Attributions of one example.

    Attributes
    ----------
    attributions : tuple of ndarray, dtype=float64
        In the shapes of the inputs, without the first axis.
    at_baseline, at_input : float
        The model's outputs.
    gap : float
        Sum of all attributions, minus the difference of the outputs.
    steps : int
        Gradients in the sum.
    closed : bool
        False where the gaps were still too large when `most_steps` were reached.
    """

    attributions: Parts
    at_baseline: float
    at_input: float
    gap: float
    steps: int
    closed: bool

    def summed(self) -> PathSum:
        """The same with each position's numbers (..., D) as two: their sum, and their mean without signs."""
        pairs = (np.stack([parts.sum(axis=-1), np.abs(parts).mean(axis=-1)]) for parts in self.attributions)
        return replace(self, attributions=tuple(pairs))


def integrate(
    forward: Callable[..., Tensor],
    inputs: tuple[Tensor, ...],
    baselines: tuple[Tensor, ...],
    *,
    most_steps: int,
    at_once: int,
) -> PathSum:
    """Attribute an output to the inputs.

    Parameters
    ----------
    forward : callable
        From tensors like `inputs`, with B in the place of 1, to Tensor, shape=(B,).
    inputs, baselines : tuple of Tensor, each shape=(1, ...)
    most_steps : int
        Halving ends when the sum has so many gradients.
    at_once : int
        Gradients computed at a time.
    """
    captum = CaptumGradients(forward, multiply_by_inputs=False)
    at = line(inputs, baselines)

    def attribute(start: float, stop: float) -> Parts:
        gradients = captum.attribute(at(stop), at(start), n_steps=POINTS, internal_batch_size=at_once)
        return tuple(((stop - start) * g.cpu().double() * (x - z).cpu().double())[0].numpy()
                     for g, x, z in zip(gradients, inputs, baselines, strict=True))  # fmt: skip

    return follow(lambda place: forward(*at(place)), attribute, EVEN, points=POINTS, most_steps=most_steps)


def line(inputs: tuple[Tensor, ...], baselines: tuple[Tensor, ...]) -> Callable[[float], tuple[Tensor, ...]]:
    """Places on the way from the baselines, at 0, to the inputs, at 1."""
    between = tuple(x - z for x, z in zip(inputs, baselines, strict=True))

    def at(place: float) -> tuple[Tensor, ...]:
        return inputs if place == 1 else tuple(z + place * d for z, d in zip(baselines, between, strict=True))

    return at


def follow(
    output: Callable[[float], Tensor],
    attribute: Callable[[float, float], Parts],
    edges: Sequence[float],
    *,
    points: int,
    most_steps: int,
) -> PathSum:
    """Add up the attributions of stretches, and halve that with the largest gap until the gaps are small.

    Parameters
    ----------
    output : callable
        From a place on the path, 0 to 1, to the model's output there: one number.
    attribute : callable
        From the ends of a stretch to its attributions, found with `points` gradients.
    edges : sequence of float
        Ends of the first stretches, from 0 to 1.
    points, most_steps : int
        Gradients per stretch, and in the sum at most.
    """

    @torch.no_grad()
    def at_edge(place: float) -> float:
        return output(place).item()

    def stretch(start: float, stop: float) -> _Stretch:
        parts = attribute(start, stop)
        total = sum(float(part.sum()) for part in parts)
        return _Stretch(start, stop, parts, total - (outputs[stop] - outputs[start]))

    outputs = {edge: at_edge(edge) for edge in edges}
    tolerance = max(GAP_SHARE * abs(outputs[1.0] - outputs[0.0]), LEAST_GAP)
    stretches = [stretch(*ends) for ends in pairwise(edges)]
    while not (closed := _size(stretches) <= tolerance) and points * len(stretches) < most_steps:
        worst = stretches.pop(max(range(len(stretches)), key=lambda i: abs(stretches[i].gap)))
        middle = (worst.start + worst.stop) / 2
        outputs[middle] = at_edge(middle)
        stretches += [stretch(worst.start, middle), stretch(middle, worst.stop)]
    attributions = tuple(sum(parts) for parts in zip(*(one.parts for one in stretches), strict=True))
    return PathSum(attributions, outputs[0.0], outputs[1.0], sum(one.gap for one in stretches),
                   points * len(stretches), closed)


def checks(paths: Sequence[PathSum]) -> dict[str, np.ndarray]:
    """What they say of themselves, the larger the worse: ndarrays, dtype=float64, shape=(N,)."""
    found = {"completeness_gap": [path.gap for path in paths], "steps": [path.steps for path in paths],
             "left_open": [not path.closed for path in paths]}  # fmt: skip
    return {name: np.array(values, dtype=np.float64) for name, values in found.items()}


@dataclass(frozen=True)
class _Stretch:
    """Part of the path, from `start` to `stop` of it, with its attributions and their gap."""

    start: float
    stop: float
    parts: Parts
    gap: float


def _size(stretches: list[_Stretch]) -> float:
    """How large the gaps are: their sum, or their length where they cancel in the sum by chance."""
    gaps = np.array([one.gap for one in stretches])
    return max(abs(gaps.sum()), float(np.linalg.norm(gaps)))
