"""The whole analysis of a job: coverage, hit rates, enrichment, position bias, and what to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core.annotations.fitting import check_fit
from esm2amp_core.annotations.region import ALL, AnnotationError, Annotations, check_types
from esm2amp_core.errors import Issue, quoted
from esm2amp_core.progress import Report, silent
from esm2amp_core.region_files import EVERY, REGION_COLUMNS, RESIDUE, SEGMENT
from esm2amp_core.regions.coverage import POSITIONS, coverage, coverage_names, position_coverage
from esm2amp_core.regions.enrichment import MIN_CARRIERS, Enrichment, corrected, enrichment
from esm2amp_core.regions.hit_rates import THRESHOLDS, classes_of, hit_rates
from esm2amp_core.regions.important_units import ImportantUnits
from esm2amp_core.regions.pair_tests import pair_tests
from esm2amp_core.regions.selection import Selection
from esm2amp_core.regions.units import Units

N_SHUFFLINGS, N_RESAMPLES = 2_000, 1_000


@dataclass(frozen=True)
class RegionAnalysis:
    """What is known of a job's important units and the regions they lie on.

    Attributes
    ----------
    coverage : DataFrame
        One line per pair and chosen unit: its place, and how many percent of it each type covers.
    hit_rates : DataFrame
        As `hit_rates` gives them, top before low.
    enrichment, positions : DataFrame
        As `enrichment` gives them, for types of regions and for tenths of the chains.
    pairs : DataFrame
        As `pair_tests` gives them, with row and proteins.
    regions : DataFrame
        Regions of the job's proteins, called as the job calls them: `REGION_COLUMNS`.
    issues : tuple of Issue
        What does not fit or could not be read in the annotations.
    summary : dict
        Plain values: settings, counts, and what a reader must know.
    """

    coverage: pd.DataFrame
    hit_rates: pd.DataFrame
    enrichment: pd.DataFrame
    positions: pd.DataFrame
    pairs: pd.DataFrame
    regions: pd.DataFrame
    issues: tuple[Issue, ...]
    summary: dict[str, Any]


def analyse(
    important: ImportantUnits, annotations: Annotations, *, types: Sequence[str] = (),
    label: pd.Series | None = None, interacts: pd.Series | None = None, n_shufflings: int = N_SHUFFLINGS,
    n_resamples: int = N_RESAMPLES, seed: int = 0, report: Report = silent,
) -> RegionAnalysis:
    """Lay regions over the important units of pairs.

    Parameters
    ----------
    important : ImportantUnits
    annotations : Annotations
        Of a protein that they do not know, no residue lies on a region.
    types : sequence of str
        Types of regions to look at; those of the published analysis when empty.
    label, interacts : Series of nullable bool, length=N, or None
        What is true and what the model says of each pair.
    n_shufflings, n_resamples : int
        For p-values that cannot be computed exactly, and for intervals.
    seed : int
    report : Report

    Raises
    ------
    AnnotationError
        If the annotations know none of the proteins, or not a type that was chosen.
    """
    units, selections = important.units, (important.top, important.low)
    _check_names(units.names, annotations)
    chosen_types = check_types(types, annotations)
    names = coverage_names(chosen_types)
    covered = coverage(units, annotations, chosen_types)
    classes = classes_of(label, interacts, len(important.pairs))
    found = enrichment(
        units, selections, np.hstack([covered, position_coverage(units)]), [*names, *POSITIONS],
        important.proteins, n_shufflings=n_shufflings, n_resamples=n_resamples, seed=seed, report=report,
    )  # fmt: skip
    is_position = found.table["type"].isin(POSITIONS)
    tests = pd.concat([
        pair_tests(units, selection, covered, names, n_shufflings=n_shufflings, seed=seed, report=report)
        for selection in selections
    ], ignore_index=True)  # fmt: skip
    lengths = dict(zip(units.names, units.lengths.tolist(), strict=True))
    issues = (*annotations.issues, *check_fit(annotations, lengths))
    return RegionAnalysis(
        pd.concat([_chosen_frame(important, selection, covered, names, classes) for selection in selections],
                  ignore_index=True),
        pd.concat([hit_rates(selection, _of(units, selection, covered), names, classes,
                             single=units.kind == SEGMENT) for selection in selections], ignore_index=True),
        _with_q(found.table[~is_position]), _with_q(found.table[is_position]),
        _with_pairs(_with_q(tests), important.pairs), _region_frame(annotations, units.names), issues,
        _summary(important, annotations, chosen_types, classes, found, issues,
                 {"n_shufflings": n_shufflings, "n_resamples": n_resamples, "seed": seed}),
    )  # fmt: skip


def _check_names(names: Sequence[str], annotations: Annotations) -> None:
    """Refuse annotations of other proteins: what follows would be a table of zeros."""
    if any(map(annotations.name_of, names)):
        return
    theirs = dict.fromkeys([*annotations.lengths, *(region.protein for region in annotations.regions)])
    if not theirs:
        raise AnnotationError("The annotations know none of the proteins.",
                              hint="Name the proteins by their UniProt accessions, such as P04637.")
    raise AnnotationError(
        f"The annotations are of other proteins: they hold {_some(list(theirs))}; the pairs have "
        f"{_some(names)}.", hint="Give regions of the pairs' proteins, under the names they have there.",
    )  # fmt: skip


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(quoted, names[:3])) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def _region_frame(annotations: Annotations, names: Sequence[str]) -> pd.DataFrame:
    found = [(name, *astuple(region)[1:]) for name in names for region in annotations.of(name)]
    return pd.DataFrame(found, columns=list(REGION_COLUMNS))


def _of(units: Units, selection: Selection, values: np.ndarray) -> np.ndarray:
    return values[units.offsets[selection.protein] + selection.unit]


def _with_q(table: pd.DataFrame) -> pd.DataFrame:
    """One family of tests: its p-values are corrected together."""
    return table.assign(q_value=corrected(table["p_value"])).reset_index(drop=True)


def _with_pairs(tests: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    facts = pairs[["row", "protein_a", "protein_b"]].iloc[tests["pair"].to_numpy()].reset_index(drop=True)
    return pd.concat([facts, tests.drop(columns="pair")], axis=1)


def _chosen_frame(
    important: ImportantUnits, selection: Selection, covered: np.ndarray, names: Sequence[str],
    classes: dict[str, np.ndarray],
) -> pd.DataFrame:
    units = important.units
    frame = important.pairs[["row", "protein_a", "protein_b"]].iloc[selection.pair].reset_index(drop=True)
    if len(classes) > 1:
        of_pair = np.full(selection.n_pairs, "", object)
        for name, member in list(classes.items())[1:]:
            of_pair[member] = name
        frame["class"] = of_pair[selection.pair]
    frame["selection"], frame["rank"] = selection.name, selection.rank
    number = selection.unit + (units.kind == RESIDUE)
    frame["token"] = [f"{'AB'[side]}.{units.kind}{i}" for side, i in zip(selection.side, number, strict=True)]
    frame["protein"] = np.array(units.names, object)[selection.protein]
    size, rest = np.divmod(units.lengths[selection.protein], units.n_units[selection.protein])
    start = selection.unit * size + np.minimum(selection.unit, rest)
    frame["start"], frame["end"] = start + 1, start + size + (selection.unit < rest)
    frame["importance"] = selection.importance
    percent = 100 * _of(units, selection, covered)
    return pd.concat([frame, pd.DataFrame(percent, columns=list(names))], axis=1)


def _summary(
    important: ImportantUnits, annotations: Annotations, types: Sequence[str], classes: dict[str, np.ndarray],
    found: Enrichment, issues: Sequence[Issue], settings: dict[str, Any],
) -> dict[str, Any]:
    units = important.units
    known = [name for name in units.names if annotations.name_of(name)]
    with_region = [name for name in known if any(region.type in types for region in annotations.of(name))]
    per_pair = important.top.counts
    classed = np.any(list(classes.values())[1:] or [classes[EVERY]], axis=0)
    return {
        "unit": units.kind,
        "n_pairs": len(important.pairs),
        "n_proteins": len(units.names),
        "chosen_per_pair": {"least": int(per_pair.min()), "most": int(per_pair.max())},
        "pairs_with_ties": int(important.ties.sum()),
        "classes": {name: int(member.sum()) for name, member in classes.items()},
        "pairs_without_class": int((~classed).sum()),
        "thresholds_percent": list(THRESHOLDS),
        "annotations": {
            "source": annotations.source, "releases": list(annotations.releases), "types": list(types),
            "regions": {name: n for name, n in annotations.counts().items() if name in types},
            "types_left_out": {name: n for name, n in annotations.counts().items() if name not in types},
            "proteins_known": len(known), "proteins_with_region": len(with_region),
            "proteins_unknown": [name for name in units.names if not annotations.name_of(name)],
            "n_issues": len(issues), "issues": [str(issue) for issue in issues[:1000]],
        },
        "settings": settings,
        "chance": {
            "null": "segments change places within their protein" if units.kind == SEGMENT
                    else "residues are rotated along their protein",
            "exact": found.exact, "n_shuffled": found.n_shuffled,
            "p_values": "two-sided",
            "q_values": "Benjamini-Hochberg, over one table",
            "intervals": "95 %, for pairs that share proteins, at least as wide as 95 % of shufflings; only "
                         f"from {MIN_CARRIERS} proteins and {MIN_CARRIERS} pairs with such a region on",
        },
        "notes": [*_notes(important, with_region), *_without_interval(found.carriers, coverage_names(types))],
    }  # fmt: skip


def _notes(important: ImportantUnits, with_region: Sequence[str]) -> list[str]:
    n, units = len(important.pairs), important.units
    return [
        f"{ALL} is the union of the types. A pair counts whether its proteins have regions or not: "
        f"{len(with_region):,} of {len(units.names):,} proteins have one.",
        "Equal importances are told apart by their order: A before B, from the first residue to the last. "
        f"That decided in {int(important.ties.sum()):,} of {n:,} pairs.",
        "Where annotations are silent, a region may still exist: nobody may have looked.",
    ]


def _without_interval(carriers: dict[str, int], names: Sequence[str]) -> list[str]:
    """Why there is no 95 % interval, where there is none; types without any region are not named."""
    few = [f"{name} ({carriers[name]})" for name in names if 0 < carriers[name] < MIN_CARRIERS]
    if not few:
        return []
    return [f"Without a 95 % interval, because fewer than {MIN_CARRIERS} proteins, or pairs with such a "
            f"protein, have a region: {', '.join(few)}. The p-values hold all the same."]
