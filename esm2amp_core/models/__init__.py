"""Classifiers: what turns the pooled features of two proteins into one score.

`ARCHITECTURES` names every one of them. A new one is a file here that subclasses
`classifier.Classifier`, and a line below. Importing this package loads no torch; `resolve` does.

`bundle.ModelBundle` is one with its weights, in a folder; `pair_scorer.PairScorer` scores many pairs with it,
as its `pairwise` tells; `checkpoint` reads the authors' own files.
"""

from __future__ import annotations

from pkgutil import resolve_name

ARCHITECTURES = {
    "amps": "esm2amp_core.models.amp:Amps",
    "amp_cse": "esm2amp_core.models.amp:AmpCse",
    "gru": "esm2amp_core.models.gru:Gru",
    "mean": "esm2amp_core.models.mean:Mean",
    "dpm": "esm2amp_core.models.dpm:Dpm",
    "siamese": "esm2amp_core.models.siamese:Siamese",
}


def resolve(name: str) -> type:
    """The class of an architecture.

    Raises
    ------
    KeyError
        If `ARCHITECTURES` does not name it.
    """
    return resolve_name(ARCHITECTURES[name])
