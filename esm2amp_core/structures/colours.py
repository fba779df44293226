"""Colours of residues, and the legends that explain them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from esm2amp_core.sequences import residue_stretch
from esm2amp_core.structures.importance import Importance

GREY = "#75707c"
"""Residues of which nothing is said: other chains, tags, no region. Seen on white and on black, and, also in
a ribbon's shade, far darker than the pale colour of 0."""
PROTEINS = ("#2f86bd", "#d9641a")
CHOSEN, CONTACT = "#d6277f", "#f2c014"
_POSITIVE, _MIDDLE, _NEGATIVE = (15, 92, 150), (226, 230, 233), (200, 84, 8)
PLDDT = ((90.0, "#0053d6", "very high (90 or more)"), (70.0, "#65cbf3", "high (70 to 90)"),
         (50.0, "#ffdb13", "low (50 to 70)"), (0.0, "#ff7d45", "very low (below 50)"))  # fmt: skip
"""As AlphaFold DB draws them."""


@dataclass(frozen=True)
class Legend:
    """What the colours mean.

    Attributes
    ----------
    entries : tuple of (str, str)
        Colour and words.
    gradient : tuple of str
        Colours from the lowest to the highest number; empty where there is none.
    low, high : str
        What stands at its ends.
    """

    entries: tuple[tuple[str, str], ...] = ()
    gradient: tuple[str, ...] = ()
    low: str = ""
    high: str = ""


def importance_colours(values: np.ndarray, limit: float, *, signed: bool) -> list[str]:
    """A colour per residue; signed numbers are pale at 0, orange below, blue above.

    Parameters
    ----------
    values : ndarray, shape=(L,)
        NaN: `GREY`.
    limit : float
        Number of the strongest colour.
    signed : bool
    """
    return [GREY if np.isnan(value) else _hex(_mixed(float(value) / limit if signed or value > 0 else 0.0))
            for value in values]


def importance_legend(importance: Importance) -> Legend:
    """Legend of `importance_colours`."""
    steps = np.linspace(-1 if importance.signed else 0, 1, 9)
    most = f"{importance.limit:.2g}"
    ends = (f"−{most} against", f"+{most} for") if importance.signed else ("0", f"{most} matters most")
    return Legend((), tuple(_hex(_mixed(step)) for step in steps), *ends)


def plddt_colours(values: np.ndarray) -> list[str]:
    """A colour per residue by its pLDDT, 0 to 100."""
    return [next((colour for least, colour, _ in PLDDT if value >= least), GREY) for value in values]


def plddt_legend() -> Legend:
    """Legend of `plddt_colours`."""
    return Legend(tuple((colour, words) for _, colour, words in PLDDT))


@dataclass(frozen=True)
class RegionLayer:
    """Annotated regions of P proteins as a colouring.

    Attributes
    ----------
    regions : tuple of tuple of (int, int, str), one per protein
        First and last residue, inclusive from 1, and type; where regions overlap, the later one is seen.
    colours : mapping of str to str
        Of each type, as ``#rrggbb``.
    """

    regions: tuple[tuple[tuple[int, int, str], ...], ...]
    colours: Mapping[str, str]

    def types(self, protein: int, length: int) -> list[str]:
        """Type of region of each residue; empty for none. A region may reach behind the end."""
        types = [""] * length
        for first, last, name in self.regions[protein]:
            start, stop = residue_stretch(first, last)
            for position in range(start, min(stop, length)):
                types[position] = name
        return types

    def legend(self, seen: Collection[str]) -> Legend:
        """The types of `seen`, in the order of the regions."""
        found = dict.fromkeys(name for own in self.regions for _, _, name in own if name in seen)
        return Legend(tuple((self.colours.get(name, GREY), name) for name in found))


def _mixed(share: float) -> tuple[float, ...]:
    end = _POSITIVE if share >= 0 else _NEGATIVE
    share = min(abs(share), 1.0)
    return tuple(middle + share * (strong - middle) for middle, strong in zip(_MIDDLE, end, strict=True))


def _hex(rgb: tuple[float, ...]) -> str:
    return "#" + "".join(f"{round(part):02x}" for part in rgb)
