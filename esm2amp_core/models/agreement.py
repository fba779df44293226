"""Does a manifest describe the classifier it stands beside?"""

from __future__ import annotations

from collections.abc import Mapping

from esm2amp_core.bundles import Manifest
from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.classifier import Classifier


def architecture_of(manifest: Manifest) -> type[Classifier]:
    """The class that a manifest names.

    Raises
    ------
    BundleError
        If there is no such architecture.
    """
    if manifest.architecture not in ARCHITECTURES:
        raise BundleError(
            f"{manifest.name} has the unknown architecture {manifest.architecture!r}.",
            hint=f"Known: {', '.join(ARCHITECTURES)}.",
        )
    return resolve(manifest.architecture)


def check_agreement(manifest: Manifest, sizes: Mapping[str, int]) -> None:
    """Refuse a manifest that describes another classifier than the weights do.

    Parameters
    ----------
    manifest : Manifest
    sizes : mapping of str to int
        Of the weights.

    Raises
    ------
    BundleError
        If sizes, the encoder's width or the feature set differ; the message gives both sides. If there is
        no such architecture.
    """
    architecture, stated = architecture_of(manifest), manifest.sizes
    if any(type(size) is not int or size < 1 for size in stated.values()):
        raise BundleError(f"{manifest.name}: its sizes {stated!r} are not whole numbers from 1.")
    if differing := sorted(
        f"{name} {stated.get(name, 'missing')} (weights: {sizes.get(name, 'no such size')})"
        for name in {*stated, *sizes}
        if stated.get(name) != sizes.get(name)
    ):
        raise BundleError(f"{manifest.name}: manifest and weights disagree: {', '.join(differing)}.")
    if manifest.encoder.width != sizes["width"]:
        raise BundleError(
            f"{manifest.name} reads features of width {sizes['width']}, "
            f"but its encoder {manifest.encoder.id} is said to make {manifest.encoder.width}."
        )
    if manifest.feature_set != architecture.feature_set:
        raise BundleError(
            f"{manifest.name}: {manifest.architecture} reads {architecture.feature_set!r}, "
            f"its manifest says {manifest.feature_set!r}."
        )
