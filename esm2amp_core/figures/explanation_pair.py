"""What pictures of an explanation say of a pair's tokens: names, residues, colours."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass

from esm2amp_core.errors import printable
from esm2amp_core.explanation_files import token_range

LONGEST_NAME = 28
"""Letters of a protein's name in a picture."""


# Middle tones that stand out on white and on black alike; nothing is transparent, whatever lies behind.
# Blue and orange differ in lightness too, and are told apart in any colour vision.
POSITIVE, NEGATIVE, MUTED = "#2f86bd", "#d9641a", "#98a4af"
CHOSEN, FAINT = "#d6277f", "#8a96a2"
SEQUENTIAL = ((0.0, "rgba(31,111,173,0)"), (1.0, "rgba(31,111,173,1)"))
DIVERGING = ((0.0, "rgba(213,94,0,1)"), (0.499, "rgba(213,94,0,0)"), (0.501, "rgba(31,111,173,0)"),
             (1.0, "rgba(31,111,173,1)"))
MUTED_SIZES = ((0.0, "rgba(152,164,175,0)"), (1.0, "rgba(152,164,175,1)"))
"""Sizes of numbers from which nothing should be read."""
LETTERS = ((0.0, "#e39a5c"), (0.5, "#b4bfc9"), (1.0, "#74aed6"))
"""As `DIVERGING`, behind letters and numbers that are always dark."""
DARK, PALE = "#111820", "#eef2f5"
"""Such letters, and what is put behind those that stand on any other colour."""

CLICKABLE = "rgba(0,0,0,0)"
"""Plotly tells of clicks on marks that nobody sees, but of none on a heatmap."""
STILL = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 1}}}
"""A click must not fade what was not clicked: the outline alone tells what is chosen."""


@dataclass(frozen=True)
class PairTokens:
    """The tokens of a pair, or of pairs in general.

    Attributes
    ----------
    tokens : tuple of str, length=2T
        ``A.segment0`` and so on; first all of A, then all of B.
    names : tuple of str, length=2
    lengths : tuple of int, length=2, or None
        Residues; None where many pairs are meant.
    """

    tokens: tuple[str, ...]
    names: tuple[str, str] = ("protein A", "protein B")
    lengths: tuple[int, int] | None = None

    @property
    def per_protein(self) -> int:
        """Tokens of each protein."""
        return len(self.tokens) // 2

    @property
    def output_words(self) -> str:
        """Whose score the tokens lead to."""
        return "mean of these pairs" if self.lengths is None else "this pair"

    def name(self, token: str) -> str:
        """The protein that a token belongs to."""
        return self.names[_side(token)]

    def residues(self, token: str) -> tuple[int, int] | None:
        """First and last residue, inclusive from 1; None for tokens without a place, or without lengths."""
        return None if self.lengths is None else token_range(token, self.lengths[_side(token)])

    def words(self, token: str) -> str:
        """``A.segment3 (residues 31–40 of P04637)``; a protein's name stands as it is, unescaped."""
        found = self.residues(token)
        if found is None:
            return f"{token} ({self.name(token)})"
        return f"{token} ({residue_words(*found)} of {self.name(token)})"

    def hovers(self) -> list[str]:
        """`words` of every token, fit for a picture."""
        return [picture_text(self.words(token), limit=60 + LONGEST_NAME) for token in self.tokens]

    def positions(self, chosen: Sequence[str]) -> list[int]:
        """Where the chosen tokens stand; those that do not occur are passed over."""
        return [self.tokens.index(token) for token in chosen if token in self.tokens]


def span_text(start: int, end: int) -> str:
    """First and last residue, inclusive: ``31–40``, or ``9`` where they are one."""
    return f"{start:,}" if start == end else f"{start:,}–{end:,}"


def residue_words(start: int, end: int) -> str:
    """As `span_text`, with the noun: ``residues 31–40``, ``residue 9``."""
    return f"residue{'' if start == end else 's'} {span_text(start, end)}"


def picture_text(text: str, *, limit: int = LONGEST_NAME) -> str:
    """Text of a person as Plotly shows it literally: it reads some HTML in labels.

    Control and direction characters are visible, as `printable` writes them.
    """
    text = printable(" ".join(text.split()))
    if len(text) > limit:
        text = f"{text[: limit - 1]}…"
    return html.escape(text, quote=False)


def _side(token: str) -> int:
    return 0 if token.startswith("A.") else 1
