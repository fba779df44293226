"""What a classifier is trained on: features of proteins once, and pairs as positions in them.

A dense matrix of all pairs never exists: a batch is gathered from the proteins when it is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from esm2amp_core.embed.base import Embedder
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.errors import PairError, Severity
from esm2amp_core.features import FeatureSet, ProteinFeatures
from esm2amp_core.labelled import LABEL
from esm2amp_core.pairs import PairTable
from esm2amp_core.progress import Report, silent
from esm2amp_core.sequences import Protein


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs of proteins with what is known of them.

    Attributes
    ----------
    features : Tensor, dtype=float32, shape=(P, T, D)
        Tokens of every protein; several sets of pairs may share it.
    index : Tensor, dtype=int64, shape=(N, 2)
        Rows of `features`: the two proteins of each pair.
    labels : Tensor, dtype=float32, shape=(N,)
        1 interacts, 0 does not.
    """

    features: Tensor
    index: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.index.shape != (len(self.labels), 2) or self.features.ndim != 3:
            raise ValueError(f"{len(self.labels)} labels do not fit pairs {tuple(self.index.shape)} "
                             f"of features {tuple(self.features.shape)}.")

    def __len__(self) -> int:
        return len(self.labels)

    def tokens(self, rows: Tensor) -> Tensor:
        """Tokens of A, then of B, for the pairs in `rows` (B,): Tensor, shape=(B, 2T, D)."""
        return self.features[self.index[rows]].flatten(1, 2)

    def select(self, rows: Tensor) -> LabelledPairs:
        """Some of the pairs, over the same features."""
        return replace(self, index=self.index[rows], labels=self.labels[rows])

    def swapped(self, rows: Tensor) -> LabelledPairs:
        """The same pairs, B before A where `rows` (N,), dtype=bool, is true."""
        return replace(self, index=torch.where(rows[:, None], self.index.flip(1), self.index))

    def to(self, device: torch.device) -> LabelledPairs:
        """The same pairs with features and labels where the classifier computes."""
        moved = (tensor.to(device) for tensor in (self.features, self.index, self.labels))
        return LabelledPairs(*moved)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the pairs with their labels, and of the features."""
        pairs = hashlib.sha256(self.index.cpu().numpy().tobytes())
        pairs.update(self.labels.cpu().numpy().tobytes())
        features = hashlib.sha256(str(tuple(self.features.shape)).encode())
        for protein in self.features:  # one at a time: a copy of all may be large
            features.update(protein.cpu().numpy().tobytes())
        return {"pairs": pairs.hexdigest(), "features": features.hexdigest()}


@dataclass(frozen=True)
class Part:
    """The usable rows of one table of labelled pairs.

    Attributes
    ----------
    index : ndarray, dtype=int64, shape=(N, 2)
        The two proteins of each pair, as rows of the features.
    labels : ndarray, dtype=int64, shape=(N,)
    n_rows : int
        In the table, those left out included.
    left_out : DataFrame
        ``row``, ``protein_a``, ``protein_b``, ``reason`` of every row that cannot be used.
    """

    index: np.ndarray
    labels: np.ndarray
    n_rows: int
    left_out: pd.DataFrame

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class TrainingData:
    """Tables of labelled pairs over one set of features.

    Attributes
    ----------
    proteins : tuple of Protein
        In the order of the features.
    features : ProteinFeatures
    parts : dict of str to Part
        ``train``, and ``validation`` where it was given.
    """

    proteins: tuple[Protein, ...]
    features: ProteinFeatures
    parts: dict[str, Part]

    def pairs(self, part: str, feature_set: FeatureSet) -> LabelledPairs:
        """One part, as a classifier of that feature set reads it."""
        chosen = self.parts[part]
        return LabelledPairs(self._tokens(feature_set), torch.from_numpy(chosen.index),
                             torch.from_numpy(chosen.labels.astype(np.float32)))

    def proteins_of(self, part: str) -> list[Protein]:
        """Proteins of the usable pairs of one part, each once."""
        return [self.proteins[row] for row in np.unique(self.parts[part].index)]

    def _tokens(self, feature_set: FeatureSet) -> Tensor:
        columns = feature_set.columns
        first, last = columns[0], columns[-1]
        if columns == list(range(first, last + 1)):
            return torch.from_numpy(self.features.values)[:, first : last + 1]  # a view, no copy
        return self._copies.setdefault(feature_set.name, torch.from_numpy(self.features.select(feature_set)))

    @cached_property
    def _copies(self) -> dict[str, Tensor]:
        return {}


def load_data(
    tables: dict[str, PairTable],
    embedder: Embedder,
    *,
    cache: FeatureCache | None = None,
    report: Report = silent,
) -> TrainingData:
    """Embed the proteins of labelled tables, each distinct sequence once.

    Parameters
    ----------
    tables : dict of str to PairTable
        As `read_labelled` gives them, by part.

    Raises
    ------
    PairError
        If a part has no usable pair of one of the two labels.
    """
    usable = {part: _usable(table) for part, table in tables.items()}
    features, failures = embed_pooled(
        _named(tables, usable), embedder, cache=cache, report=report
    )
    known = {protein.digest: protein for table in tables.values() for protein in table.proteins.values()}
    proteins = tuple(known[digest] for digest in features.digests)
    rows = features.rows()
    parts = {part: _part(table, rows, failures) for part, table in tables.items()}
    for part, loaded in parts.items():
        for label, meaning in ((1, "interact"), (0, "do not interact")):
            if not (loaded.labels == label).any():
                raise PairError(f"Of the {loaded.n_rows:,} rows of the {part} table, no usable one has the "
                                f"label {label} (pairs that {meaning}).",
                                hint="Training and validation need pairs of both labels.",
                                details=_details(loaded.left_out))
    return TrainingData(proteins, features, parts)


def _usable(table: PairTable) -> pd.DataFrame:
    """Rows without an error."""
    return table.frame[~table.frame["row"].isin(table.problems(Severity.ERROR))]


def _named(tables: dict[str, PairTable], usable: dict[str, pd.DataFrame]) -> Iterable[Protein]:
    for part, frame in usable.items():
        for name in pd.unique(pd.concat([frame["protein_a"], frame["protein_b"]])):
            yield tables[part].proteins[name]


def _part(table: PairTable, rows: dict[str, int], failures: dict[str, str]) -> Part:
    """Positions of a table's pairs, and why some have none."""
    errors = table.problems(Severity.ERROR)
    digest_of = {name: protein.digest for name, protein in table.proteins.items()}
    frame = table.frame
    index = np.array([[rows.get(digest_of.get(name, ""), -1) for name in frame[side]]
                      for side in ("protein_a", "protein_b")], dtype=np.int64).T.reshape(-1, 2)
    known = (index >= 0).all(axis=1) & ~frame["row"].isin(errors).to_numpy()
    left_out = frame.loc[~known, ["row", "protein_a", "protein_b"]]
    reasons = [
        errors.get(row) or " ".join(f"{name}: {failures[digest_of[name]]}" for name in dict.fromkeys((a, b))
                                    if digest_of[name] in failures)
        for row, a, b in left_out.itertuples(index=False)
    ]
    left_out = left_out.assign(reason=reasons).reset_index(drop=True)
    labels = frame[LABEL].to_numpy(np.int64)[known]
    return Part(np.ascontiguousarray(index[known]), labels, len(frame), left_out)


def _details(left_out: pd.DataFrame) -> list[str]:
    return [f"Row {row}: {reason}" for row, reason in zip(left_out["row"], left_out["reason"], strict=True)]
