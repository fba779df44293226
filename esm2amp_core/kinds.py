"""Kinds of jobs: the parameters of each, where the code that does it stands, and the page that shows it.

A new kind is one dataclass and one line in `KINDS` here, and one function ``run(work: Work) -> None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Self

from esm2amp_core.errors import JobError

PREDICT, EVALUATE, EXPLAIN, REGIONS, DOWNLOAD = "predict", "evaluate", "explain", "regions", "download"
SCREEN = "screen"


@dataclass(frozen=True, kw_only=True)
class Params:
    """What a job needs to know besides its pairs; kept with it as JSON values."""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read parameters of a job.

        Raises
        ------
        JobError
            If one is missing, or unknown: a newer program may have written it.
        """
        known = {field.name: field for field in fields(cls)}
        if strange := sorted(values.keys() - known):
            raise JobError(f"The job has parameters this program does not know: {', '.join(strange)}.",
                           hint="Update esm2amp.")
        needed = {name for name, field in known.items()
                  if field.default is MISSING and field.default_factory is MISSING}  # fmt: skip
        if missing := sorted(needed - values.keys()):
            raise JobError(f"The job does not say its {' and '.join(missing)}.", hint="Submit it again.")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class PredictParams(Params):
    """What scoring a table of pairs needs to know.

    Attributes
    ----------
    bundle : str
        Name of an installed bundle, or the full path of another.
    bundle_digest : str
        SHA-256 of its manifest when the job was submitted; once rows are scored, when they were.
    device, precision : str
        As `Esm2Embedder` takes them.
    used : dict
        What scored the rows: title and threshold of the model, encoder, its revision, device, precision,
        versions. Written by the worker.
    screen : str
        Job of the screen whose best pairs these are; empty for others.
    """

    bundle: str
    bundle_digest: str = ""
    device: str = "auto"
    precision: str = "auto"
    screen: str = ""
    used: dict[str, str | float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EvaluateParams(PredictParams):
    """What measuring a model on labelled pairs needs to know.

    Attributes
    ----------
    label : str
        Column of the pairs that says 1 or 0.
    n_resamples, seed : int
        For the intervals.
    """

    label: str
    n_resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ExplainParams(PredictParams):
    """What explaining scored pairs needs to know.

    Attributes
    ----------
    methods : list of str
        Keys of `explanations.METHODS`; empty for those that suit so many pairs.
    source : str
        The job whose rows these are; empty where they came another way.
    controls : bool
        Also score a single pair's own decoys.
    seed : int
    """

    methods: list[str] = field(default_factory=list)
    source: str = ""
    controls: bool = True
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class RegionsParams(Params):
    """What comparing an explanation with regions of its proteins needs to know.

    Attributes
    ----------
    source : str
        The explanation, a job.
    method : str
        One of its methods.
    annotations : str
        Name of the file that lies with the job; empty where `lookup` asks UniProt.
    annotations_sha256 : str
    lookup : bool
        The worker sends the proteins' accessions to UniProt.
    label : str
        Column of the explained pairs that says 1 or 0; empty for none.
    types : list of str
        Types of regions; empty for the usual ones.
    k : int
        Top and low segments of each pair.
    share : float
        Top and low share of residues, where these were explained.
    n_shufflings, n_resamples, seed : int
        For p-values and intervals.
    """

    source: str
    method: str
    annotations: str = ""
    annotations_sha256: str = ""
    lookup: bool = False
    label: str = ""
    types: list[str] = field(default_factory=list)
    k: int = 3
    share: float = 0.1
    n_shufflings: int = 2000
    n_resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class ScreenParams(Params):
    """What a screen needs to know besides the files that lie with the job.

    Attributes
    ----------
    bundle, bundle_digest, device, precision
        As in `PredictParams`.
    library, bait : str
        Names of the files; no bait where all are compared with all.
    library_sha256, bait_sha256 : str
    n_pairs, n_reference_pairs, n_residues : int
        How much work it is, as the files were read when it was submitted: pairs; pairs with reference
        proteins of the model, which are scored besides; residues of all proteins.
    n_kept_pairs : int
        Of the pairs, those that an earlier job had scored when it was stopped. Written by the worker.
    with_self : bool
        Also score a protein with itself, where it is bait and library.
    top, top_partners : int
        Best pairs, and best partners of each bait, in the tables.
    """

    bundle: str
    bundle_digest: str
    device: str = "auto"
    precision: str = "auto"
    library: str
    library_sha256: str
    bait: str = ""
    bait_sha256: str = ""
    n_pairs: int = 0
    n_reference_pairs: int = 0
    n_residues: int = 0
    n_kept_pairs: int = 0
    with_self: bool = False
    top: int = 2_000
    top_partners: int = 20


@dataclass(frozen=True, kw_only=True)
class DownloadParams(Params):
    """What installing a published model needs to know.

    Attributes
    ----------
    architecture : str
        The classifier to fetch; its licence has been shown and accepted.
    """

    architecture: str


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of job.

    Attributes
    ----------
    run : str
        Module and name of the function that does it; loaded by the worker alone.
    params : type of Params
    page : str
        Name of the page that shows such a job: a file in ``pages``.
    """

    run: str
    params: type[Params]
    page: str


KINDS = {
    PREDICT: Kind(run="esm2amp_core.tasks.predict:run", params=PredictParams, page="results"),
    EVALUATE: Kind(run="esm2amp_core.tasks.evaluate:run", params=EvaluateParams, page="results"),
    EXPLAIN: Kind(run="esm2amp_core.tasks.explain:run", params=ExplainParams, page="explain"),
    REGIONS: Kind(run="esm2amp_core.tasks.regions:run", params=RegionsParams, page="regions"),
    SCREEN: Kind(run="esm2amp_core.tasks.screen:run", params=ScreenParams, page="screen"),
    DOWNLOAD: Kind(run="esm2amp_core.tasks.download:run", params=DownloadParams, page="models"),
}


def kind_of(name: str) -> Kind:
    """The kind of this name.

    Raises
    ------
    JobError
        If there is none: a newer program may have queued the job.
    """
    if name not in KINDS:
        raise JobError(f"This program does not know jobs of the kind {name!r}.", hint="Update esm2amp.")
    return KINDS[name]


def page_of(name: str) -> str:
    """Page that shows jobs of a kind; the history where the kind is a newer program's."""
    return KINDS[name].page if name in KINDS else "jobs"
