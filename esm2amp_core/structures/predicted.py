"""Is a structure a prediction, with its confidence (pLDDT) in the column of B-factors?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import gemmi
import numpy as np

from esm2amp_core.structures.structure import Chain

_SAYS_SO = re.compile(
    rb"ALPHAFOLD|COLABFOLD|ESMFOLD|OPENFOLD|ROSETTAFOLD|BOLTZ-|CHAI-1|_ma_qa_metric|pLDDT", re.IGNORECASE
)
_HEAD = 20_000
"""Bytes in which a file tells where it comes from."""
_SHARE = 0.99


def is_predicted(structure: gemmi.Structure, data: bytes) -> bool | None:
    """What the file says; where it says nothing, what its numbers look like.

    Predictions give all atoms of a residue one number between 0 and 100 that differs along the chain;
    experiments give every atom its own.

    Returns
    -------
    bool or None
        None where neither tells.
    """
    method = structure.info["_exptl.method"] if "_exptl.method" in structure.info else ""
    if method and "THEORETICAL" not in method.upper():
        return False
    if _SAYS_SO.search(data[:_HEAD]):
        return True
    residues = [[atom.b_iso for atom in residue]
                for chain in structure[0] for residue in chain if len(residue) > 3]
    if not residues:
        return None
    alike = np.array([max(own) - min(own) < 0.011 for own in residues])
    means = np.array([own[0] for own in residues])
    if alike.mean() < _SHARE:
        return False if structure.cell.is_crystal() else None
    return True if means.min() >= 0 and means.max() <= 100 and np.ptp(means) > 0 else None


def rescaled(chains: Sequence[Chain]) -> list[Chain]:
    """The chains with pLDDT from 0 to 100: some programs write it from 0 to 1."""
    highest = max((np.nanmax(chain.b_factors, initial=0) for chain in chains), default=0)
    if not 0 < highest <= 1:
        return list(chains)
    return [replace(chain, b_factors=100 * chain.b_factors) for chain in chains]
