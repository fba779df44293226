"""What a screen's scores say: exact best pairs, backgrounds of proteins, counts; a block at a time.

Some proteins score high with everything ("sticky" ones), and the best pairs of a screen are then theirs. So
each score is also compared with what its two proteins get elsewhere, as in context likelihood of relatedness
(Faith *et al.* 2007, doi 10.1371/journal.pbio.0050008): with s the logit of the pair (a, b), and m and d mean
and standard deviation (n - 1) of the logits of a protein with all its other partners in the screen,

    z_a = (s - m_a) / d_a        z_b = (s - m_b) / d_b        z = min(z_a, z_b)

The smaller one counts: a pair is special if it is so for both. Of a protein with fewer than
`FEWEST_PARTNERS` partners, m and d come from its logits with reference proteins (`reference`). Where there
are none, or all its logits are equal, it has no z and the other's counts alone. Pairs of a protein with
itself are in no background.
"""

from __future__ import annotations

import numpy as np

from esm2amp_core.screen_plan import FEWEST_PARTNERS

BINS = 100
_MOST_WAITING = 500_000
PAIR = np.dtype([("first", np.int32), ("second", np.int32), ("logit", np.float32),
                 ("probability", np.float32), ("order_difference", np.float32)])  # fmt: skip


class ScoreBackground:
    """Mean and standard deviation of each protein's logits.

    Attributes
    ----------
    n, mean, squares : ndarray, shape=(N,)
        Partners, or reference proteins; mean logit; sum of squared deviations from it.
    n_called : ndarray, dtype=int64, shape=(N,)
        How many of them from a probability of `threshold` on.
    by_reference : ndarray, dtype=bool, shape=(N,)
        Whose numbers are those with reference proteins.
    """

    def __init__(self, n_proteins: int, threshold: float) -> None:
        self.n, self.n_called = np.zeros(n_proteins, np.int64), np.zeros(n_proteins, np.int64)
        self.mean, self.squares = np.zeros(n_proteins), np.zeros(n_proteins)
        self.by_reference = np.zeros(n_proteins, bool)
        self._threshold = np.float32(threshold)

    def add(self, pairs: np.ndarray) -> None:
        """Count pairs (dtype `PAIR`) of two different proteins; others are passed over."""
        pairs = pairs[pairs["first"] != pairs["second"]]
        logit = np.tile(pairs["logit"].astype(np.float64), 2)
        protein = np.concatenate([pairs["first"], pairs["second"]])
        called = np.tile(pairs["probability"] >= self._threshold, 2)
        who, row = np.unique(protein, return_inverse=True)
        n = np.bincount(row)
        mean = np.bincount(row, logit) / n
        squares = np.bincount(row, (logit - mean[row]) ** 2)
        # Chan, Golub & LeVeque 1983: joining two means and sums of squares without cancellation.
        apart, total = mean - self.mean[who], self.n[who] + n
        self.squares[who] += squares + apart**2 * self.n[who] * n / total
        self.mean[who] += apart * n / total
        self.n[who] = total
        self.n_called[who] += np.bincount(row, called).astype(np.int64)

    def stand_in(self, reference: ScoreBackground) -> None:
        """Judge proteins with too few partners by what they score with reference proteins."""
        N = len(self.n)
        self.by_reference = (self.n < FEWEST_PARTNERS) & (reference.n[:N] >= FEWEST_PARTNERS)
        for name in ("n", "mean", "squares", "n_called"):
            getattr(self, name)[self.by_reference] = getattr(reference, name)[:N][self.by_reference]

    @property
    def sd(self) -> np.ndarray:
        """Standard deviations: ndarray, shape=(N,); NaN where there are fewer than two partners."""
        return np.sqrt(np.where(self.n > 1, self.squares, np.nan) / np.maximum(self.n - 1, 1))

    def z(self, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How far each pair stands out for its first, its second, and for both proteins.

        Returns
        -------
        z_a, z_b, z : ndarray, dtype=float64, shape=(M,)
            NaN where a protein, or both, have none.
        """
        sd = self.sd
        # Of equal numbers rounding may leave a trace.
        has_one = (self.n >= FEWEST_PARTNERS) & (sd > 1e-6 * np.maximum(np.abs(self.mean), 1))
        sd = np.where(has_one, sd, np.nan)
        sides = (pairs["first"], pairs["second"])
        z_a, z_b = ((pairs["logit"] - self.mean[side]) / sd[side] for side in sides)
        return z_a, z_b, np.fmin(z_a, z_b)


class Histogram:
    """How many pairs have which probability, in `BINS` equal bins (1 in the last); how many are called."""

    def __init__(self, threshold: float) -> None:
        self.counts, self.n_called = np.zeros(BINS, np.int64), 0
        self._threshold = np.float32(threshold)

    def add(self, pairs: np.ndarray) -> None:
        """Count pairs."""
        self.n_called += int((pairs["probability"] >= self._threshold).sum())
        bins = np.minimum((pairs["probability"].astype(np.float64) * BINS).astype(np.int64), BINS - 1)
        self.counts += np.bincount(bins, minlength=BINS)


class Top:
    """The k pairs with the highest scores; of equal ones those with the lower numbers.

    Attributes
    ----------
    pairs : ndarray, dtype=PAIR
        The best first.
    scores : ndarray, dtype=float64
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self.pairs, self.scores = np.empty(0, PAIR), np.empty(0)

    def add(self, pairs: np.ndarray, scores: np.ndarray) -> None:
        """Let pairs compete; those whose score is NaN do not."""
        least = self.scores[-1] if len(self.scores) == self._k else -np.inf
        able = scores >= least
        pairs = np.concatenate([self.pairs, pairs[able]])
        scores = np.concatenate([self.scores, scores[able].astype(np.float64)])
        best = np.lexsort((pairs["second"], pairs["first"], -scores))[: self._k]
        self.pairs, self.scores = pairs[best], scores[best]


class Partners:
    """The k best partners of each of the first `n_baits` proteins; of equal ones those of lower numbers."""

    def __init__(self, n_baits: int, k: int) -> None:
        self._n, self._k = n_baits, k
        self._bait, self._pairs = np.empty(0, np.int32), np.empty(0, PAIR)
        self._least = np.full(n_baits, -np.inf, np.float32)
        self._waiting: list[np.ndarray] = []
        self._n_waiting = 0

    def add(self, pairs: np.ndarray) -> None:
        """Let pairs compete."""
        low = np.minimum(self._least_of(pairs["first"]), self._least_of(pairs["second"]))
        able = pairs[pairs["logit"] >= low]
        self._waiting.append(able)
        self._n_waiting += len(able)
        if self._n_waiting > max(len(self._bait), _MOST_WAITING):
            self._merge()

    @property
    def best(self) -> tuple[np.ndarray, np.ndarray]:
        """The bait of each line, and the pair, in which it stands first or second: baits in order.

        Returns
        -------
        bait : ndarray, dtype=int32, shape=(M,)
        pairs : ndarray, dtype=PAIR, shape=(M,)
            Of each bait the best partner first.
        """
        self._merge()
        return self._bait, self._pairs

    def _least_of(self, protein: np.ndarray) -> np.ndarray:
        """What a pair must score to be among a bait's best so far; infinite for proteins that are none."""
        least = np.full(len(protein), np.inf, np.float32)
        is_bait = protein < self._n
        least[is_bait] = self._least[protein[is_bait]]
        return least

    def _merge(self) -> None:
        new = np.concatenate([np.empty(0, PAIR), *self._waiting])
        self._waiting, self._n_waiting = [], 0
        other = new[new["first"] != new["second"]]
        bait = np.concatenate([self._bait, new["first"], other["second"]])
        pairs = np.concatenate([self._pairs, new, other])
        is_bait = bait < self._n
        bait, pairs = bait[is_bait], pairs[is_bait]
        order = np.lexsort((other_than(bait, pairs), -pairs["logit"], bait))
        bait, pairs = bait[order], pairs[order]
        place = place_in_group(bait)
        full = place == self._k - 1
        self._least[bait[full]] = pairs["logit"][full]
        self._bait, self._pairs = bait[place < self._k], pairs[place < self._k]


def place_in_group(groups: np.ndarray) -> np.ndarray:
    """Each element's place among its equals, from 0, where equals stand together."""
    begins = np.flatnonzero(np.r_[True, groups[1:] != groups[:-1]][: len(groups)])
    return np.arange(len(groups)) - np.repeat(begins, np.diff(np.r_[begins, len(groups)]))


def other_than(protein: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """The partner that a protein has in each pair."""
    return np.where(pairs["first"] == protein, pairs["second"], pairs["first"])


class Places:
    """The rank that chosen pairs have among all pairs of one of their proteins.

    Parameters
    ----------
    protein : ndarray, dtype=int
        One of each chosen pair.
    logit : ndarray, dtype=float32
        Of each chosen pair.
    """

    def __init__(self, protein: np.ndarray, logit: np.ndarray) -> None:
        self._keys, self._place = np.unique(_sort_key(protein, logit), return_inverse=True)
        self._is_wanted = np.zeros(int(protein.max(initial=-1)) + 1, bool)
        self._is_wanted[protein] = True
        self._steps = np.zeros(len(self._keys) + 1, np.int64)

    def add(self, pairs: np.ndarray) -> None:
        """Count pairs against the chosen ones of the same protein."""
        others = pairs[pairs["first"] != pairs["second"]]
        for protein, logit in ((pairs["first"], pairs["logit"]), (others["second"], others["logit"])):
            wanted = protein < len(self._is_wanted)
            wanted[wanted] = self._is_wanted[protein[wanted]]
            protein, logit = protein[wanted], logit[wanted]
            # A pair is above the chosen ones from its protein's first to the last one below it.
            begin = np.searchsorted(self._keys, protein.astype(np.int64) << 32)
            end = np.searchsorted(self._keys, _sort_key(protein, logit))
            size = len(self._steps)
            self._steps += np.bincount(begin, minlength=size) - np.bincount(end, minlength=size)

    @property
    def ranks(self) -> np.ndarray:
        """Of each chosen pair: 1 plus the number of its protein's pairs that score higher."""
        return 1 + np.cumsum(self._steps)[self._place]


def _sort_key(protein: np.ndarray, logit: np.ndarray) -> np.ndarray:
    """Whole numbers (int64) that sort as (protein, logit) does."""
    bits = (np.asarray(logit, np.float32) + np.float32(0)).view(np.int32).astype(np.int64)  # no -0
    ordered = np.where(bits >= 0, bits, -0x80000000 - bits)
    return (np.asarray(protein, np.int64) << 32) + ordered + 0x80000000
