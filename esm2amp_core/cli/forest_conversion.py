"""``esm2amp models convert-forest``: the authors' published AE_RF, once, into files that can be checked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.bundles import WEIGHTS, file_digest, locate_bundle
from esm2amp_core.cli.console import NOTES, OUTPUT
from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings


def convert_forest(
    forest: Annotated[Path, typer.Argument(help="The authors' .pkl file of a random forest.")],
    autoencoder: Annotated[Path, typer.Option(help="The authors' .pth file of its autoencoder.")],
    bundle: Annotated[str, typer.Option(help="The installed model that it explains and goes into.")],
    trust: Annotated[bool, typer.Option("--trust", help="Unpickle the file: you trust its source.")] = False,
) -> None:
    """Turn a published forest, a pickle, into a file that is checked before use, and put it into a model."""
    from esm2amp_core.models.bundle import ModelBundle
    from esm2amp_core.surrogates import FOREST, published
    from esm2amp_core.surrogates.card import Card, place_of
    from esm2amp_core.surrogates.surrogate import ForestSurrogate, save_surrogate

    NOTES.print(f"{forest.name} is a pickle: a file that can bring a program along. Unpickling builds only:")
    for name in published.TRUSTED:
        NOTES.print(f"  {name}")
    if not trust:
        raise UserError(f"{forest.name} was not opened.",
                        hint="If you trust where it comes from, add --trust.")
    folder = locate_bundle(bundle, Settings.from_environment().bundle_folders)
    model = ModelBundle.load(folder)
    manifest = model.manifest
    compressing = published.read_published_autoencoder(autoencoder)
    if compressing.sizes["width"] != manifest.sizes["width"]:
        raise UserError(f"{autoencoder.name} reads vectors of {compressing.sizes['width']:,} numbers, "
                        f"{manifest.name} of {manifest.sizes['width']:,}.",
                        hint="Import the published model with its own encoder first: esm2amp models import.")
    n_inputs = len(manifest.features.pair_tokens) * compressing.sizes["latent"]
    trees = published.read_published_forest(forest, n_inputs)
    card = Card(
        kind=FOREST, feature_set=manifest.feature_set, weights=manifest.checksums[WEIGHTS],
        sizes={**compressing.sizes, "trees": len(trees.estimators_)},
        encoder_revision=manifest.encoder.revision, created=datetime.now(UTC).isoformat(timespec="seconds"),
        training={"source": "published by the authors of ESM2_AMP",
                  "files": {path.name: file_digest(path) for path in (forest, autoencoder)}},
    )  # fmt: skip
    save_surrogate(ForestSurrogate(card, compressing, trees), folder)
    OUTPUT.print(f"{place_of(FOREST, folder)}: {len(trees.estimators_):,} trees, checked.")
    NOTES.print("Mind: the authors trained their forest on one order of each pair. It is explained as the "
                "mean of both orders, so single values differ from theirs.")
