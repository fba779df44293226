"""Do regions fit the sequences they are used with?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from esm2amp_core.annotations.region import Annotations
from esm2amp_core.errors import Issue, Severity, quoted

_OTHER_SEQUENCE = "Check that it is the sequence that was annotated: no other isoform, version or fragment."
_OTHER_ROWS = "Take out all rows of that length if they describe another isoform, version or fragment."


def check_fit(annotations: Annotations, lengths: Mapping[str, int]) -> list[Issue]:
    """What does not fit; nothing is changed.

    Regions of rows that state another length are used as they stand: nobody can tell whether the sequences
    differ before, in or behind them. A region that reaches behind the last residue counts as far as there are
    residues.

    Parameters
    ----------
    annotations : Annotations
    lengths : mapping of str to int
        Residues of each protein in use.

    Returns
    -------
    list of Issue
        One per protein whose length differs from all that are stated, or, where one agrees, one per other
        length; and one per region that reaches behind its end. `value` is the protein, the length or the
        region.
    """
    issues = []
    for protein, length in lengths.items():
        issues.extend(_other_lengths(protein, length, annotations.lengths_of(protein)))
        for region in annotations.of(protein):
            if region.end > length:
                inside = (f"the residues up to {length:,} count" if region.start <= length
                          else "nothing of it counts")
                value = f"{region.type} {region.start}-{region.end}"
                problem = f"{value} of {quoted(protein)} reaches beyond its {length:,} residues: {inside}."
                issues.append(Issue(None, value, problem, _OTHER_SEQUENCE, Severity.WARNING))
    return issues


def _other_lengths(protein: str, length: int, stated: Mapping[int, int]) -> Iterator[Issue]:
    """Lengths that rows of annotations state, with the first such row, beside the protein's own."""
    if stated and length not in stated:
        annotated = " and ".join(f"{other:,}" for other in stated)
        problem = f"{quoted(protein)} has {length:,} residues here; annotated were {annotated}."
        yield Issue(None, protein, problem, _OTHER_SEQUENCE, Severity.WARNING)
        return
    for other, row in stated.items():
        if other != length:
            problem = (f"{quoted(protein)} has {length:,} residues here, as row {stated[length]:,} says; "
                       f"this row says {other:,}. Its regions are used as they stand.")
            yield Issue(row, str(other), problem, _OTHER_ROWS, Severity.WARNING)
