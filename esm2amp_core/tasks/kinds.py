"""Kinds of jobs: the parameters of each, and where the code that does it stands.

A new kind is one dataclass here, one line in `KINDS`, and one function ``run(work: Work) -> None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from esm2amp_core.errors import JobError

PREDICT, DOWNLOAD = "predict", "download"

KINDS = {
    PREDICT: "esm2amp_core.tasks.predict:run",
    DOWNLOAD: "esm2amp_core.tasks.download:run",
}


@dataclass(frozen=True, kw_only=True)
class PredictParams:
    """What scoring a table of pairs needs to know.

    Attributes
    ----------
    bundle : str
        Name of an installed bundle.
    bundle_digest : str
        SHA-256 of its manifest when the job was submitted; once rows are scored, when they were.
    device, precision : str
        As `Esm2Embedder` takes them.
    used : dict of str to str
        What scored the rows: encoder, its revision, device, precision, versions. Written by the worker.
    """

    bundle: str
    bundle_digest: str = ""
    device: str = "auto"
    precision: str = "auto"
    used: dict[str, str] = field(default_factory=dict)

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
        known = {field.name for field in fields(cls)}
        if strange := sorted(set(values) - known):
            raise JobError(f"The job has parameters this program does not know: {', '.join(strange)}.",
                           hint="Update esm2amp.")
        if "bundle" not in values:
            raise JobError("The job names no model.", hint="Submit the pairs again.")
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class DownloadParams:
    """What installing a published model needs to know.

    Attributes
    ----------
    architecture : str
        The classifier to fetch; its licence has been shown and accepted.
    """

    architecture: str

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)
