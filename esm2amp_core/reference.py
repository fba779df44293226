"""What a model knows of the proteins it learned from: enough to tell how near any other protein is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Self

import numpy as np

from esm2amp_core.errors import BundleError
from esm2amp_core.files.whole_file import whole_file
from esm2amp_core.sequences import Protein

FORMAT = 1
CLASSES = ("LVIM", "C", "A", "G", "ST", "P", "FYW", "EDNQBZ", "KRO", "H")
"""Residues that replace each other in evolution count as one: the ten classes of Murphy, Wallqvist and
Levy (Protein Eng 2000, 13:149), and the rare letters beside their likes."""
UNKNOWN = len(CLASSES)
WORD = 6
"""Neighbouring residues that are compared at a time."""
COMMON, FEW = 0.01, 10
"""Words in more than this share of the training proteins, and in more than a few, tell nothing: they are
those of low complexity."""
DIGEST_BYTES = 16
MAX_UNPACKED_BYTES = 2_000_000_000
_CODES = np.full(256, UNKNOWN, np.uint8)
for _code, _letters in enumerate(CLASSES):
    _CODES[list(_letters.encode())] = _code


@dataclass(frozen=True, slots=True)
class Nearest:
    """The training protein that is most like some protein.

    Attributes
    ----------
    name : str
        Its id; empty if no training protein shares a word with the protein.
    similarity : float
        Share of the protein's words that the training protein has too: 0 to 1.
    seen : bool
        True if it is the very same chain.
    """

    name: str
    similarity: float
    seen: bool


@dataclass(frozen=True)
class TrainingReference:
    """The training proteins of a bundle, each as a digest and as a chain of residue classes.

    Sequences cannot be read from it, yet words of any protein can be looked up exactly.

    Attributes
    ----------
    names : tuple of str, length=N
    digests : ndarray, dtype=uint8, shape=(N, 16)
        First bytes of the SHA-256 of each sequence.
    lengths : ndarray, dtype=int64, shape=(N,)
        Residues of each protein.
    residues : ndarray, dtype=uint8, shape=(sum of lengths,)
        Class of each residue, one protein after the other: its place in `CLASSES`, or `UNKNOWN`.

    Raises
    ------
    BundleError
        If the parts do not fit each other: they may come from a bundle made by others.
    """

    names: tuple[str, ...]
    digests: np.ndarray
    lengths: np.ndarray
    residues: np.ndarray

    def __post_init__(self) -> None:
        n = len(self.names)
        sound = (
            all(isinstance(name, str) for name in self.names)
            and (self.digests.dtype, self.digests.shape) == (np.uint8, (n, DIGEST_BYTES))
            and self.lengths.dtype == np.int64 and self.lengths.shape == (n,) and (self.lengths >= 0).all()
            and self.residues.dtype == np.uint8 and self.residues.shape == (self.lengths.sum(),)
            and (self.residues <= UNKNOWN).all()
        )
        if not sound:
            raise BundleError("The list of training proteins contradicts itself.",
                              hint="Install the model again.")

    @classmethod
    def of(cls, proteins: Iterable[Protein]) -> Self:
        """Describe training proteins; of equal chains the first name counts."""
        distinct = {protein.digest: protein for protein in reversed(list(proteins))}
        kept = list(reversed(distinct.values()))
        return cls(
            tuple(protein.id for protein in kept),
            np.array([list(_digest(protein)) for protein in kept], np.uint8).reshape(-1, DIGEST_BYTES),
            np.array([len(protein.sequence) for protein in kept], np.int64),
            residue_classes("".join(protein.sequence for protein in kept)),
        )

    def __len__(self) -> int:
        return len(self.names)

    def seen(self, protein: Protein) -> bool:
        """True if the very same chain was trained on, whatever its name."""
        return _digest(protein) in self._place

    def nearest(self, protein: Protein) -> Nearest:
        """The training protein that shares most words with `protein`."""
        if (place := self._place.get(_digest(protein))) is not None:
            return Nearest(self.names[place], 1.0, seen=True)
        own = np.unique(words(residue_classes(protein.sequence)))
        own = own[own >= 0]
        shared = self._shared_words(own)
        best = int(shared.argmax()) if len(self) else 0
        if not len(self) or not shared[best]:
            return Nearest("", 0.0, seen=False)
        return Nearest(self.names[best], float(shared[best] / len(own)), seen=False)

    def _shared_words(self, own: np.ndarray) -> np.ndarray:
        """How many of the words each training protein has: ndarray, dtype=int64, shape=(N,)."""
        starts, holders = self._index
        first, count = starts[own], starts[own + 1] - starts[own]
        # Positions first[i] .. first[i] + count[i] of all words, laid end to end.
        offset = np.repeat(first - (np.cumsum(count) - count), count)
        return np.bincount(holders[np.arange(len(offset)) + offset], minlength=len(self))

    @cached_property
    def _place(self) -> dict[bytes, int]:
        return {digest.tobytes(): place for place, digest in enumerate(self.digests)}

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the holders of each word begin, and the holders (places of proteins), word after word."""
        n_words, n = len(CLASSES) ** WORD, max(len(self), 1)
        owner = np.repeat(np.arange(len(self)), self.lengths)
        word = words(self.residues)
        inside = owner[: len(word)] == owner[len(owner) - len(word) :]  # begins and ends in one protein
        # One number per word and protein, in the order of words: equal ones are a protein's repeats.
        both = np.sort((word * n + owner[: len(word)])[inside & (word >= 0)])
        word, holders = np.divmod(both[np.diff(both, prepend=-1) > 0], n)
        count = np.bincount(word, minlength=n_words)
        kept = count[word] <= max(COMMON * len(self), FEW)
        count[count > max(COMMON * len(self), FEW)] = 0
        return np.concatenate([[0], np.cumsum(count)]), holders[kept]

    def to_bytes(self) -> bytes:
        """Contents of ``training_proteins.npz``, equal for equal references."""
        buffer = BytesIO()
        names = np.frombuffer(json.dumps(self.names).encode(), np.uint8)
        np.savez_compressed(buffer, format=FORMAT, names=names, digests=self.digests,
                            lengths=self.lengths, residues=self.residues)
        return buffer.getvalue()

    def save(self, path: Path) -> None:
        """Write ``training_proteins.npz``.

        Raises
        ------
        UserError
            If it cannot be written.
        """
        with whole_file(path) as part:
            part.write_bytes(self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; nothing in it is executed.

        Raises
        ------
        BundleError
            If it cannot be read.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                    raise ValueError("it is too large")
            with np.load(path, allow_pickle=False) as arrays:
                if (found := int(arrays["format"])) != FORMAT:
                    raise ValueError(f"it has format {found}, this program reads {FORMAT}")
                names = json.loads(arrays["names"].tobytes())
                return cls(tuple(names), *(arrays[name] for name in ("digests", "lengths", "residues")))
        except BundleError:
            raise
        except Exception as error:  # zipfile, zlib, NumPy and json each have errors of their own for damage
            raise BundleError(f"The list of training proteins {path} cannot be read: {error}.",
                              hint="Install the model again.") from None


def residue_classes(sequence: str) -> np.ndarray:
    """Class of each residue: ndarray, dtype=uint8, shape=(L,)."""
    return _CODES[np.frombuffer(sequence.encode(), np.uint8)]


def words(residues: np.ndarray) -> np.ndarray:
    """The word that begins at each residue, as a number below 10 ** `WORD`; -1 where a residue is unknown."""
    n = max(len(residues) - WORD + 1, 0)
    word, unknown = np.zeros(n, np.int64), np.zeros(n, bool)
    for shift in range(WORD):
        part = residues[shift : shift + n]
        word = word * len(CLASSES) + part
        unknown |= part == UNKNOWN
    word[unknown] = -1
    return word


def _digest(protein: Protein) -> bytes:
    return bytes.fromhex(protein.digest)[:DIGEST_BYTES]
