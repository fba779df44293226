"""The published analysis of functional regions, and where ours differs from it and why."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from esm2amp_core.annotations.reading import read_annotations
from esm2amp_core.annotations.region import UNIPROT_TYPES
from esm2amp_core.features import segment_bounds
from esm2amp_core.regions.coverage import coverage, coverage_names
from esm2amp_core.regions.hit_rates import ANY, THRESHOLDS, classes_of, hit_rates
from esm2amp_core.regions.importance import read_importances
from esm2amp_core.regions.labels import truth_and_prediction

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "regions_functional"
SEGMENTS = FOLDER / "published_segment_attributions.tsv.gz"
pytestmark = pytest.mark.skipif(
    not SEGMENTS.is_file(), reason="NOT CHECKED: the published segments do not lie in ../shared/data"
)
NAMES = coverage_names(UNIPROT_TYPES)


def published_coverage(start, stop, regions):
    """Percent per type and ALL as the published program finds them, and which of its two faults it made.

    It goes through the regions that touch the segment. One that shares a single residue counts as none and
    also wipes out what earlier regions of its type had covered; for ALL it only counts as none.
    """
    inside, union, faults = {}, set(), set()
    for region in regions:
        first, last = max(start + 1, region.start), min(stop, region.end)
        if first > last:
            continue
        if first == last:
            faults |= {(region.type, "one residue ignored"), ("ALL", "one residue ignored")}
            if inside.get(region.type):
                faults.add((region.type, "earlier regions forgotten"))
            inside[region.type] = set()
        else:
            inside.setdefault(region.type, set()).update(range(first, last + 1))
            union |= set(range(first, last + 1))
    length = stop - start
    shares = [len(inside.get(name, ())) / length for name in UNIPROT_TYPES] + [len(union) / length]
    return [round(100 * share, 1) for share in shares], faults


@pytest.fixture(scope="module")
def both():
    """Percent covered of every chosen segment, ours and theirs; the faults; hit-rate tables of both."""
    annotations = read_annotations(FOLDER / "uniprot_features.tsv.gz")
    proteins = pd.read_csv(FOLDER / "proteins.tsv.gz", sep="\t", dtype={"protein": str})
    important = read_importances(SEGMENTS, lengths=dict(zip(proteins.protein, proteins.length, strict=True)))
    classes = classes_of(*truth_and_prediction(important.pairs, SEGMENTS, None), len(important.pairs))
    units = important.units
    covered = coverage(units, annotations, UNIPROT_TYPES)
    ours, theirs, faults, tables = [], [], [], []
    for selection in (important.top, important.low):
        exact = covered[units.offsets[selection.protein] + selection.unit]
        published = []
        for protein, unit in zip(selection.protein, selection.unit, strict=True):
            bounds = segment_bounds(int(units.lengths[protein]))
            regions = annotations.of(units.names[protein])
            values, made = published_coverage(bounds[unit], bounds[unit + 1], regions)
            published.append(values)
            faults.append(made)
        ours.append(100 * exact)
        theirs.append(np.array(published))
        tables.append((hit_rates(selection, exact, NAMES, classes),
                       hit_rates(selection, theirs[-1] / 100, NAMES, classes)))
    return np.vstack(ours), np.vstack(theirs), faults, tables


def test_hit_rates_agree_with_the_published_program_within_one_and_a_half_points(both):
    cells = 0
    for ours, theirs in both[3]:
        assert ours[["class", "threshold", "rank", "n_pairs"]].equals(
            theirs[["class", "threshold", "rank", "n_pairs"]])
        difference = (ours[list(NAMES)] - theirs[list(NAMES)]).to_numpy()
        assert np.abs(difference).max() <= 1.5
        assert set(ours["class"]) == {"all", "TP", "FN", "TN", "FP"}
        cells += difference.size
    assert cells == 2 * 5 * len(THRESHOLDS) * 4 * len(NAMES)


def test_coverage_differs_only_where_the_published_program_made_one_of_its_two_faults(both):
    ours, theirs, faults, _ = both
    differs = np.abs(ours - theirs) > 0.05 + 1e-9  # it rounds to a tenth of a percent
    explained = np.array([[any(fault[0] == name for fault in made) for name in NAMES] for made in faults])
    assert differs.any()
    assert not (differs & ~explained).any()
    kinds = {fault[1] for made, row in zip(faults, differs, strict=True)
             for fault in made if row[NAMES.index(fault[0])]}
    assert kinds == {"one residue ignored", "earlier regions forgotten"}
    # Both faults lose residues; neither adds any.
    assert (ours - theirs)[differs].min() > 0


def test_every_differing_hit_comes_from_a_segment_with_a_fault(both):
    """A hit that only one of the two sees: the segment's coverage differs by more than the rounding."""
    ours, theirs, _, _ = both
    for threshold in THRESHOLDS:
        disagree = (ours >= threshold) != (theirs >= threshold)
        assert not (disagree & (np.abs(ours - theirs) <= 0.05 + 1e-9)).any()


def test_the_counts_of_classes_are_those_of_the_data(both):
    table = both[3][0][0]
    one = table[(table["rank"] == ANY) & (table["threshold"] == 25)].set_index("class")["n_pairs"]
    assert one.to_dict() == {"all": 1514, "TP": 674, "FN": 61, "TN": 513, "FP": 266}
