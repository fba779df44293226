"""``esm2amp train``, ``esm2amp tune`` and ``esm2amp compare``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.cli import explainer_training as explaining
from esm2amp_core.cli import training_options as options
from esm2amp_core.cli.console import NOTES, OUTPUT, reporting
from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings


def train(
    context: typer.Context,
    pairs: options.Pairs,
    validation: options.ValidationOrNone = None,
    output: options.OutputOrNone = None,
    sequences: options.Sequences = None,
    architecture: options.Architecture = "amps",
    encoder: options.EncoderName = "",
    label: options.Label = "",
    size: options.Size = None,
    dropout: options.Dropout = None,
    rate: options.Rate = None,
    weight_decay: options.WeightDecay = None,
    batch: options.Batch = 256,
    epochs: options.Epochs = 35,
    patience: options.Patience = 10,
    averaging: Annotated[float, typer.Option(help="Decay of a running average of weights; 0: none.")] = 0.0,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    title: options.Title = "",
    allow_leaks: options.AllowLeaks = False,
    copy_encoder: options.CopyEncoder = None,
    resume: options.Resume = False,
    explainer: options.ExplainerKind = "",
    bundle: options.ExplainedBundle = "",
    max_pairs: options.ExplainerPairs = 40_000,
    trials: options.ExplainerTrials = 10,
    target: options.ExplainerTarget = "labels",
) -> None:
    """Train a classifier on labelled pairs and make a model of it that everything here can use.

    The epoch with the best validation AUROC is kept, calibrated and measured on the validation pairs. A run
    that was stopped goes on from its last epoch with --resume, and ends with the same weights. With
    --explainer, a second model is trained that explains the model named by --bundle, and put into it.
    """
    explaining.check_options(context, explainer)
    if explainer:
        explaining.train_explainer(explainer, bundle, pairs, validation, sequences, encoder, label, size,
                                   max_pairs, trials, target, seed, device, allow_leaks=allow_leaks)
        return
    from esm2amp_core.training.bundling import check_new, train_bundle
    from esm2amp_core.training.recipe import Recipe

    state = options.state_file(output)
    chosen = options.given(
        rate=rate, weight_decay=weight_decay, batch_pairs=batch, epochs=epochs, patience=patience,
        averaging=averaging, precision=precision, seed=seed,
    )  # fmt: skip
    recipe = Recipe.published(architecture, **chosen).with_body(options.read_sizes(size), dropout)
    sources = options.sources_of(pairs, validation, sequences, encoder, label, allow_leaks)
    with options.sole_run(output), reporting() as report:
        check_new(output)
        options.check_state(state, resume=resume)
        prepared = options.prepare_data(sources, device, copy_encoder, report)
        listed = options.write_left_out(prepared, options.left_out_file(output))
        manifest = train_bundle(
            prepared, recipe, output, device=device, checkpoint=state, title=title,
            facts=options.command_facts(), on_epoch=options.print_epoch, report=report,
        )  # fmt: skip
    options.tell_result(manifest, output)
    options.exit_if_listed(listed)


def tune(
    pairs: options.Pairs,
    output: options.Output,
    validation: Annotated[
        Path | None, typer.Option(help="Labelled validation pairs; if absent, folds of the training pairs.")
    ] = None,
    sequences: options.Sequences = None,
    architecture: options.Architecture = "amps",
    encoder: options.EncoderName = "",
    label: options.Label = "",
    trials: Annotated[int, typer.Option(min=1, help="Settings that are tried.")] = 30,
    metric: Annotated[str, typer.Option(help="What is maximised on validation: auroc or mcc.")] = "auroc",
    folds: Annotated[int | None, typer.Option(help="Folds of the training pairs; 0: the table.")] = None,
    search: Annotated[
        list[str] | None,
        typer.Option(help="A range in place of the published one: rate=1e-5:1e-3 or hidden1=64:256:64."),
    ] = None,
    pruning: Annotated[bool, typer.Option(help="Stop trials that are worse than the median.")] = True,
    study: Annotated[str, typer.Option(help="Name in the database; that of the output if absent.")] = "",
    size: options.Size = None,
    dropout: options.Dropout = None,
    batch: options.Batch = 256,
    epochs: options.Epochs = 35,
    patience: options.Patience = 10,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    title: options.Title = "",
    allow_leaks: options.AllowLeaks = False,
    copy_encoder: options.CopyEncoder = None,
    resume: options.Resume = False,
) -> None:
    """Search for the best settings, then train the best into a model.

    Rate, weight decay and layer sizes are drawn by Optuna (TPE) from the published ranges; what --size fixes
    is not searched. Trials stand in the workspace's database; --resume goes on after a stop, to the same end.
    """
    from esm2amp_core.training import tuning
    from esm2amp_core.training.bundling import check_new, train_bundle
    from esm2amp_core.training.recipe import Recipe
    from esm2amp_core.training.search import ranges_for

    n_folds = folds if folds is not None else 0 if validation else 5
    if not n_folds and validation is None:
        raise UserError("There is nothing to validate on.", hint="Give --validation or --folds.")
    chosen = tuning.TuneSettings(n_trials=trials, metric=metric, folds=n_folds, pruning=pruning, seed=seed)
    recipe = Recipe.published(
        architecture, batch_pairs=batch, epochs=epochs, patience=patience, precision=precision, seed=seed
    ).with_body(options.read_sizes(size), dropout)
    ranges = ranges_for(recipe, options.read_ranges(search))
    states = output.with_name(f"{output.name}.tuning")
    sources = options.sources_of(pairs, validation, sequences, encoder, label, allow_leaks)
    settings, name = Settings.from_environment(), study or output.name
    with options.sole_run(output), tuning.sole_search(name, settings), reporting() as report:
        check_new(output)
        prepared = options.prepare_data(sources, device, copy_encoder, report)
        listed = options.write_left_out(prepared, options.left_out_file(output))
        described = {name: str(range_) for name, range_ in ranges.items()}
        facts = {**recipe.facts(), "ranges": described, "data": prepared.facts,
                 "encoder": prepared.encoder.ref.revision}  # fmt: skip
        opened = tuning.open_study(name, chosen, facts, url=tuning.database_url(settings), resume=resume)
        if resume and not opened.trials:
            NOTES.print(f"There was nothing to resume: the study {name!r} is new. The search begins.")
        best = tuning.tune(
            prepared.data, prepared.encoder.ref.width, recipe, ranges, chosen, opened, folder=states,
            device=device, on_trial=options.print_trial, report=report,
        )  # fmt: skip
        number = opened.best_trial.number + 1
        NOTES.print(f"Best: trial {number}, {metric} {opened.best_value:.4f}. Training it.")
        search_facts = {"study": opened.study_name, "n_trials": trials, "metric": metric, "folds": n_folds,
                        "best_value": opened.best_value, "ranges": described}  # fmt: skip
        final = prepared if validation else tuning.first_fold(prepared, n_folds)
        manifest = train_bundle(
            final, best, output, device=device, checkpoint=states / "best", title=title, report=report,
            facts={**options.command_facts(), "search": search_facts}, on_epoch=options.print_epoch,
        )  # fmt: skip
        tuning.remove_states(states)
    options.tell_result(manifest, output)
    options.exit_if_listed(listed)


def compare(
    pairs: options.Pairs,
    validation: options.Validation,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the models and the table.")],
    sequences: options.Sequences = None,
    architecture: Annotated[
        list[str] | None, typer.Option(help="One to compare; may be repeated. All of them if absent.")
    ] = None,
    encoder: options.EncoderName = "",
    label: options.Label = "",
    size: Annotated[
        list[str] | None, typer.Option(help="A layer size such as layers=2, where an architecture has it.")
    ] = None,
    rate: options.Rate = None,
    weight_decay: options.WeightDecay = None,
    batch: options.Batch = 256,
    epochs: options.Epochs = 35,
    patience: options.Patience = 10,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    allow_leaks: options.AllowLeaks = False,
    copy_encoder: options.CopyEncoder = None,
) -> None:
    """Train several architectures on the same pairs and put their validation figures into one table.

    Each becomes a model in the output's folder, beside comparison.csv. The same call goes on after a stop.
    """
    from esm2amp_core.models import ARCHITECTURES
    from esm2amp_core.training import comparing
    from esm2amp_core.training.recipe import Recipe, size_names

    sizes = options.read_sizes(size)
    names = list(dict.fromkeys(architecture or ARCHITECTURES))
    chosen = options.given(
        rate=rate, weight_decay=weight_decay, batch_pairs=batch, epochs=epochs, patience=patience,
        precision=precision, seed=seed,
    )  # fmt: skip
    known = {name for each in ARCHITECTURES for name in size_names(each)}
    if unknown := sorted(set(sizes) - known):
        raise UserError(f"No architecture has the size {unknown[0]!r}.",
                        hint=f"Known: {', '.join(sorted(known))}.")
    recipes = [
        Recipe.published(each, **chosen).with_body(
            {name: number for name, number in sizes.items() if name in size_names(each)}, None
        )
        for each in names
    ]
    sources = options.sources_of(pairs, validation, sequences, encoder, label, allow_leaks)
    with options.sole_run(output), reporting() as report:
        options.make_folder(output)
        prepared = options.prepare_data(sources, device, copy_encoder, report)
        listed = options.write_left_out(prepared, output / options.LEFT_OUT)
        table = comparing.compare(
            prepared, recipes, output, device=device, facts=options.command_facts(),
            on_model=lambda name: NOTES.print(f"{name}:"), on_epoch=options.print_epoch, report=report,
        )  # fmt: skip
    shown = ["architecture", "megabytes", "best_epoch", "auroc", "aupr", "accuracy", "mcc", "brier"]
    OUTPUT.print(table[shown].to_string(index=False, float_format=lambda number: f"{number:.4g}"))
    OUTPUT.print(f"All figures: {output / comparing.TABLE}")
    options.exit_if_listed(listed)
