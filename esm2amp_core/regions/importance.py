"""Importances of a file: what `esm2amp explain` wrote, or a table of each pair's top and low segments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from esm2amp_core.annotations.region import AnnotationError
from esm2amp_core.errors import PairError, quoted
from esm2amp_core.protein_files import read_packed
from esm2amp_core.regions.chosen_table import CHOSEN, read_chosen
from esm2amp_core.regions.important_units import ImportantUnits
from esm2amp_core.regions.token_table import read_tokens
from esm2amp_core.settings import Settings
from esm2amp_core.tables import read_table

MAX_ROWS = 20_000_000
K = 3
RESIDUE_SHARE = 0.1
"""Share of a pair's residues that are its top, and its low ones."""
MEASURES = ("magnitude", "value")


def read_importances(
    path: str | Path, *, k: int = K, share: float = RESIDUE_SHARE, by: str = "magnitude",
    lengths: Mapping[str, int] | None = None, annotated: Mapping[str, int] | None = None,
    max_file_mb: float = 10 * Settings.max_file_mb,
) -> ImportantUnits:
    """Read importances and choose the top and the low units of each pair.

    Parameters
    ----------
    path : str or Path
        METHOD.csv of an explanation (one row per pair and token), or a table of pairs with the columns
        top1, top2, ..., low1, low2, ... that hold names such as ``A_segment7``; also gzipped.
    k : int
        Segments to choose, of each kind.
    share : float
        Of a pair's residues, where single residues were explained.
    by : str
        Column that tells how important a token is: ``magnitude``, or ``value`` with its sign.
    lengths : mapping of str to int, optional
        Residues of the proteins that were explained; must agree with the file, where that tells.
    annotated : mapping of str to int, optional
        Residues of proteins as the annotations state them, for those of which nothing else tells: they may be
        of another isoform.
    max_file_mb : float

    Raises
    ------
    AnnotationError
        If it is no such table, or contradicts itself.
    """
    name = Path(path).name
    data = read_packed(path, max_file_mb=max_file_mb, error=AnnotationError)
    try:
        raw = read_table(data, name, max_pairs=MAX_ROWS, max_file_mb=max_file_mb)
    except PairError as error:
        raise AnnotationError(error.message, hint=error.hint, details=error.details) from None
    raw.frame.columns = [column.strip().lower() for column in raw.frame.columns]
    missing = {"protein_a", "protein_b"} - set(raw.frame.columns)
    chosen = [column for column in raw.frame.columns if CHOSEN.fullmatch(column)]
    if missing or not (chosen or {"token", by} <= set(raw.frame.columns)):
        found = ", ".join(map(quoted, raw.frame.columns[:20]))
        raise AnnotationError(
            f"{name} tells no importances by {by}. Columns found: {found}.",
            hint="Give the METHOD.csv of an explanation (protein_a, protein_b, token, magnitude, ...), or a "
                 "table with protein_a, protein_b, top1, top2, ..., low1, low2, ...",
        )
    if not len(raw):
        raise AnnotationError(f"{name} has a header but no rows.", hint="Explain some pairs first.")
    for side in "ab":
        raw.frame[f"protein_{side}"] = raw.frame[f"protein_{side}"].str.strip()
    if chosen:
        return read_chosen(raw, chosen, k, {**(annotated or {}), **(lengths or {})})
    return read_tokens(raw, k, share, by, lengths or {}, annotated or {})
