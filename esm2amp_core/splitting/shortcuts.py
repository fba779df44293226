"""Labels that can be read without looking at a sequence: from ids, their kind, or the order of a pair."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.stats import rankdata

from esm2amp_core.splitting.finding import Leak, Part

N_EXAMPLES = 5
SUSPICIOUS_AUROC, STANDARD_ERRORS = 0.6, 4.0
"""A ranking counts as readable from here on, and only if chance does not explain it."""
SUSPICIOUS_DIFFERENCE = 0.1
N_FOLDS = 5
ID_KINDS = {
    "RefSeq": r"[NXAWY]P_\d+(\.\d+)?",
    "Ensembl": r"(\d+\.)?ENS[A-Z]*\d+(\.\d+)?",
    "UniProt": r"([OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d([A-Z][A-Z\d]{2}\d){1,2})(-\d+)?",
    "UniProt entry": r"[A-Z\d]{1,10}_[A-Z\d]{3,5}",
    "GI": r"gi[:|]\d+",
    "number": r"\d+",
    "STRING": r"\d+\.\S+",
}
"""What kinds of ids look like; others are told apart by the letters they begin with."""


def find_shortcuts(parts: Sequence[Part]) -> Iterator[Leak]:
    """Every such way, within each part and from the first, training, to the others."""
    for part in parts:
        yield from _readable_within(part)
        yield from _readable_from_id_type(part)
        yield from _readable_from_order(part)
    for part in parts[1:]:
        yield from _readable_from_training(parts[0], part)


def _readable_from_training(train: Part, part: Part) -> Iterator[Leak]:
    """Labels guessed from those that the same proteins have in training."""
    known, asked = train.labels >= 0, part.labels >= 0
    if not known.any():
        return
    scores = _by_identity(train.sequences[known], train.labels[known], part.sequences[asked])
    area = auroc(part.labels[asked], scores)
    if _readable(area, part.labels[asked]):
        yield Leak(
            "label_from_identity", (train.name, part.name), int(asked.sum()),
            f"The labels of {part.name} can be read from protein identity alone: counting each protein's "
            f"labels in {train.name} reaches AUROC {area:.3f} without any sequence (0.5 is chance).",
            figures={"auroc": round(area, 4)},
        )  # fmt: skip


def _readable_within(part: Part) -> Iterator[Leak]:
    """The same within one part, cross-validated; with the imbalance that makes it possible."""
    kept = part.labels >= 0
    sequences, labels = part.sequences[kept], part.labels[kept]
    if len(set(labels.tolist())) < 2:
        return
    folds = np.random.default_rng(0).permutation(len(labels)) % N_FOLDS
    scores = np.zeros(len(labels))
    for fold in range(N_FOLDS):
        held_out = folds == fold
        scores[held_out] = _by_identity(sequences[~held_out], labels[~held_out], sequences[held_out])
    area = auroc(labels, scores)
    if not _readable(area, labels):
        return
    positive, negative = (set(sequences[labels == label].ravel().tolist()) for label in (1, 0))
    one_sided = sum(not {a, b} <= positive for a, b in sequences[labels == 0].tolist()) / (labels == 0).sum()
    yield Leak(
        "label_from_identity", (part.name,), int(kept.sum()),
        f"Within {part.name} labels can be read from protein identity alone: in cross-validation, counting "
        f"each protein's labels reaches AUROC {area:.3f}. {len(positive - negative):,} proteins occur in "
        f"positives only, {len(negative - positive):,} in negatives only; {one_sided:.0%} of the negatives "
        "hold one of the latter.",
        figures={"auroc": round(area, 4), "only_in_positives": len(positive - negative),
                 "only_in_negatives": len(negative - positive)},
    )  # fmt: skip


def _by_identity(known: np.ndarray, labels: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Sum over both proteins of the log-odds of their labels in the known pairs; 0 for an unknown protein."""
    size = int(max(known.max(initial=0), asked.max(initial=0))) + 1
    positive = np.bincount(known.ravel(), np.repeat(labels, 2), size)
    negative = np.bincount(known.ravel(), np.repeat(1 - labels, 2), size)
    share = labels.mean()
    if share in (0, 1):
        return np.zeros(len(asked))
    # One label is made up for each protein, in the proportion of all: without evidence the odds are even.
    odds = np.log((positive + share) / share) - np.log((negative + 1 - share) / (1 - share))
    return odds[asked].sum(axis=1)


def _readable_from_id_type(part: Part) -> Iterator[Leak]:
    kept = part.labels >= 0
    labels = part.labels[kept]
    kinds = [tuple(sorted((id_kind(a), id_kind(b)))) for a, b in part.ids[kept].tolist()]
    counts: dict[tuple[str, str], list[int]] = {}
    for kind, label in zip(kinds, labels.tolist(), strict=True):
        counts.setdefault(kind, [0, 0])[label] += 1
    if len(counts) < 2 or len(counts) > max(len(labels) / 20, 2):
        return
    scores = np.array([(counts[kind][1] + 1) / (sum(counts[kind]) + 2) for kind in kinds])
    area = auroc(labels, scores)
    if _readable(area, labels):
        common = sorted(counts, key=lambda kind: -sum(counts[kind]))[:N_EXAMPLES]
        examples = [f"{' and '.join(kind)}: {counts[kind][1] / sum(counts[kind]):.0%} positive of "
                    f"{sum(counts[kind]):,} pairs" for kind in common]
        yield Leak(
            "label_from_id_type", (part.name,), int(kept.sum()),
            f"In {part.name} the kind of id tells the label: AUROC {area:.3f} from the kinds alone.",
            tuple(examples), {"auroc": round(area, 4)},
        )  # fmt: skip


def _readable_from_order(part: Part) -> Iterator[Leak]:
    ids = part.ids.astype(str)
    kept = (part.labels >= 0) & (ids[:, 0] != ids[:, 1])
    labels, ordered = part.labels[kept], ids[kept, 0] < ids[kept, 1]
    sizes = np.bincount(labels, minlength=2)
    if not sizes.all():
        return
    share = [float(ordered[labels == label].mean()) for label in (0, 1)]
    both = ordered.mean()
    error = np.sqrt(both * (1 - both) * (1 / sizes[0] + 1 / sizes[1]))
    difference = abs(share[1] - share[0])
    if difference > SUSPICIOUS_DIFFERENCE and difference > STANDARD_ERRORS * error:
        yield Leak(
            "label_from_order", (part.name,), int(kept.sum()),
            f"In {part.name} the order of the two proteins tells the label: {share[1]:.0%} of the positives "
            f"but {share[0]:.0%} of the negatives are in alphabetical order. Put each pair in random order.",
            figures={"ordered_positives": round(share[1], 4), "ordered_negatives": round(share[0], 4)},
        )  # fmt: skip


def id_kind(name: str) -> str:
    """What kind of id a name is: UniProt, RefSeq and so on, or the letters it begins with."""
    for kind, pattern in ID_KINDS.items():
        if re.fullmatch(pattern, name):
            return kind
    letters = re.match(r"[A-Za-z]*", name).group()
    return f"{letters}..." if letters and len(letters) < len(name) else "name"


def auroc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Chance that a positive scores above a negative; 0.5 where there are no positives or no negatives."""
    n_positive = int((labels == 1).sum())
    n_negative = len(labels) - n_positive
    if not n_positive or not n_negative:
        return 0.5
    above = rankdata(scores)[labels == 1].sum() - n_positive * (n_positive + 1) / 2
    return float(above / (n_positive * n_negative))


def _readable(area: float, labels: np.ndarray) -> bool:
    """True if an AUROC is large, and larger than chance makes it."""
    sizes = np.bincount(labels, minlength=2)
    if not sizes.all():
        return False
    # Standard error of an AUROC without information (Hanley and McNeil, Radiology 1982).
    error = np.sqrt((sizes.sum() + 1) / (12.0 * sizes[0] * sizes[1]))
    return area >= SUSPICIOUS_AUROC and area - 0.5 > STANDARD_ERRORS * error
