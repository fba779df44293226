"""Ways in which a split lets a model score well without having understood anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from esm2amp_core.same_pairs import find_repeats, pair_keys
from esm2amp_core.splitting.finding import Leak, Part
from esm2amp_core.splitting.pair_files import PairFile
from esm2amp_core.splitting.search import Search
from esm2amp_core.splitting.shortcuts import find_shortcuts

N_EXAMPLES = 5


def find_leaks(files: Sequence[PairFile], search: Search) -> list[Leak]:
    """Every leak between the parts of a split, and every way to read labels without the sequences.

    Parameters
    ----------
    files : sequence of PairFile
        Training first. Rows without two sequences are not looked at.
    search : Search
        For similar proteins.
    """
    places: dict[str, int] = {}
    names = _distinct([pairs.name for pairs in files])
    parts = [Part(pairs, name, places) for pairs, name in zip(files, names, strict=True)]
    sequences = list(places)
    leaks: list[Leak] = []
    for one, other in combinations(parts, 2):
        leaks += _same_pairs(one, other)
        leaks += _shared_proteins(one, other)
        leaks += _similar_proteins(one, other, sequences, search)
    leaks += _contradictions(parts)
    return leaks + list(find_shortcuts(parts))


def _same_pairs(one: Part, other: Part) -> Iterator[Leak]:
    common = [pair for pair in other.by_pair if pair in one.by_pair]
    if not common:
        return
    examples, ways = [], {"same order": 0, "swapped order": 0, "other ids": 0}
    for pair in common:
        at, there = other.by_pair[pair][0], one.by_pair[pair][0]
        a, b = other.ids[at].tolist()
        listed = [tuple(one.ids[place].tolist()) for place in one.by_pair[pair]]
        way = "same order" if (a, b) in listed else "swapped order" if (b, a) in listed else "other ids"
        ways[way] += 1
        examples.append(f"{other.show(at)} is {one.show(there)} ({way})")
    told = ", ".join(f"{number:,} in {way}" if "order" in way else f"{number:,} under {way}"
                     for way, number in ways.items() if number)
    yield Leak(
        "same_pair", (one.name, other.name), len(common),
        f"{_count(len(common), 'pair', other)} also in {one.name}: {told}. They measure memory.",
        tuple(examples[:N_EXAMPLES]), {name.replace(" ", "_"): number for name, number in ways.items()},
    )  # fmt: skip


def _shared_proteins(one: Part, other: Part) -> Iterator[Leak]:
    common = [place for place in other.names if place in one.names]
    by_id = [place for place in common if set(other.names[place]) & set(one.names[place])]
    renamed = [place for place in common if not set(other.names[place]) & set(one.names[place])]
    total = len(other.names)
    if by_id:
        yield Leak(
            "shared_protein", (one.name, other.name), len(by_id),
            f"{_count(len(by_id), 'protein', other)} also in {one.name} ({len(by_id) / total:.0%}): "
            "a model may know them.", tuple(other.names[place][0] for place in by_id[:N_EXAMPLES]),
        )  # fmt: skip
    if renamed:
        examples = [f"{other.names[place][0]} is {one.names[place][0]}" for place in renamed[:N_EXAMPLES]]
        yield Leak(
            "same_sequence", (one.name, other.name), len(renamed),
            f"{_count(len(renamed), 'protein', other)} also in {one.name} under another id, with "
            "the same sequence.", tuple(examples),
        )  # fmt: skip


def _similar_proteins(one: Part, other: Part, sequences: list[str], search: Search) -> Iterator[Leak]:
    """Proteins alike but not equal; equal ones are told of elsewhere."""
    queries = [place for place in other.names if place not in one.names]
    targets = list(one.names)
    if not queries or not targets:
        return
    hits = search.find([sequences[place] for place in queries], [sequences[place] for place in targets])
    best: dict[int, tuple[float, int]] = {}
    for query, target, similarity in zip(hits.query.tolist(), hits.target.tolist(), hits.similarity.tolist(),
                                         strict=True):
        best[query] = max(best.get(query, (0.0, -1)), (similarity, target))
    if not best:
        return
    ordered = sorted(best, key=lambda query: (-best[query][0], query))
    examples = [
        f"{other.names[queries[query]][0]} is similar to {one.names[targets[best[query][1]]][0]} "
        f"({best[query][0]:.2f})" for query in ordered[:N_EXAMPLES]
    ]
    yield Leak(
        "similar_proteins", (one.name, other.name), len(best),
        f"{_count(len(best), 'protein', other)} similar to one of {one.name} "
        f"({len(best) / len(other.names):.1%}): {search.claim}. In brackets: {search.measure}.",
        tuple(examples),
        {"proteins": len(other.names), "largest": round(best[ordered[0]][0], 4)},
    )  # fmt: skip


def _contradictions(parts: Sequence[Part]) -> Iterator[Leak]:
    keys = [pair_keys(*part.sequences.T) for part in parts]
    found = find_repeats(np.concatenate(keys), np.concatenate([part.labels for part in parts])).contradictions
    if len(found):
        rows = [(part, at) for part in parts for at in range(len(part.rows))]
        shown = [[part.show(at) for part, at in (rows[place] for place in pair)]
                 for pair in found[:N_EXAMPLES].tolist()]
        examples = [f"{positive} is positive, {negative} is negative" for positive, negative in shown]
        pairs = np.concatenate(keys)[found[:, 0]]
        names = [part.name for part, own in zip(parts, keys, strict=True) if np.isin(pairs, own).any()]
        yield Leak("contradictory_labels", tuple(names), len(found),
                   f"{_count(len(found), 'pair')} labelled both positive and negative.", tuple(examples))


def _count(number: int, noun: str, part: Part | None = None) -> str:
    """``3 pairs of test.tsv are``."""
    of = f" of {part.name}" if part else ""
    return f"1 {noun}{of} is" if number == 1 else f"{number:,} {noun}s{of} are"


def _distinct(names: list[str]) -> list[str]:
    """Names of the files, with numbers where two are called alike."""
    return [name if names.count(name) == 1 else f"{name} ({at})" for at, name in enumerate(names, start=1)]
