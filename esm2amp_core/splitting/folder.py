"""The folder that a split becomes: a table per part, what was set aside and why, and how it was made."""

from __future__ import annotations

import json
import platform
from collections import Counter
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core import __version__
from esm2amp_core.exports import delimited
from esm2amp_core.files.whole_folder import whole_folder
from esm2amp_core.same_pairs import find_repeats, pair_keys
from esm2amp_core.splitting.split import CROSS, PARTS, Split
from esm2amp_core.tables import unique_names

FORMAT = 1
FACTS, LEFT_OUT = "split.json", "left_out.csv"


def write_split(split: Split, folder: Path) -> dict[str, Any]:
    """Write train.tsv, validation.tsv, test.tsv, cross.tsv, proteins.tsv and split.json.

    Every row of the input stands in exactly one of the first four, with all its columns as they were;
    cross.tsv has one more, the reason. Rows without two usable sequences are also listed in left_out.csv, by
    number. The folder appears whole or not at all. Names that a spreadsheet could take for a formula are
    guarded as in all our exports (`exports.to_csv`): training and evaluation read them as they were, other
    programs see one more quote in front of these few.

    Returns
    -------
    dict
        What split.json holds.

    Raises
    ------
    UserError
        If the folder is not empty or cannot be written.
    """
    described = describe(split)
    with whole_folder(folder) as part:
        for name, table in _tables(split).items():
            (part / name).write_bytes(delimited(table, "\t"))
        if described["left_out"]:
            (part / LEFT_OUT).write_bytes(delimited(_left_out(split)))
        text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
        (part / FACTS).write_text(text, encoding="utf-8")
    return described


def describe(split: Split) -> dict[str, Any]:
    """How a split was made, what is in its parts, and what was checked of them."""
    search = split.search
    excluded = Counter(PARTS[split.parts[sequence]] for sequence in split.too_near)
    sizes = np.bincount(split.clusters)
    return {
        "format": FORMAT,
        "pairs": split.pairs.name,
        "method": {"name": search.name, "version": search.version, "identity": search.identity,
                   "coverage": search.coverage, "similarity": search.measure},
        "fractions": dict(zip(PARTS, split.fractions, strict=True)),
        "seed": split.seed,
        "parts": {name: _facts(split, name) for name in PARTS},
        CROSS: _facts(split, CROSS) | {"reasons": _reasons(split)},
        "proteins": {"ids": len(split.names), "sequences": len(split.parts), "clusters": len(sizes),
                     "largest_cluster": int(sizes.max()), "excluded": dict(excluded)},
        "left_out": len(split.pairs.problems),
        "warnings": _warnings(split),
        "checks": check(split),
        "versions": {"esm2amp": __version__, "python": platform.python_version(),
                     **{name: version(name) for name in ("numpy", "scipy", "pandas")}},
    }  # fmt: skip


def check(split: Split) -> dict[str, Any]:
    """Look at the finished parts once more, whatever made them: what two parts share, and rows in and out."""
    shared: dict[str, dict[str, int]] = {"shared_ids": {}, "shared_sequences": {}, "shared_clusters": {}}
    rows = {part: [row for row, name in enumerate(split.row_parts) if name == part] for part in PARTS}
    for one, other in combinations(PARTS, 2):
        ids = [set(split.pairs.ids[rows[part]].ravel()) for part in (one, other)]
        sequences = [np.unique(split.sequences_of_rows[rows[part]]) for part in (one, other)]
        clusters = [np.unique(split.clusters[found]) for found in sequences]
        name = f"{one} and {other}"
        shared["shared_ids"][name] = len(ids[0] & ids[1])
        shared["shared_sequences"][name] = len(np.intersect1d(*sequences))
        shared["shared_clusters"][name] = len(np.intersect1d(*clusters))
    written = Counter(split.row_parts)
    return shared | {"rows_in": len(split.pairs), "rows_out": sum(written[name] for name in (*PARTS, CROSS))}


def _facts(split: Split, part: str) -> dict[str, Any]:
    """Counts of one part."""
    mask = np.array(split.row_parts) == part
    kept = np.array(split.row_parts) != CROSS
    labels = split.pairs.labels[mask]
    sequences = np.unique(split.sequences_of_rows[mask & split.pairs.usable])
    counts: dict[str, Any] = {"pairs": int(mask.sum())}
    if part != CROSS:
        counts["share"] = round(float(mask.sum() / max(kept.sum(), 1)), 4)
    if (split.pairs.labels >= 0).any():
        counts |= {"positive": int((labels == 1).sum()), "negative": int((labels == 0).sum())}
    return counts | {"sequences": len(sequences), "clusters": len(np.unique(split.clusters[sequences]))}


def _reasons(split: Split) -> dict[str, int]:
    """How many rows were set aside why."""
    kinds = Counter()
    for row, reason in enumerate(split.reasons):
        if row in split.pairs.problems:
            kinds["no usable sequence"] += 1
        elif " is excluded: " in reason:
            kinds["a protein is excluded"] += 1
        elif reason:
            kinds[reason] += 1
    return dict(kinds)


def _warnings(split: Split) -> list[str]:
    """What a person must know of the parts, in words."""
    sizes, written = np.bincount(split.clusters), Counter(split.row_parts)
    empty = [part for part, share in zip(PARTS, split.fractions, strict=True) if share and not written[part]]
    warnings = _contradictions(split)
    if not empty:
        return warnings
    files = " and ".join(f"{part}.tsv" for part in empty)
    of = "one cluster" if len(sizes) == 1 else f"{len(sizes):,} clusters, the largest of {sizes.max():,}"
    return [*warnings,
            f"{files} {'is' if len(empty) == 1 else 'are'} empty: no pair could be kept there. The "
            f"{len(split.clusters):,} proteins form {of}, and no cluster is divided. More pairs, another "
            "--seed, or a higher --identity or --coverage may help."]


def _contradictions(split: Split) -> list[str]:
    """One sentence on pairs with both labels, if there are any."""
    usable = np.flatnonzero(split.pairs.usable)
    found = find_repeats(pair_keys(*split.sequences_of_rows[usable].T), split.pairs.labels[usable])
    if not len(found.contradictions):
        return []
    positive, negative = usable[found.contradictions[0]] + 1
    number = len(found.contradictions)
    pairs = "1 pair is" if number == 1 else f"{number:,} pairs are"
    return [f"{pairs} labelled both positive and negative: rows {positive:,} and {negative:,}, for example."]


def _left_out(split: Split) -> pd.DataFrame:
    """Rows without two usable sequences, by number."""
    rows = [(row + 1, *split.pairs.ids[row], reason) for row, reason in split.pairs.problems.items()]
    return pd.DataFrame(rows, columns=["row", "protein_a", "protein_b", "reason"])


def _tables(split: Split) -> dict[str, pd.DataFrame]:
    parts = np.array(split.row_parts)
    rows = split.pairs.rows
    tables = {f"{part}.tsv": rows[parts == part] for part in PARTS}
    aside = rows[parts == CROSS]
    names = unique_names([*rows.columns, "reason"])
    reasons = [reason for reason in split.reasons if reason]
    tables[f"{CROSS}.tsv"] = aside.assign(**{names[-1]: reasons})
    tables["proteins.tsv"] = pd.DataFrame(
        [(name, int(split.clusters[place]), split.part_of(place), *_nearest(split, place))
         for name, place in split.names.items()],
        columns=["protein", "cluster", "part", "similar_to", "similarity"],
    )
    return tables


def _nearest(split: Split, sequence: int) -> tuple[str, str]:
    """For an excluded protein, which one it is too similar to and how much."""
    if sequence not in split.too_near:
        return "", ""
    other, similarity = split.too_near[sequence]
    return split.example[other], f"{similarity:.3f}"
