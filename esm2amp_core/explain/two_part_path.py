"""Integrated Gradients through a smooth, slow model into one that is fast and has kinks.

A language model bends gently on the way from masked residues to a protein; a classifier with ReLUs behind it
jumps in its gradient at every kink, and a rule that looks at ten places of a stretch learns little of where.
But the classifier is a thousand times cheaper. Between the places where the language model was computed, what
it gives is interpolated, and the classifier's gradient is taken at many places. What belongs to each
computed place is pulled back through the language model there, once:

    integral of c'(P(t)) J(t) dt  =  sum over k of (integral of c'(P(t)) l_k(t) dt) J(t_k)

with P what the language model gives, J its Jacobian, c' the classifier's gradient and l_k the Lagrange
polynomials of the places t_k. Whether that was good enough is seen from the gap, as with any other rule.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.polynomial import legendre
from torch import Tensor

from esm2amp_core.explain.path import Parts, PathSum, follow, line

POINTS, FINE = 8, 128
"""Places per stretch where the slow part is computed (Gauss-Legendre), and where the fast one is."""
FINE_AT_ONCE = 32
TOWARDS_BASELINE = (0.0, *(2.0**-k for k in range(6, -1, -1)))
"""Ends of the first stretches: near a baseline of zeros, layer norms turn within a hundredth of the path."""
RULE = (f"Gauss-Legendre, {POINTS} points of the language model and {FINE} of the classifier on "
        f"{len(TOWARDS_BASELINE) - 1} stretches, each twice as long as the one before; that with the largest "
        "gap is halved")  # fmt: skip


def integrate_through(
    slow: Callable[..., Tensor],
    fast: Callable[[Tensor], Tensor],
    inputs: tuple[Tensor, ...],
    baselines: tuple[Tensor, ...],
    *,
    most_steps: int,
    at_once: int,
) -> PathSum:
    """Attribute ``fast(slow(*inputs))`` to the inputs.

    Parameters
    ----------
    slow : callable
        From tensors like `inputs`, with B in the place of 1, to Tensor, shape=(B, ...): smooth.
    fast : callable
        From Tensor, shape=(B, ...), to Tensor, shape=(B,); it may have kinks.
    inputs, baselines : tuple of Tensor, each shape=(1, ...)
    most_steps : int
        Halving ends when the sum has so many gradients of the slow part.
    at_once : int
        Of them computed at a time.
    """
    at, polynomials = line(inputs, baselines), _polynomials()
    nodes = (legendre.leggauss(POINTS)[0] + 1) / 2

    def points(places: np.ndarray) -> tuple[Tensor, ...]:
        return tuple(torch.cat(parts) for parts in zip(*map(at, places.tolist()), strict=True))

    def attribute(start: float, stop: float) -> Parts:
        groups = np.split(start + (stop - start) * nodes, range(at_once, POINTS, at_once))
        with torch.no_grad():
            found = torch.cat([slow(*points(places)) for places in groups])
        total = [np.zeros(x.shape[1:]) for x in inputs]
        for places, pull in zip(groups, _pulls(fast, found, polynomials).split(at_once), strict=True):
            here = tuple(part.requires_grad_() for part in points(places))
            for sums, gradient in zip(total, torch.autograd.grad(slow(*here), here, pull), strict=True):
                sums += gradient.cpu().double().sum(dim=0).numpy()
        return tuple((stop - start) * sums * (x - z)[0].cpu().double().numpy()
                     for sums, x, z in zip(total, inputs, baselines, strict=True))  # fmt: skip

    return follow(lambda place: fast(slow(*at(place))), attribute, TOWARDS_BASELINE, points=POINTS,
                  most_steps=most_steps)  # fmt: skip


def _pulls(fast: Callable[[Tensor], Tensor], found: Tensor, polynomials: Tensor) -> Tensor:
    """Mean gradients of the fast part over a stretch, each place's share: Tensor in the shape of `found`."""
    pulls = torch.zeros_like(found)
    for some in polynomials.to(found.dtype).to(found.device).split(FINE_AT_ONCE):  # (FINE_AT_ONCE, POINTS)
        between = torch.tensordot(some, found, dims=1).requires_grad_()
        (gradients,) = torch.autograd.grad(fast(between).sum(), between)
        pulls += torch.tensordot(some.T, gradients, dims=1) / FINE
    return pulls


def _polynomials() -> Tensor:
    """Lagrange polynomials of the places, at the middles of equal parts: Tensor, shape=(FINE, POINTS)."""
    fine, nodes = (2 * np.arange(FINE) + 1) / FINE - 1, legendre.leggauss(POINTS)[0]
    at_fine, at_nodes = (legendre.legvander(places, POINTS - 1) for places in (fine, nodes))
    return torch.from_numpy(at_fine @ np.linalg.inv(at_nodes))
