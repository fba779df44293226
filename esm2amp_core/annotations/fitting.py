"""Do regions fit the sequences they are used with?"""

from __future__ import annotations

from collections.abc import Mapping

from esm2amp_core.annotations.region import Annotations
from esm2amp_core.errors import Issue, Severity, quoted

_OTHER_SEQUENCE = "Check that it is the sequence that was annotated: no other isoform, version or fragment."


def check_fit(annotations: Annotations, lengths: Mapping[str, int]) -> list[Issue]:
    """What does not fit; nothing is changed.

    A region that reaches behind the last residue counts as far as there are residues.

    Parameters
    ----------
    annotations : Annotations
    lengths : mapping of str to int
        Residues of each protein in use.

    Returns
    -------
    list of Issue
        One per protein whose length differs, and one per region that reaches behind its end; `value` is the
        protein, or the region.
    """
    issues = []
    for protein, length in lengths.items():
        stated = annotations.length_of(protein)
        if stated is not None and stated != length:
            problem = f"{quoted(protein)} has {length:,} residues here; annotated were {stated:,}."
            issues.append(Issue(None, protein, problem, _OTHER_SEQUENCE, Severity.WARNING))
        for region in annotations.of(protein):
            if region.end > length:
                inside = (f"the residues up to {length:,} count" if region.start <= length
                          else "nothing of it counts")
                value = f"{region.type} {region.start}-{region.end}"
                problem = f"{value} of {quoted(protein)} reaches behind its {length:,} residues: {inside}."
                issues.append(Issue(None, value, problem, _OTHER_SEQUENCE, Severity.WARNING))
    return issues
