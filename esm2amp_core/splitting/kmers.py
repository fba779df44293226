"""Similar proteins by the words they share, where MMseqs2 is not installed.

A word is the classes of seven residues within nine neighbours: related proteins keep a residue's class more
often than the residue. The similarity of two proteins is the weight of the words they share, as a share of
the weight of the words of that protein which has more; identical proteins have 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from esm2amp_core.errors import UserError
from esm2amp_core.reference import CLASSES, UNKNOWN, residue_classes
from esm2amp_core.splitting.search import Hits

PATTERN = (0, 1, 2, 4, 5, 7, 8)
"""Places of a word's residues. Gaps make neighbouring words less alike, so that one exchange costs fewer of
them (spaced seeds; Ma, Tromp and Li, Bioinformatics 2002)."""
MIN_CLASSES = 4
"""Words of fewer classes come from repeats and low complexity, not from descent."""
FREQUENCIES = (0.249, 0.014, 0.083, 0.071, 0.119, 0.047, 0.079, 0.202, 0.114, 0.022)
"""How often the classes occur in UniProtKB/Swiss-Prot, in the order of `CLASSES`."""
LEVELS = ((0.3, 0.0125), (0.4, 0.0165), (0.5, 0.03), (0.6, 0.07), (0.7, 0.14), (0.8, 0.28), (0.9, 0.4),
          (1.0, 1.0))  # fmt: skip
"""Identity, and the similarity that nearly all proteins of that identity reach.

Chosen on the 10,237 human proteins of Pan et al. (2010) against MMseqs2 14 (sensitivity 5.7, coverage 0.5 of
both): of its pairs of at least 30 % identity 95 % come into one cluster (73 % by a hit of their own), of at
least 40 % 98 %, of at least 50 % 99 %; the largest cluster has 539 proteins, with MMseqs2 214. After a split
of that set, MMseqs2 finds a relative in another part for 144 of the 3,908 proteins of validation and test at
30 %, for 29 at 40 %, for 3 at 50 %.
"""
MIN_SHARED = 1_200.0
"""Least weight that two proteins share, that of three usual words, or half of the lighter one's: a word or
two in common happens by chance."""
LOOSER = 0.7
"""A thorough search is content with this share of that similarity."""
MAX_COMPARISONS = 10**10
"""Of proteins that have a word in common: some minutes. Beyond it, owners of the most frequent words are not
all compared with each other, but each with the few longest of them: members of a huge family are then still
linked (as in linclust; Steinegger and Söding, Nature Communications 2018)."""
CENTRES = 4
BLOCK_CELLS = 4_000_000


@dataclass(frozen=True)
class KmerSearch:
    """Finds proteins that share words; see `Search`.

    Raises
    ------
    UserError
        If an identity below 0.3 is asked for, at which words tell nothing.
    """

    identity: float
    coverage: float
    name: str = "kmers"
    version: str = "1"
    measure: str = "share of common k-mers"

    @property
    def claim(self) -> str:
        """What a hit says."""
        return (f"they share so many k-mers that {self.identity:.0%} identity over {self.coverage:.0%} of "
                "both is likely (MMseqs2, once installed, tells more surely)")

    def __post_init__(self) -> None:
        if self.identity < LEVELS[0][0]:
            raise UserError(f"K-mers do not tell proteins apart at {self.identity:.0%} identity.",
                            hint="Give --identity 0.3 or more, or install MMseqs2.")

    def threshold(self, *, thorough: bool) -> float:
        """Similarity from which two proteins count as similar."""
        identities, similarities = zip(*LEVELS, strict=True)
        # Between the measured identities similarity grows like a power of identity.
        reached = float(np.exp(np.interp(np.log(self.identity), np.log(identities), np.log(similarities))))
        return reached * min(1.0, self.coverage / 0.5) * (LOOSER if thorough else 1.0)

    def find(self, queries: Sequence[str], targets: Sequence[str], *, thorough: bool = False) -> Hits:
        """Similar ones of `targets` for each of `queries`."""
        n_queries = len(queries)
        owner, word, weight = _words([*queries, *targets])
        totals = np.bincount(owner, weight, n_queries + len(targets))
        lengths = np.array([len(sequence) for sequence in (*queries, *targets)])
        threshold = self.threshold(thorough=thorough)
        found = []
        for query, target, shared in _shared(owner, word, weight, lengths, n_queries):
            other = target + n_queries
            similarity = shared / np.maximum(totals[query], totals[other])
            both = np.stack([lengths[query], lengths[other]])
            # Where one is too long, nothing of the other can cover enough of it.
            kept = (similarity >= threshold) & (both.min(axis=0) >= self.coverage * both.max(axis=0))
            kept &= shared >= np.minimum(MIN_SHARED, np.minimum(totals[query], totals[other]) / 2)
            found.append((query[kept], target[kept], similarity[kept]))
        columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
        hits = Hits(columns[0].astype(np.int64), columns[1].astype(np.int64), np.minimum(columns[2], 1.0))
        order = np.lexsort((hits.target, hits.query))
        return hits.where(order)


def _words(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct words of each protein: owners, words and their weights, ordered by word."""
    residues = residue_classes("".join(sequences)).astype(np.int64)
    owner = np.repeat(np.arange(len(sequences)), [len(sequence) for sequence in sequences])
    n = max(len(residues) - PATTERN[-1], 0)
    letters = np.stack([residues[place : place + n] for place in PATTERN])  # (7, n)
    inside = owner[:n] == owner[len(owner) - n :]
    ordered = np.sort(letters, axis=0)
    rich = 1 + (np.diff(ordered, axis=0) > 0).sum(axis=0) >= MIN_CLASSES
    kept = np.flatnonzero(inside & rich & (ordered[-1] != UNKNOWN))
    word = np.zeros(len(kept), np.int64)
    information = np.zeros(len(kept))
    bits = -np.log2(FREQUENCIES)
    for row in letters[:, kept]:
        word = word * len(CLASSES) + row
        information += bits[row]
    both, first = np.unique(word * len(sequences) + owner[kept], return_index=True)
    # Squared: a rare word is worth several common ones.
    return both % len(sequences), both // len(sequences), information[first] ** 2


def _shared(
    owner: np.ndarray, word: np.ndarray, weight: np.ndarray, lengths: np.ndarray, n_queries: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Weight of common words of queries and targets that have any, as query, target, weight; in blocks."""
    _, word = np.unique(word, return_inverse=True)
    n_words, n_targets = int(word.max(initial=-1)) + 1, len(lengths) - n_queries
    is_query = owner < n_queries
    n_owners = [np.bincount(word[side], minlength=n_words) for side in (is_query, ~is_query)]
    comparisons = n_owners[0] * n_owners[1]
    by_cost = np.argsort(comparisons, kind="stable")
    frequent = np.zeros(n_words, bool)
    frequent[by_cost[np.cumsum(comparisons[by_cost]) > MAX_COMPARISONS]] = True
    often = frequent[word]
    central = often & _is_central(owner, word, lengths, n_queries)
    root = np.sqrt(weight).astype(np.float32)

    def matrix(chosen: np.ndarray) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        rows = sparse.csr_matrix((root[chosen], (owner[chosen], word[chosen])), shape=(len(lengths), n_words))
        return rows[:n_queries], rows[n_queries:].T.tocsr()

    queries, targets = matrix(~often)
    all_queries, all_targets = matrix(often)
    centres, target_centres = matrix(central)
    step = max(BLOCK_CELLS // max(n_targets, 1), 1)
    for start in range(0, n_queries, step):
        rows = slice(start, start + step)
        block = queries[rows] @ targets
        # Everyone with the centres of the other side; centres with each other, counted twice, once.
        block += all_queries[rows] @ target_centres + centres[rows] @ (all_targets - target_centres)
        block = block.tocoo()
        yield block.row + start, block.col, block.data


def _is_central(owner: np.ndarray, word: np.ndarray, lengths: np.ndarray, n_queries: int) -> np.ndarray:
    """Whether a protein is one of the few longest that have the word, among queries or among targets."""
    group = 2 * word + (owner >= n_queries)
    order = np.lexsort((owner, -lengths[owner], group))
    ordered = group[order]
    first = np.searchsorted(ordered, ordered)
    central = np.empty(len(owner), bool)
    central[order] = np.arange(len(owner)) - first < CENTRES
    return central
