"""A job as it is asked for: checked, and ready to be queued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from esm2amp_core.jobs import JobState
from esm2amp_core.kinds import Params
from esm2amp_core.pairs import PairTable


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What `JobStore.submit` takes.

    Attributes
    ----------
    kind : str
        A key of `kinds.KINDS`.
    params : Params
        Those of the kind.
    title : str
        Empty for one made from the pairs.
    pairs : PairTable or None
        For jobs that have pairs.
    files : mapping of str to bytes
        What the job needs besides, by path within its folder.
    same_in : tuple of JobState
        A job that asks for the same and stands in one of these is given instead of a new one.
    """

    kind: str
    params: Params
    title: str = ""
    pairs: PairTable | None = None
    files: Mapping[str, bytes] | None = None
    same_in: tuple[JobState, ...] = ()
