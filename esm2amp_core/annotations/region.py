"""Regions of proteins, each with its type, note, evidence and source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from esm2amp_core.errors import Issue, UserError, quoted

UNIPROT, INTERPRO, TABLE = "UniProtKB", "InterPro", "table"
UNIPROT_TYPES = ("Domain", "Region", "Compositional bias", "Repeat", "Motif")
INTERPRO_TYPES = ("Domain", "Repeat", "Active site", "Binding site", "Conserved site", "PTM")
ALL = "ALL"
"""The union of the types that are looked at."""


class AnnotationError(UserError):
    """Annotations cannot be read, or cannot be used with these proteins."""


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of a protein that a database describes.

    Attributes
    ----------
    protein : str
        As the source calls it.
    type : str
        Such as ``Domain``, ``Compositional bias``, ``Active site``.
    start, end : int
        First and last residue, inclusive, from 1. `end` may lie behind the protein's last residue: only
        `check_fit` knows how long it is.
    note, evidence : str
        As the source gives them; may be empty.
    source : str
        Database, and signature where there is one.
    uncertain : str
        What is not exact about its ends, in words; empty where both are exact.

    Raises
    ------
    ValueError
        If it does not begin at 1 or later, or ends before it begins.
    """

    protein: str
    type: str
    start: int
    end: int
    note: str = ""
    evidence: str = ""
    source: str = ""
    uncertain: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.start <= self.end:
            raise ValueError(f"{self.start}-{self.end} is no stretch of residues.")


@dataclass(frozen=True)
class Annotations:
    """Regions of many proteins.

    Attributes
    ----------
    regions : tuple of Region
        In the order of the source.
    source : str
        `UNIPROT`, `INTERPRO` or `TABLE`.
    stated_lengths : mapping of str to mapping of int to int
        Residues of each protein as the source states them, where it does, and the first row that states so;
        several lengths where rows contradict each other.
    aliases : mapping of str to str
        Other names of a protein (entry name, secondary accession): the name that its regions carry.
    issues : tuple of Issue
        What could not be used, or only in part; `row` counts rows, lines or entries of the source from 1.
    releases : tuple of str
        Of the database, where the source tells.
    """

    regions: tuple[Region, ...]
    source: str
    stated_lengths: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()
    releases: tuple[str, ...] = ()

    def of(self, protein: str) -> tuple[Region, ...]:
        """Regions of a protein, in the order of the source; none where it is not known."""
        return tuple(self._by_protein.get(self.name_of(protein), ()))

    @cached_property
    def lengths(self) -> dict[str, int]:
        """Residues of each protein as the source first states them."""
        return {protein: next(iter(stated)) for protein, stated in self.stated_lengths.items()}

    def lengths_of(self, protein: str) -> Mapping[int, int]:
        """Lengths of a protein that the source states, each with the first row that does."""
        return self.stated_lengths.get(self.name_of(protein), {})

    def name_of(self, protein: str) -> str:
        """The name by which the source knows a protein; empty if it does not.

        ``sp|P04637|P53_HUMAN`` is also known by its accession and its entry name, on either side.
        """
        for name in (protein, *uniprot_names(protein)):
            if name in self._by_protein or name in self.lengths:
                return name
            if name in self._all_aliases:
                return self._all_aliases[name]
        return ""

    @property
    def types(self) -> tuple[str, ...]:
        """Types that count if nobody chooses: those of the published analysis, or all of one's own table."""
        found = {region.type for region in self.regions}
        if self.source == TABLE:
            known = [name for name in (*UNIPROT_TYPES, *INTERPRO_TYPES) if name in found]
            return tuple(dict.fromkeys([*known, *sorted(found)]))
        return UNIPROT_TYPES if self.source == UNIPROT else INTERPRO_TYPES

    def counts(self) -> dict[str, int]:
        """Number of regions of each type, the most frequent first."""
        counts: dict[str, int] = defaultdict(int)
        for region in self.regions:
            counts[region.type] += 1
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def _by_protein(self) -> dict[str, list[Region]]:
        regions: dict[str, list[Region]] = defaultdict(list)
        for region in self.regions:
            regions[region.protein].append(region)
        return dict(regions)

    @cached_property
    def _all_aliases(self) -> dict[str, str]:
        """Names beside the proteins' own; one that could mean two proteins means none."""
        claims: dict[str, set[str]] = defaultdict(set)
        for alias, protein in self.aliases.items():
            claims[alias].add(protein)
        for protein in {*self._by_protein, *self.lengths}:
            for alias in uniprot_names(protein):
                claims[alias].add(protein)
        return {alias: next(iter(owners)) for alias, owners in claims.items() if len(owners) == 1}


def uniprot_names(name: str) -> tuple[str, ...]:
    """Accession and entry name in a UniProt identifier such as ``sp|P04637|P53_HUMAN``; else nothing."""
    kind, *parts = name.split("|")
    return tuple(filter(None, parts)) if kind in ("sp", "tr") and len(parts) == 2 else ()


def check_types(types: Collection[str], annotations: Annotations) -> tuple[str, ...]:
    """Types that a person chose, each of which the annotations have; the usual ones where none is chosen.

    Raises
    ------
    AnnotationError
        If a type does not occur.
    """
    counts = annotations.counts()
    chosen = tuple(dict.fromkeys(canonical_type(name) for name in types))
    if missing := [name.strip() for name in types if canonical_type(name) not in counts]:
        raise AnnotationError(f"The annotations have no region of type {quoted(missing[0])}.",
                              hint=f"Types found: {', '.join(counts) or 'none'}.")
    return chosen or annotations.types


def canonical_type(text: str) -> str:
    """One spelling per type: ``Active_site``, ``ACTIVE_SITE`` and ``Active site`` are the same."""
    plain = " ".join(text.replace("_", " ").split())
    return _SPELLINGS.get(plain.casefold(), plain[:1].upper() + plain[1:])


FEATURE_KEYS = {
    "DOMAIN": "Domain", "REGION": "Region", "COMPBIAS": "Compositional bias", "REPEAT": "Repeat",
    "MOTIF": "Motif", "ACT_SITE": "Active site", "BINDING": "Binding site", "SITE": "Site",
    "ZN_FING": "Zinc finger", "DNA_BIND": "DNA binding", "COILED": "Coiled coil",
    "TRANSMEM": "Transmembrane", "INTRAMEM": "Intramembrane", "TOPO_DOM": "Topological domain",
    "SIGNAL": "Signal", "TRANSIT": "Transit peptide", "PROPEP": "Propeptide", "CHAIN": "Chain",
    "PEPTIDE": "Peptide", "INIT_MET": "Initiator methionine", "MOD_RES": "Modified residue",
    "LIPID": "Lipidation", "CARBOHYD": "Glycosylation", "DISULFID": "Disulfide bond",
    "CROSSLNK": "Cross-link", "NON_STD": "Non-standard residue", "VAR_SEQ": "Alternative sequence",
    "VARIANT": "Natural variant", "MUTAGEN": "Mutagenesis", "UNSURE": "Sequence uncertainty",
    "CONFLICT": "Sequence conflict", "NON_CONS": "Non-adjacent residues",
    "NON_TER": "Non-terminal residue", "HELIX": "Helix", "TURN": "Turn", "STRAND": "Beta strand",
    "NP_BIND": "Nucleotide binding", "CA_BIND": "Calcium binding", "METAL": "Metal binding",
}  # fmt: skip
"""UniProtKB's feature keys, as they stand in its tables, and what it calls them everywhere else."""

_SPELLINGS = {
    name.casefold(): name
    for name in (*UNIPROT_TYPES, *INTERPRO_TYPES, *FEATURE_KEYS.values(), "Family", "Homologous superfamily")
} | {ALL.casefold(): "All (of the file)"}  # the union has this name
