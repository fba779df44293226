"""What a person chooses for a screen, and how many proteins of the model that takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from esm2amp_core.background import MOST_PROTEINS, Background
from esm2amp_core.bundles import BACKGROUND
from esm2amp_core.errors import UserError
from esm2amp_core.screen_plan import FEWEST_PARTNERS


@dataclass(frozen=True, kw_only=True)
class ScreenOptions:
    """Choices of a screen.

    Attributes
    ----------
    with_self : bool
        Also score proteins that are bait and library with themselves.
    top : int
        Best pairs in the tables, by score and by z.
    top_partners : int
        Best partners of each bait.
    reference : int
        Training proteins of the model by which proteins with too few partners are judged; 0 for none.
    block_pairs : int
        Pairs in memory at a time; an interrupted screen loses at most as many.

    Raises
    ------
    UserError
        If a number is out of its range.
    """

    with_self: bool = False
    top: int = 2_000
    top_partners: int = 20
    reference: int = 100
    block_pairs: int = 100_000

    def __post_init__(self) -> None:
        ranges = {"top": (1, 1_000_000), "top_partners": (1, 1_000), "block_pairs": (1, 5_000_000)}
        for name, (least, most) in ranges.items():
            if not least <= getattr(self, name) <= most:
                raise UserError(f"{name.replace('_', ' ')} is {getattr(self, name):,}.",
                                hint=f"Choose {least:,} to {most:,}.")
        if self.reference and not FEWEST_PARTNERS <= self.reference <= MOST_PROTEINS:
            raise UserError(f"reference is {self.reference:,}.",
                            hint=f"Choose {FEWEST_PARTNERS} to {MOST_PROTEINS}, or 0 for none.")

    def n_reference(self, n_there: int) -> int:
        """How many of a model's training proteins are asked; 0 where too few are wanted or there."""
        n = min(self.reference, n_there)
        return n if n >= FEWEST_PARTNERS else 0


def count_background(bundle: Path) -> int:
    """How many training proteins the bundle in this folder brings.

    Raises
    ------
    BundleError
        If its file cannot be read.
    """
    path = bundle / BACKGROUND
    return len(Background.load(path).values) if path.exists() else 0
