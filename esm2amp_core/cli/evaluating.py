"""``esm2amp evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.cli.console import NOTES, OUTPUT, reporting
from esm2amp_core.cli.engines import Device, Precision
from esm2amp_core.cli.predicting import SOME_ROWS_FAILED
from esm2amp_core.errors import Severity
from esm2amp_core.pairs import PairTable
from esm2amp_core.settings import Settings


def evaluate(
    pairs: Annotated[Path, typer.Option(help="Labelled pairs: CSV, TSV (also .gz) or XLSX.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the report; it must be new.")],
    sequences: Annotated[
        Path | None, typer.Option(help="Proteins: FASTA, or a table of names and sequences; also .gz.")
    ] = None,
    bundle: Annotated[str, typer.Option(help="Name of an installed model, or its folder.")] = "",
    train_pairs: Annotated[
        Path | None, typer.Option(help="The model's training pairs, labelled: the baselines learn from them.")
    ] = None,
    train_sequences: Annotated[
        Path | None, typer.Option(help="Their proteins, if not in --sequences.")
    ] = None,
    label: Annotated[str, typer.Option(help="Column of the labels, if it has an unusual name.")] = "",
    title: Annotated[str, typer.Option(help="Heading of the report.")] = "",
    resamples: Annotated[int, typer.Option(min=100, max=100_000, help="For the 95 % intervals.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling and the baselines.")] = 0,
    precision: Precision = "",
    device: Device = "",
) -> None:
    """Measure a model on pairs whose answer is known, beside what simpler means reach.

    Writes report.html to read, report.json with every number, and the same as tables. A label is 1 or 0,
    true or false, yes or no. Put the report into the model's folder, under reports/NAME, and the app shows
    it on the Models page.
    """
    from esm2amp_core.evaluation.evaluating import Settings as EvaluationSettings
    from esm2amp_core.evaluation.evaluating import evaluate as measure_scores
    from esm2amp_core.evaluation.files import write_report
    from esm2amp_core.evaluation.numbered import Known
    from esm2amp_core.evaluation.provenance import about_file, about_model
    from esm2amp_core.files.run_lock import sole_writer
    from esm2amp_core.files.whole_folder import check_new_folder
    from esm2amp_core.report_words import verdict

    check_new_folder(output)
    settings = Settings.from_environment()
    table = _read(pairs, sequences, label, settings)
    train = None
    if train_pairs is not None:
        train = _read(train_pairs, train_sequences or sequences, label, settings)
    from esm2amp_core.predictor import Predictor  # after the input: a bad file need not wait for torch

    with sole_writer(output), reporting() as report:
        predictor = Predictor.load(bundle, settings=settings, device=device, precision=precision)
        scores = predictor.predict(table, report=report).frame
        manifest = predictor.bundle.manifest
        evaluation = measure_scores(
            scores, table.proteins,
            threshold=manifest.threshold,
            title=title or f"{manifest.title} on {pairs.name}",
            model=about_model(predictor),
            data=about_file("pairs", pairs) | about_file("sequences", sequences)
            | about_file("train_pairs", train_pairs) | about_file("train_sequences", train_sequences),
            known=Known(pairs=train, reference=predictor.reference),
            settings=EvaluationSettings(n_resamples=resamples, seed=seed),
            report=report,
        )  # fmt: skip
        write_report(evaluation, output)
    for words in (*verdict(evaluation.report), *evaluation.report.notes):
        OUTPUT.print(words)
    NOTES.print(f"Written to {output}; open {output / 'report.html'} in a browser.")
    if evaluation.report.left_out:
        raise typer.Exit(SOME_ROWS_FAILED)


def _read(pairs: Path, sequences: Path | None, label: str, settings: Settings) -> PairTable:
    """Labelled pairs of a file; tells how many cannot be scored."""
    from esm2amp_core.labelled import read_labelled
    from esm2amp_core.pairs import Limits

    table = read_labelled(
        pairs, sequences, label=label, limits=Limits(max_residues=settings.max_residues),
        max_pairs=settings.max_pairs, max_file_mb=settings.max_file_mb,
    )  # fmt: skip
    if errors := table.problems(Severity.ERROR):
        first = next(iter(errors.items()))
        NOTES.print(f"{pairs.name}: {len(errors):,} of {len(table):,} rows cannot be used; "
                    f"the first, row {first[0]}: {first[1]}")
    return table
