"""Which residue of a chain is which of a protein."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import gemmi
import numpy as np

from esm2amp_core.errors import printable
from esm2amp_core.sequences import STANDARD, residue_number, residue_range
from esm2amp_core.structures.structure import Chain

SAME = 0.9
"""Identity from which a chain is the protein itself: a construct with mutations, or a close orthologue's."""
ENOUGH = 0.7
"""Identity below which it is another protein. Above, folds agree to about 1 Å (Chothia & Lesk, EMBO J.
1986;5:823) and alignments are not in doubt; paralogues such as haemoglobin's chains (43 %) stay below."""
MIN_IDENTICAL = 10
"""Residues in common that no chance brings about; the shortest protein that is scored has as many."""
MIN_SHARE = 0.3
"""Of the chain's residues that must be the protein's; the others may be tags or the partner of a fusion."""
_INNER = 3
"""Residues that agree in a stretch between two long ones; fewer may be by chance."""
_STEPS = re.compile(r"(\d+)([MID])")
_MOST_NAMED = 12
_NAMES = {letter: gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA) for letter in STANDARD}


@dataclass(frozen=True)
class ChainFit:
    """A chain of R residues laid onto a protein of L residues.

    Attributes
    ----------
    chain : Chain
    sequence : str, length=L
        Of the protein.
    positions : ndarray, dtype=int64, shape=(R,)
        Which residue of the protein each residue of the chain is, from 0; -1 for those that are none.
    """

    chain: Chain
    sequence: str
    positions: np.ndarray

    @cached_property
    def placed(self) -> np.ndarray:
        """Residues of the chain that are the protein's: ndarray, dtype=bool, shape=(R,)."""
        return self.positions >= 0

    @cached_property
    def identical(self) -> np.ndarray:
        """Those that also are the same amino acid: ndarray, dtype=bool, shape=(R,)."""
        return self.placed & (self._letters == np.array(list(self.sequence))[self.positions])

    @cached_property
    def _letters(self) -> np.ndarray:
        return np.array([residue.letter for residue in self.chain.residues])

    @cached_property
    def seen(self) -> np.ndarray:
        """Residues of the protein that have a place in the structure: ndarray, dtype=bool, shape=(L,)."""
        seen = np.zeros(len(self.sequence), dtype=bool)
        seen[self.positions[self.placed]] = True
        return seen

    @property
    def identity(self) -> float:
        """Share of the placed residues that are the same amino acid."""
        return float(self.identical.sum() / max(self.placed.sum(), 1))

    @property
    def problem(self) -> str:
        """Why the chain is not this protein, as the end of a sentence; empty if it is."""
        share = self.placed.mean() if len(self.positions) else 0.0
        if self.identical.sum() < MIN_IDENTICAL or share < MIN_SHARE:
            found = int(self.identical.sum())
            return (f"of its {len(self.positions):,} residues, {found or 'none'} can be found in stretches "
                    "that agree with the protein's sequence")
        if self.identity < ENOUGH:
            return (f"{100 * self.identity:.0f} % of the aligned residues are the same, and "
                    f"{100 * ENOUGH:.0f} % are asked for: a relative, but another protein")
        return ""

    @cached_property
    def elsewhere(self) -> list[str]:
        """Other stretches of the protein on which the chain lies as well, such as repeats: ``77–148``."""
        positions, letters = self.positions[self.placed], self._letters[self.placed]
        if not len(positions):
            return []
        first, last, own = positions.min(), positions.max(), np.array(list(self.sequence))
        shifts = [shift for shift in range(-first, len(own) - last) if shift
                  and (own[positions + shift] == letters).sum() >= self.identical.sum()]
        return [_stretch(int(first) + shift, int(last) + 1 + shift) for shift in shifts]

    @property
    def doubt(self) -> str:
        """That the chain may be another stretch of the protein, in a sentence; empty where it cannot."""
        if not self.elsewhere:
            return ""
        *most, last = self.elsewhere[:_MOST_NAMED]
        places = f"{', '.join(most)} and {last}" if most else last
        more = len(self.elsewhere) - _MOST_NAMED
        positions = self.positions[self.placed]
        here = _stretch(int(positions.min()), int(positions.max()) + 1)
        return (f"Chain {printable(self.chain.name)} is shown as residues {here}, but fits equally well at "
                f"{places}{f' and {more:,} more places' if more > 0 else ''}: the sequence repeats itself.")

    def on_chain(self, values: np.ndarray) -> np.ndarray:
        """Numbers of the protein's residues, at the chain's: shape (L,) -> (R,), NaN where there are none."""
        return np.where(self.placed, np.asarray(values, dtype=float)[self.positions], np.nan)

    def words(self) -> list[str]:
        """What to know of the alignment, one sentence each."""
        lines = [f"{self.placed.sum():,} of the protein's {len(self.sequence):,} residues are in the "
                 f"structure, {100 * self.identity:.1f} % of them the same amino acid."]
        if self.doubt:
            lines.append(self.doubt)
        if self.identity < SAME:
            lines.append(f"Below {100 * SAME:.0f} %: probably the protein of another species, or an "
                         "engineered one.")
        if unseen := _stretches(~self.seen):
            lines.append(f"Not in the structure: residues {_listed(unseen)}.")
        if differing := self.differences():
            lines.append(f"Other amino acids (protein, number, structure): {_listed(differing)}.")
        if other := int((~self.placed).sum()):
            lines.append(f"Of the chain, {other:,} {'residue is' if other == 1 else 'residues are'} not the "
                         "protein's (a tag, or the partner of a fusion).")
        return lines

    def differences(self) -> list[str]:
        """Residues that are another amino acid in the structure: ``V600E``, numbered as in the protein."""
        differing = np.flatnonzero(self.placed & ~self.identical)
        return [f"{self.sequence[self.positions[i]]}{residue_number(int(self.positions[i]))}"
                f"{self.chain.residues[i].letter}" for i in differing]


def align(sequence: str, chain: Chain) -> ChainFit:
    """Lay a chain onto a protein's sequence: BLOSUM62, gaps 10 + 1 per residue.

    A gap costs nothing to open where the structure has one: at the chain's ends and, where the file does not
    tell the residues that were not seen, where its backbone is interrupted.

    Parameters
    ----------
    sequence : str
        Of the protein.
    chain : Chain
    """
    scoring = gemmi.AlignmentScoring("b")
    opening = [scoring.bad_gapo] * (len(chain.sequence) + 1)
    opening[0] = opening[-1] = scoring.good_gapo
    for position in () if chain.is_complete else chain.breaks:
        opening[position + 1] = scoring.good_gapo
    result = gemmi.align_string_sequences(_names(sequence), _names(chain.sequence), opening, scoring)
    in_protein = np.full(len(chain.sequence), -1, dtype=np.int64)
    for here, there, n in _trusted(_blocks(result.cigar_str()), sequence, chain.sequence):
        in_protein[there : there + n] = np.arange(here, here + n)
    return ChainFit(chain, sequence, in_protein[[residue.position for residue in chain.residues]])


def _blocks(cigar: str) -> list[tuple[int, int, int]]:
    """Stretches without gaps: where each begins in the protein and in the chain, and how long it is."""
    blocks, here, there = [], 0, 0
    for count, step in _STEPS.findall(cigar):
        n = int(count)
        if step == "M":
            blocks.append((here, there, n))
        here += n if step in "MI" else 0
        there += n if step in "MD" else 0
    return blocks


def _trusted(blocks: list[tuple[int, int, int]], one: str, other: str) -> list[tuple[int, int, int]]:
    """Blocks long enough to be no chance, and what agrees between them.

    An alignment from end to end puts every residue somewhere: a tag beside the far end of a long protein,
    and the wrong protein in many little pieces that agree because they were free to choose.
    """
    same = [sum(a == b for a, b in zip(one[here : here + n], other[there : there + n], strict=True))
            for here, there, n in blocks]
    agree = [2 * equal >= n for equal, (_, _, n) in zip(same, blocks, strict=True)]
    anchors = [i for i, equal in enumerate(same) if equal >= MIN_IDENTICAL and agree[i]]
    if not anchors:
        return []
    inside = [blocks[i] for i in range(anchors[0], anchors[-1] + 1) if agree[i] and same[i] >= _INNER]
    return _trimmed(inside, one, other)


def _trimmed(blocks: list[tuple[int, int, int]], one: str, other: str) -> list[tuple[int, int, int]]:
    """Blocks less what differs at the outer ends: a tag's last residues, beside ones that were not seen."""
    here, there, n = blocks[0]
    while one[here] != other[there]:
        here, there, n = here + 1, there + 1, n - 1
    blocks[0] = (here, there, n)
    here, there, n = blocks[-1]
    while one[here + n - 1] != other[there + n - 1]:
        n -= 1
    blocks[-1] = (here, there, n)
    return blocks


def _names(sequence: str) -> list[str]:
    """Three-letter names, which the matrix knows; a rare letter only matches itself."""
    return [_NAMES.get(letter, letter) for letter in sequence]


def _stretches(mask: np.ndarray) -> list[str]:
    """Runs of true values as residues people count: ``1–44``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return [_stretch(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _stretch(start: int, stop: int) -> str:
    first, last = residue_range(start, stop)
    return f"{first:,}–{last:,}" if first < last else f"{first:,}"


def _listed(items: Iterable[str]) -> str:
    items = list(items)
    more = f" and {len(items) - _MOST_NAMED:,} more" if len(items) > _MOST_NAMED else ""
    return ", ".join(items[:_MOST_NAMED]) + more
