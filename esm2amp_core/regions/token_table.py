"""Importances of tokens as `esm2amp explain` writes them: METHOD.csv, one row per pair and token."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.errors import Issue, quoted
from esm2amp_core.explanation_files import TOKEN_COLUMNS
from esm2amp_core.regions.important_units import ImportantUnits
from esm2amp_core.regions.selection import choose
from esm2amp_core.regions.units import RESIDUE, SEGMENT, Units
from esm2amp_core.tables import RawTable

TOKEN = re.compile(r"(?P<side>[AB])[._](?P<kind>segment|residue)(?P<number>\d{1,6})")
_OTHER_TOKEN = re.compile(r"[AB][._](?:cls|eos|mean)")
"""Tokens that stand for no stretch, or for the whole chain: they lie on no region."""


def read_tokens(
    raw: RawTable, k: int, share: float, by: str, lengths: Mapping[str, int], annotated: Mapping[str, int]
) -> ImportantUnits:
    """Choose the top and low units of a table of tokens.

    Parameters
    ----------
    raw : RawTable
        Names of columns in lower case.
    k : int
        Segments to choose.
    share : float
        Of residues to choose, where these were explained.
    by : str
        Column of importances.
    lengths, annotated : mapping of str to int
        As for `read_importances`.

    Raises
    ------
    AnnotationError
        If tokens are missing, stand there twice or are no tokens, or two lengths contradict each other.
    """
    frame = raw.frame
    tokens, token = np.unique(frame["token"].to_numpy(object), return_inverse=True)
    parts = [TOKEN.fullmatch(text.strip()) for text in tokens]
    strange = [text for text, part in zip(tokens, parts, strict=True)
               if part is None and not _OTHER_TOKEN.fullmatch(text.strip())]
    if strange:
        row = int(np.flatnonzero(frame["token"] == strange[0])[0]) + 1
        raise AnnotationError(f"{raw.name}, row {row:,}: {quoted(strange[0])} is no token.",
                              hint="Tokens are called A.segment0 to B.segment9, or A.residue1 and so on.")
    kinds = sorted({part["kind"] for part in parts if part})
    if len(kinds) != 1:
        what = " and ".join(f"{kind}s" for kind in kinds) or "no segments"
        raise AnnotationError(f"{raw.name} has {what}.",
                              hint="Explain a model that reads segments, and give the file of one method.")
    used = np.array([part is not None for part in parts])[token]
    frame, token = frame[used], token[used]
    side = np.array([-1 if part is None else "AB".index(part["side"]) for part in parts])[token]
    number = np.array([-1 if part is None else int(part["number"]) for part in parts])[token]
    importance = _numbers(frame[by], raw.name, by)
    pair, pairs = _pairs_of(frame, raw.name)
    unit = number - (kinds[0] == RESIDUE)
    known = _lengths_of(frame, pair, pairs, side, number, kinds[0], lengths, annotated)
    units = Units.of(kinds[0], known)
    protein_of = {name: i for i, name in enumerate(units.names)}
    both = np.column_stack([pairs[f"protein_{s}"].map(protein_of) for s in "ab"])
    protein = both[pair, side]
    _check_complete(units, pair, side, unit, protein, both, pairs, raw.name)
    counts = np.bincount(pair, minlength=len(pairs))
    wanted = (np.full(len(pairs), k) if kinds[0] == SEGMENT
              else np.maximum(np.rint(share * counts).astype(int), 1))
    top, low, ties = choose(pair, side, protein, unit, importance, k=wanted)
    return ImportantUnits(pairs, units, top, low, ties)


def _pairs_of(frame: pd.DataFrame, name: str) -> tuple[np.ndarray, pd.DataFrame]:
    """Number of each row's pair, in order of appearance, and the pairs."""
    key = ["row"] if "row" in frame else ["protein_a", "protein_b"]
    pair = frame.groupby(key, sort=False).ngroup().to_numpy()
    first = ~pd.Series(pair).duplicated().to_numpy()
    of_tokens = set(TOKEN_COLUMNS) - {"row", "protein_a", "protein_b"}
    constant = [column for column in frame.columns if column not in of_tokens]
    pairs = frame.loc[first, constant].reset_index(drop=True)
    for side in "ab":
        differs = pairs[f"protein_{side}"].to_numpy()[pair] != frame[f"protein_{side}"].to_numpy()
        if differs.any():
            row = frame["row"].iloc[int(np.flatnonzero(differs)[0])]
            raise AnnotationError(f"{name} has different proteins under row number {row}.",
                                  hint="Give each pair a number of its own in the column row.")
    if "row" not in pairs:
        pairs.insert(0, "row", np.arange(1, len(pairs) + 1))
    return pair, pairs


def _lengths_of(
    frame: pd.DataFrame, pair: np.ndarray, pairs: pd.DataFrame, side: np.ndarray, number: np.ndarray,
    kind: str, given: Mapping[str, int], annotated: Mapping[str, int],
) -> dict[str, int]:
    """Residues of each protein: the end of its last unit, or as given (both must agree), or as annotated."""
    named = np.where(side == 0, frame["protein_a"], frame["protein_b"])
    if kind == RESIDUE:
        ends = number
    elif "end" in frame:
        ends = _numbers(frame["end"], "The table", "end").astype(np.int64)
    else:
        ends = np.zeros(len(frame), np.int64)
    # In each pair on its own: a protein that has two lengths must not pass as one.
    lasts = pd.DataFrame({"pair": pair, "protein": named, "end": ends})
    lasts = lasts.groupby(["pair", "protein"], sort=False)["end"].max()
    lengths: dict[str, int] = {}
    for (of_pair, name), end in lasts.items():
        end = int(end) or given.get(name, 0) or annotated.get(name, 0)
        known = lengths.setdefault(name, end)
        stated = given.get(name, end)
        if not end:
            raise AnnotationError(f"How long {quoted(name)} is stands nowhere.",
                                  hint="Give the proteins with --sequences.")
        if known != end or stated != end:
            other = known if known != end else stated
            row = pairs["row"].iloc[of_pair]
            raise AnnotationError(f"Pair {row}: {quoted(name)} has {end:,} residues, elsewhere {other:,}.",
                                  hint="Give each sequence its own name, and the sequences that were "
                                       "explained.")
    return lengths


def _check_complete(
    units: Units, pair: np.ndarray, side: np.ndarray, unit: np.ndarray, protein: np.ndarray, both: np.ndarray,
    pairs: pd.DataFrame, name: str,
) -> None:
    """Refuse pairs in which a unit is missing, stands twice, or is none of the protein's."""
    sizes = units.n_units
    outside = (unit < 0) | (unit >= sizes[protein])
    key = (pair * 2 + side) * (int(sizes.max()) + 1) + np.where(outside, 0, unit)
    n_expected = sizes[both].sum(axis=1)
    bad = np.bincount(pair, minlength=len(pairs)) != n_expected
    bad[pair[outside]] = True
    bad[pair[pd.Series(key).duplicated().to_numpy()]] = True
    if bad.any():
        details = [Issue(None, "", f"Pair {pairs['row'].iloc[i]} ({pairs['protein_a'].iloc[i]}, "
                         f"{pairs['protein_b'].iloc[i]}) does not have each {units.kind} of both proteins "
                         "once.", "Explain it again.") for i in np.flatnonzero(bad)]
        raise AnnotationError(f"{name}: {bad.sum():,} of {len(pairs):,} pairs are not complete.",
                              hint="Give the file as it was written.", details=details)


def _numbers(texts: pd.Series, name: str, column: str) -> np.ndarray:
    numbers = pd.to_numeric(texts, errors="coerce").to_numpy(float)
    if (bad := np.flatnonzero(~np.isfinite(numbers))).size:
        details = [Issue(int(texts.index[i]) + 1, text, f"{quoted(text)} in column {column} is no number.",
                         "Explain the pair again.") for i in bad for text in [texts.iloc[i]]]
        raise AnnotationError(f"{name}: {len(bad):,} rows have no number in column {column}.",
                              hint="Give the file as it was written.", details=details)
    return numbers
