"""What surrounds each residue: numbers that follow from the sequence alone.

A language model of this size learns little from masked residues in an hour. What it can learn quickly is to
describe each residue's neighbourhood: how hydrophobic, charged, repetitive or amphipathic it is, and whether
it starts a chain. Averaged over a segment or a protein, these are what tells membrane proteins from soluble
ones, ordered from disordered ones, and secreted from cytosolic ones.

Hydropathy: Kyte and Doolittle, J Mol Biol 1982, doi 10.1016/0022-2836(82)90515-0. Moments: Eisenberg et al.,
Nature 1982, doi 10.1038/299371a0. Entropy as a measure of low complexity: Wootton and Federhen, Comput Chem
1993, doi 10.1016/0097-8485(93)85006-X.
"""

from __future__ import annotations

import numpy as np

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
OTHER = len(LETTERS)
HYDROPATHY = np.array([1.8, 2.5, -3.5, -3.5, 2.8, -0.4, -3.2, 4.5, -3.9, 3.8, 1.9, -3.5, -1.6, -3.5, -4.5,
                       -0.8, -0.7, 4.2, -0.9, -1.3, -0.5])
"""Kyte and Doolittle's scale in the order of `LETTERS`; the last is for any other letter."""
CHARGE = np.array([{"K": 1.0, "R": 1.0, "D": -1.0, "E": -1.0}.get(letter, 0.0) for letter in LETTERS + "X"])

# Windows in residues, and the levels that a channel tells apart.
HELIX_LEVELS = (-2.5, -1.8, -1.2, -0.6, 0.0, 0.5, 1.0, 1.4, 1.8, 2.3)  # mean hydropathy of 19 residues
TURN_LEVELS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)  # mean hydropathy of 7
CHARGE_LEVELS = (-7, -5, -3, -1, 1, 3, 5, 7)  # net charge of 15
CHARGED_LEVELS = (1, 3, 5, 7, 9)  # charged residues of 15
ENTROPY_LEVELS = (1.6, 1.9, 2.1, 2.25, 2.4, 2.55)  # nats, over 31
RICH_LEVELS = ((0.14, 0.02), (0.28, 0.03))  # share of one letter among 21, softness
MOMENTS = ((100.0, 11, (0.6, 1.0, 1.4, 1.8)), (170.0, 9, (0.6, 1.0, 1.4, 1.8)),
           (360 / 3.5, 29, (0.5, 0.8, 1.1, 1.4)))
"""Degrees per residue of helix, strand and coiled coil; window; levels of the hydrophobic moment."""
MOTIFS: tuple[tuple[tuple[str, tuple[int, ...]], ...], ...] = (
    (("C", (0,)), ("C", (2, 3, 4))), (("H", (0,)), ("H", (3, 4, 5))), (("N", (0,)), ("ST", (2,))),
    (("KR", (0,)), ("KR", (1,)), ("KR", (2,))), (("KR", (0,)), ("KR", (1,)), ("KR", (3,))),
    (("P", (0,)), ("P", (3,))), (("RS", (0,)), ("RS", (1,)), ("RS", (2,)), ("R", (0, 1, 2))),
    (("G", (0,)), ("G", (1,))), (("FWY", (0,)), ("G", (1,))), (("S", (0,)), ("P", (1,))),
    (("ST", (0,)), ("Q", (1,))), (("KR", (0,)), ("ST", (3,))), (("ST", (0,)), ("DE", (3,))),
)
"""Short linear motifs: each part is a set of letters and the offsets at one of which it must stand."""
N_CHANNELS = (len(LETTERS) + len(HELIX_LEVELS) + len(TURN_LEVELS) + len(CHARGE_LEVELS) + len(CHARGED_LEVELS)
              + len(ENTROPY_LEVELS) + len(RICH_LEVELS) * len(LETTERS)
              + sum(len(levels) for _, _, levels in MOMENTS) + 8 + len(MOTIFS))


def environments(letters: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Channels of every residue, from the residues of its own window alone.

    Parameters
    ----------
    letters : ndarray, dtype=int, shape=(B, T)
        Index in `LETTERS`, or `OTHER`.
    present : ndarray, dtype=bool, shape=(B, T)
        False where a token is no residue: <cls> before the first one, <eos> after the last.

    Returns
    -------
    ndarray, dtype=float32, shape=(B, T, N_CHANNELS)
        Most from 0 to 1; 0 where no residue is present.
    """
    B, T = letters.shape
    window = _Windows(present)
    one_hot = np.eye(OTHER + 1)[letters][:, :, :OTHER] * present[:, :, None]                # (B, T, 20)
    hydropathy, charge = HYDROPATHY[letters] * present, CHARGE[letters] * present
    charged = window.mean(np.abs(charge), 15) * 15
    share = window.mean(one_hot, 31)
    entropy = -(share * np.log(share + 1e-9)).sum(axis=-1)
    rich = window.mean(one_hot, 21)
    parts = [
        one_hot,
        _above(window.mean(hydropathy, 19), HELIX_LEVELS, 0.15),
        _above(window.mean(hydropathy, 7), TURN_LEVELS, 0.2),
        _above(window.mean(charge, 15) * 15, CHARGE_LEVELS, 0.5),
        _above(charged, CHARGED_LEVELS, 0.5),
        _above(entropy, ENTROPY_LEVELS, 0.07),
        *(_sigmoid((rich - level) / softness) for level, softness in RICH_LEVELS),
        *(_above(window.moment(hydropathy, degrees, width), levels, 0.1)
          for degrees, width, levels in MOMENTS),
        _chain_ends(letters, present, window, hydropathy),
        np.stack([_motif(letters, present, motif) for motif in MOTIFS], axis=-1),
    ]
    return (np.concatenate(parts, axis=-1) * present[:, :, None]).astype(np.float32)


class _Windows:
    """Means over windows centred at each residue, of the residues that are there."""

    def __init__(self, present: np.ndarray) -> None:
        self.present = present

    def _sum(self, values: np.ndarray, width: int) -> np.ndarray:
        T = values.shape[1]
        total = np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(values, axis=1)], axis=1)
        place = np.arange(T)
        return total[:, np.minimum(T, place + width // 2 + 1)] - total[:, np.maximum(0, place - width // 2)]

    def mean(self, values: np.ndarray, width: int) -> np.ndarray:
        """Values (B, T) or (B, T, k), 0 where no residue is; the same shape."""
        count = np.maximum(1.0, self._sum(self.present.astype(float), width))
        return self._sum(values, width) / count.reshape(*count.shape, *[1] * (values.ndim - 2))

    def moment(self, hydropathy: np.ndarray, degrees: float, width: int) -> np.ndarray:
        """Length of the mean hydropathy vector when each residue turns by so many degrees: (B, T)."""
        angle = np.deg2rad(degrees) * np.arange(hydropathy.shape[1])
        return np.hypot(self.mean(hydropathy * np.cos(angle), width),
                        self.mean(hydropathy * np.sin(angle), width))


def _above(values: np.ndarray, levels: tuple[float, ...], softness: float) -> np.ndarray:
    """How far values (B, T) lie above each level: (B, T, n_levels), from 0 to 1."""
    return _sigmoid((values[:, :, None] - np.array(levels)) / softness)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -30, 30)))


def _chain_ends(
    letters: np.ndarray, present: np.ndarray, window: _Windows, hydropathy: np.ndarray
) -> np.ndarray:
    """Eight channels at the ends of a chain, where signals that send a protein somewhere lie: (B, T, 8)."""
    T = letters.shape[1]
    # Only a window that shows <cls> or <eos> shows an end.
    from_start = np.where(present[:, :1], T, np.arange(T)[None] - 1)                        # (B, T)
    from_end = np.where(present[:, -1:], T, T - 2 - np.arange(T)[None])
    local = window.mean(hydropathy, 9)
    start = from_start < 30
    return np.stack([
        start, start * local / 3, start * np.maximum(0.0, local - 1.5), start * (CHARGE[letters] > 0),
        start * (CHARGE[letters] < 0), from_start < 80, from_end < 10,
        (from_end < 30) * window.mean(hydropathy, 7),
    ], axis=-1)


def _motif(
    letters: np.ndarray, present: np.ndarray, motif: tuple[tuple[str, tuple[int, ...]], ...]
) -> np.ndarray:
    """Where a motif begins: (B, T), 0 or 1."""
    found = np.ones(letters.shape, bool)
    for allowed, offsets in motif:
        stands = np.isin(letters, [LETTERS.index(letter) for letter in allowed]) & present
        found &= np.any([_shifted(stands, offset) for offset in offsets], axis=0)
    return found


def _shifted(stands: np.ndarray, offset: int) -> np.ndarray:
    """What stands `offset` residues further on; nothing beyond the window."""
    return np.pad(stands[:, offset:], ((0, 0), (0, offset)))
