"""One pair beside its own null: decoys of both proteins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from esm2amp_core.explanation_tests.arrays import Arrays, long_frame

CONTROLS = {
    "b_shuffled": "A with the residues of B in random order",
    "b_random": "A with random proteins of B's length",
    "a_shuffled": "the residues of A in random order, with B",
    "a_random": "random proteins of A's length, with B",
}
"""What stands in the place of a pair, in words."""


@dataclass(frozen=True)
class Controls(Arrays):
    """One pair beside pairs that cannot interact for what they are: C kinds of control, n of each.

    Attributes
    ----------
    kinds : tuple of str, length=C
        Keys of `CONTROLS`.
    tokens : tuple of str, length=2T
    methods : tuple of str, length=M
    logit, probability : float
        Of the pair.
    null_logits, null_probabilities : ndarray, dtype=float64, shape=(C, n)
    p_values : ndarray, shape=(C,)
        Share of controls with at least the pair's logit, one added to both counts.
    token_values : ndarray, shape=(M, 2T)
        Of the pair: size of what the methods say about each token.
    null_largest : ndarray, shape=(M, C, E)
        The largest of these in each of the first E controls of a kind.
    token_p_values : ndarray, shape=(M, C, 2T)
        Share of controls whose largest is at least the token's: valid for all tokens at once.
    """

    kinds: tuple[str, ...]
    tokens: tuple[str, ...]
    methods: tuple[str, ...]
    logit: float
    probability: float
    null_logits: np.ndarray
    null_probabilities: np.ndarray
    p_values: np.ndarray
    token_values: np.ndarray
    null_largest: np.ndarray
    token_p_values: np.ndarray

    SHAPES = {
        "kinds": "C", "tokens": "T", "methods": "M", "logit": "", "probability": "", "null_logits": "Cn",
        "null_probabilities": "Cn", "p_values": "C", "token_values": "MT", "null_largest": "MCE",
        "token_p_values": "MCT",
    }  # fmt: skip

    def frame(self) -> pd.DataFrame:
        """One line per control, below one for the pair itself."""
        n = self.null_logits.shape[1]
        own = pd.DataFrame({"kind": ["pair"], "number": [0], "logit": [self.logit],
                            "probability": [self.probability]})  # fmt: skip
        null = long_frame({"kind": self.kinds, "number": range(1, n + 1)},
                     {"logit": self.null_logits, "probability": self.null_probabilities})
        return pd.concat([own, null], ignore_index=True)

    def frames(self) -> dict[str, pd.DataFrame]:
        """See `Arrays.frames`: every control's score, and what stands out of them by segment."""
        return {"": self.frame(), "_tokens": self.token_frame()}

    def token_frame(self) -> pd.DataFrame:
        """One line per method, kind of control and token."""
        frame = long_frame({"method": self.methods, "kind": self.kinds, "token": self.tokens},
                      {"p_value": self.token_p_values})
        sizes = np.broadcast_to(self.token_values[:, None], self.token_p_values.shape)
        frame.insert(3, "size", sizes.ravel())
        return frame
