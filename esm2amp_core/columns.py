"""Which columns of a table hold the two proteins of a pair."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from esm2amp_core.errors import PairError, quoted
from esm2amp_core.tables import RawTable

_IDS = ("protein", "id", "proteinid", "idprotein", "uniprot", "uniprotid", "uniprotac", "accession", "acc",
        "uniprotaccession", "prot", "p", "interactor", "idinteractor", "idsinteractor", "gene", "genename",
        "genesymbol", "geneid", "symbol", "officialsymbolinteractor", "name", "proteinname", "entry", "node",
        "partner", "molecule", "chain", "seqid", "")  # fmt: skip
_SEQUENCES = ("sequence", "seq", "proteinsequence", "sequenceprotein", "aasequence", "aaseq", "proteinseq",
              "seqprotein")  # fmt: skip
_DIRECTED = (("bait", "prey"), ("source", "target"), ("query", "subject"), ("ligand", "receptor"),
             ("receptor", "ligand"), ("from", "to"), ("protein", "partner"))  # fmt: skip
_SIDES = {"a": 0, "b": 1, "1": 0, "2": 1}
_LONGEST_NAME = 60
_CELLS_READ = 100
_LIKE_SEQUENCE = re.compile(r"[A-Za-z]{20,}\*?")


@dataclass(frozen=True)
class ColumnMap:
    """Names of the columns that hold a pair; all others are carried to the output.

    Attributes
    ----------
    protein_a, protein_b : str or None
        Columns of the proteins' names; None where there are sequences alone.
    sequence_a, sequence_b : str or None
    has_header : bool
        False where the first row is data too; the columns are then called ``column 1``, ``column 2``...
    """

    protein_a: str | None
    protein_b: str | None
    sequence_a: str | None = None
    sequence_b: str | None = None
    has_header: bool = True


def recognise_columns(raw: RawTable, known: Collection[str] = ()) -> ColumnMap:
    """Find the columns of a pair by their names, whatever their case and separators.

    Parameters
    ----------
    raw : RawTable
    known : collection of str
        Names of proteins whose sequences are known: a first row that holds two of them is data.

    Raises
    ------
    PairError
        If they are not recognised; the message lists the columns.
    """
    names = list(raw.frame.columns)
    sided = _by_side(names, _IDS)
    ids = sided or _directed(names, _IDS)
    # Nobody can tell whether the bait's sequence is that of protein A.
    sequences = _by_side(names, _SEQUENCES) or (None if sided else _directed(names, _SEQUENCES))
    headerless = _without_names(raw, known)
    # Ids such as 'p1' and 'p2' look like column names, but not if they are known proteins.
    if headerless and not (ids and _stem(ids[0]).startswith("protein")):
        return headerless
    if ids or sequences:
        return ColumnMap(*(ids or (None, None)), *(sequences or (None, None)))
    found = ", ".join(map(quoted, names[:20])) + (", ..." if len(names) > 20 else "")
    raise PairError(
        f"The two protein columns were not recognised. Columns found: {found}.",
        hint="Name them protein_a and protein_b (with sequence_a and sequence_b beside them if there is no "
             "FASTA), or choose the columns by hand.",
    )


def _without_names(raw: RawTable, known: Collection[str]) -> ColumnMap | None:
    """The columns of a table whose first row holds known ids or sequences instead of names."""
    first = [cell.strip() for cell in raw.header]
    if 2 <= len(first) <= 3 and (first[0] in known or first[1] in known):
        return ColumnMap("column 1", "column 2", has_header=False)
    like = [bool(_LIKE_SEQUENCE.fullmatch(cell)) for cell in first]
    if like[:2] == [True, True]:
        return ColumnMap(None, None, "column 1", "column 2", has_header=False)
    if like[:4] == [False, False, True, True]:
        return ColumnMap("column 1", "column 2", "column 3", "column 4", has_header=False)
    if like[:4] == [False, True, False, True]:
        return ColumnMap("column 1", "column 3", "column 2", "column 4", has_header=False)
    return None


def columns_like_sequences(raw: RawTable, columns: ColumnMap) -> list[str]:
    """Names of the columns that are not used but hold sequences, as most of their first cells tell."""
    used = {columns.protein_a, columns.protein_b, columns.sequence_a, columns.sequence_b}
    found = []
    for name in raw.frame.columns:
        cells = [cell for cell in raw.frame[name].head(_CELLS_READ).str.strip() if cell]
        n_like = sum(bool(_LIKE_SEQUENCE.fullmatch(cell)) for cell in cells)
        if name not in used and n_like > len(cells) / 2:
            found.append(name)
    return found


def guess_columns(raw: RawTable) -> ColumnMap:
    """Two columns whose names differ in the side or part alone, whatever else they say: to be confirmed."""
    names = list(raw.frame.columns)
    found = _sides(names)
    stems = [stem for stem in found if stem not in _SEQUENCES]
    ids = _by_side(names, tuple(stems)) or _directed(names, None)
    return ColumnMap(*(ids or (None, None)), *(_by_side(names, _SEQUENCES) or (None, None)))


def _directed(names: list[str], stems: Collection[str] | None = _IDS) -> tuple[str, str] | None:
    """Two columns called by the parts the proteins play, such as bait and prey, or 'Bait ID' and 'Prey ID'.

    What their names say besides is the same, and one of `stems` unless those are None.
    """
    tokens = {name: _tokens(name) for name in reversed(names) if len(name) <= _LONGEST_NAME}
    by_part = {
        (part, "".join(tokens[name][:i] + tokens[name][i + 1 :])): name
        for name in tokens for i, part in enumerate(tokens[name])
    }  # fmt: skip
    for a, b in _DIRECTED:
        for part, rest in by_part:
            if part == a and (b, rest) in by_part and (stems is None or rest in stems):
                return by_part[a, rest], by_part[b, rest]
    return None


def _by_side(names: list[str], stems: tuple[str, ...]) -> tuple[str, str] | None:
    """The two columns that share a stem (the earlier in `stems` the better) and differ in their side."""
    found = _sides(names)
    for stem in stems:
        if len(found.get(stem, {})) == 2:
            return found[stem][0], found[stem][1]
    return None


def _sides(names: list[str]) -> dict[str, dict[int, str]]:
    """Columns by stem and side."""
    found: dict[str, dict[int, str]] = {}
    for name in names:
        for stem, side in _readings(name):
            found.setdefault(stem, {}).setdefault(side, name)
    return found


def _stem(name: str) -> str:
    return next((stem for stem, _ in _readings(name)), "")


def _readings(name: str) -> list[tuple[str, int]]:
    """Stem and side a column name may mean: 'Protein_A_ID' is ('proteinid', 0)."""
    if len(name) > _LONGEST_NAME:
        return []
    tokens = _tokens(name)
    readings = [("".join(tokens[:i] + tokens[i + 1 :]), _SIDES[token])
                for i, token in enumerate(tokens) if token in _SIDES]
    joined = "".join(tokens)
    if joined and joined[-1] in "ab12":
        readings.append((joined[:-1], _SIDES[joined[-1]]))
    return readings


def _tokens(name: str) -> list[str]:
    """Words of a column name in lower case: 'Protein_A' and 'ProteinA' are ['protein', 'a']."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])", " ", name)
    return re.findall(r"[a-z0-9]+", spaced.lower())
