"""ESM-2's alphabet: 33 tokens, fixed by its training, so that no tokenizer is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from esm2amp_core.errors import EncoderError

RESIDUES = "LAGVSERTIDPKQNFYMHWCXBUZO"
VOCABULARY = ("<cls>", "<pad>", "<eos>", "<unk>", *RESIDUES, ".", "-", "<null_1>", "<mask>")
"""Tokens in the order of their ids (Lin et al. 2023, doi 10.1126/science.ade2574)."""
CLS, PAD, EOS, MASK = (VOCABULARY.index(token) for token in ("<cls>", "<pad>", "<eos>", "<mask>"))

# Ids by character code. -1 marks what is no residue, so that nothing becomes <unk> unnoticed.
_IDS = np.full(256, -1, dtype=np.int64)
for _letter in RESIDUES:
    _IDS[ord(_letter)] = VOCABULARY.index(_letter)


def encode(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Write sequences as token ids: ``<cls> residues <eos>``, padded to the longest.

    Parameters
    ----------
    sequences : sequence of str, length=B
        Upper-case one-letter codes.

    Returns
    -------
    ids : ndarray, dtype=int64, shape=(B, T)
        T is two more than the longest sequence.
    mask : ndarray, dtype=int64, shape=(B, T)
        1 on tokens, 0 on padding.

    Raises
    ------
    ValueError
        If a letter is not in the alphabet; `Protein` never lets one through.
    """
    longest = max(map(len, sequences)) + 2
    ids = np.full((len(sequences), longest), PAD, dtype=np.int64)
    for row, sequence in enumerate(sequences):
        residues = _IDS[np.frombuffer(sequence.encode("latin-1"), dtype=np.uint8)]
        if (residues < 0).any():
            raise ValueError(f"{sequence[int(np.argmin(residues))]!r} is not in ESM-2's alphabet.")
        ids[row, 0] = CLS
        ids[row, 1 : len(sequence) + 1] = residues
        ids[row, len(sequence) + 1] = EOS
    return ids, (ids != PAD).astype(np.int64)


def check_vocabulary(path: Path) -> None:
    """Compare a model's ``vocab.txt`` with ESM-2's alphabet.

    Raises
    ------
    EncoderError
        If a token differs: the model's ids would then mean other residues.
    """
    try:
        found = tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        raise EncoderError(f"{path} cannot be read: {error}.", hint="Fetch the model again.") from None
    if found == VOCABULARY:
        return
    if len(found) != len(VOCABULARY):
        what = f"{len(found)} tokens, not {len(VOCABULARY)}"
    else:
        token = next(i for i, (a, b) in enumerate(zip(found, VOCABULARY, strict=True)) if a != b)
        what = f"token {token} is {found[token]!r}, not {VOCABULARY[token]!r}"
    raise EncoderError(f"{path} is not ESM-2's vocabulary: {what}.", hint="Use an ESM-2 model.")
