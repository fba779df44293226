"""``esm2amp train --explainer``: a second model that explains an installed one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from esm2amp_core.bundles import locate_bundle
from esm2amp_core.cli import training_options as options
from esm2amp_core.cli.console import OUTPUT, reporting
from esm2amp_core.errors import UserError
from esm2amp_core.files.run_lock import run_lock
from esm2amp_core.settings import Settings

if TYPE_CHECKING:
    from esm2amp_core.surrogates.card import Card

OPTIONS = {"explainer", "bundle", "pairs", "validation", "sequences", "encoder", "label", "size", "seed",
           "device", "allow_leaks", "max_pairs", "trials", "target"}  # fmt: skip
"""What goes with ``--explainer``; everything else speaks of classifiers."""


def check_options(context: typer.Context, explainer: str) -> None:
    """Refuse options that the training would not heed.

    Raises
    ------
    UserError
    """
    given = {name for name in context.params
             if getattr(context.get_parameter_source(name), "name", "DEFAULT") != "DEFAULT"}  # fmt: skip
    if explainer and (wrong := sorted(given - OPTIONS)):
        raise UserError(f"--{wrong[0].replace('_', '-')} does not go with --explainer.",
                        hint="The second model is put into the model it explains.")
    if not explainer:
        if wrong := sorted(given & {"bundle", "max_pairs", "trials", "target"}):
            raise UserError(f"--{wrong[0].replace('_', '-')} goes with --explainer only.",
                            hint="Add --explainer ae_rf, or leave it out.")
        if missing := [name for name in ("validation", "output") if name not in given]:
            raise UserError(f"--{missing[0]} is missing.",
                            hint="`esm2amp train --help` lists what is needed.")


def train_explainer(
    kind: str, bundle: str, pairs: Path, validation: Path | None, sequences: Path | None, encoder: str,
    label: str, size: list[str] | None, max_pairs: int, trials: int, target: str, seed: int, device: str,
    *, allow_leaks: bool,
) -> None:  # fmt: skip
    """Train a second model and put it into the model it explains; `encoder` may be a copy of its own."""
    from esm2amp_core.models.bundle import ModelBundle
    from esm2amp_core.surrogates.card import place_of
    from esm2amp_core.surrogates.surrogate import save_surrogate
    from esm2amp_core.training import explainers

    settings = explainers.ExplainerSettings(
        kind=kind, sizes=options.read_sizes(size), max_pairs=max_pairs, trials=trials, target=target,
        seed=seed,
    )
    installed = Settings.from_environment()
    folder = locate_bundle(bundle or installed.bundle, installed.bundle_folders)
    model = ModelBundle.load(folder)
    sources = options.sources_of(pairs, validation, sequences, encoder or str(folder), label,
                                 allow_leaks)
    place = place_of(kind, folder)
    lock = run_lock(place.with_name(f".{kind}.lock"), f"{place} is being trained", hint="train another model")
    with lock, reporting() as report:
        prepared = options.prepare_data(sources, device, None, report)
        surrogate = explainers.train_explainer(
            prepared, model, settings, device=device, facts=options.command_facts(), report=report
        )
        card = save_surrogate(surrogate, folder)
    _tell(card, place)


def _tell(card: Card, folder: Path) -> None:
    figures, size = card.metrics["validation"], sum(path.stat().st_size for path in folder.iterdir())
    OUTPUT.print(
        f"{folder}: {size / 1e6:.1f} MB. On {figures['n_pairs']:,} validation pairs: AUROC "
        f"{figures['auroc']:.4f} (the classifier: {card.metrics['classifier_auroc']:.4f}); it ranks pairs as "
        f"the classifier does with a correlation of {card.metrics['agreement']:.2f}."
    )
    for limitation in card.training["limitations"]:
        OUTPUT.print(f"Mind: {limitation}")
