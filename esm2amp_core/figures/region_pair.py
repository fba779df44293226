"""The numbers behind the picture of a pair with its regions, as one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from esm2amp_core.explanations import Explanation
from esm2amp_core.figures.explanation_pair import PairTokens
from esm2amp_core.figures.explanation_parts import residue_values
from esm2amp_core.region_files import RESIDUE, SEGMENT

REGION = "region"


def pair_table(
    part: Explanation, pair: PairTokens, regions: Mapping[str, pd.DataFrame],
    framed: Mapping[str, Sequence[str]],
) -> pd.DataFrame:  # fmt: skip
    """One line per segment, per residue where the method has them, and per region.

    Parameters
    ----------
    part : Explanation
        Of this pair alone, as `part_of` gives it.
    pair : PairTokens
    regions : mapping of str to DataFrame
        For ``A`` and ``B``, columns as `RegionFolder.regions`.
    framed : mapping of str to sequence of str
        Chosen tokens of each selection, the first one first.

    Returns
    -------
    DataFrame
        ``what`` (segment, residue, region), ``side``, ``protein``, ``name`` (of the segment, or type of the
        region), ``start`` and ``end`` (from 1, inclusive), ``method``, ``value``, ``magnitude`` (the size by
        which segments are ranked), ``selection``, ``rank``, and what else is known of a region.
    """
    ranks = {token: (name, rank) for name, tokens in framed.items() for rank, token in enumerate(tokens, 1)}
    lines = []
    for i, token in enumerate(pair.tokens):
        if found := pair.residues(token):
            selection, rank = ranks.get(token, (None, None))
            lines.append(_line(SEGMENT, token[0], pair, token, *found) | {
                "method": part.method, "value": float(part.value[0][i]),
                "magnitude": float(part.magnitude[0][i]), "selection": selection, "rank": rank,
            })  # fmt: skip
    for side in "AB":
        values = residue_values(part, side)
        for number, value in enumerate(() if values is None else values, start=1):
            lines.append(_line(RESIDUE, side, pair, f"{side}.{number}", number, number) | {
                "method": part.method, "value": float(value), "magnitude": abs(float(value))})
    for side, own in regions.items():
        for known in own.drop(columns=["protein"]).to_dict("records"):
            name, start, end = known.pop("type"), known.pop("start"), known.pop("end")
            lines.append(_line(REGION, side, pair, name, start, end) | known)
    table = pd.DataFrame(lines)
    return table.astype({"rank": "Int64"}) if "rank" in table else table


def _line(what: str, side: str, pair: PairTokens, name: str, start: int, end: int) -> dict[str, object]:
    return {"what": what, "side": side, "protein": pair.names["AB".index(side)], "name": name,
            "start": int(start), "end": int(end)}
