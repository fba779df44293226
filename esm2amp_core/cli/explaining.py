"""``esm2amp explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.cli.console import NOTES, reporting
from esm2amp_core.cli.engines import Device, Precision
from esm2amp_core.cli.predicting import SOME_ROWS_FAILED
from esm2amp_core.errors import UserError
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanations import METHODS
from esm2amp_core.files.run_lock import sole_writer
from esm2amp_core.files.whole_folder import check_new_folder
from esm2amp_core.settings import Settings


def explain(
    pairs: Annotated[Path, typer.Argument(help="Table of pairs: CSV, TSV (also .gz) or XLSX.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the explanation.")],
    method: Annotated[
        str, typer.Option(help=f"Separated by commas: {', '.join(METHODS)}. The quick ones if absent.")
    ] = "",
    sequences: Annotated[
        Path | None, typer.Option(help="Proteins: FASTA, or a table of names and sequences; also .gz.")
    ] = None,
    bundle: Annotated[str, typer.Option(help="Name of an installed model, or its folder.")] = "",
    baseline: Annotated[
        str, typer.Option(help="What a pair is compared with: background (mean of training) or zero.")
    ] = "background",
    controls: Annotated[
        bool, typer.Option(help="Also score decoys of a single pair: shuffled and random partners.")
    ] = True,
    coalitions: Annotated[
        int, typer.Option(help="Sets of segments asked for Shapley values; 0: as many as take seconds.")
    ] = 0,
    random_orders: Annotated[
        int, typer.Option(help="Random orders beside deletion curves; 0: 200, of many pairs fewer.")
    ] = 0,
    figures: Annotated[
        bool,
        typer.Option("--figures", help="Also draw every picture as SVG in journal width, into figures in "
                     "that folder: of many pairs the means, and the first ten one by one."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of all random numbers.")] = 0,
    precision: Precision = "",
    device: Device = "",
) -> None:
    """Tell why a model gave pairs their scores: METHOD.npz and METHOD.csv per method, and summary.json.

    Methods that cannot explain the chosen model are left out, with the reason. Without --method, methods
    that take long are left out: token_shapley beyond ten pairs, residue_gradients always.
    """
    from esm2amp_core.pairs import Limits, read_pairs

    methods = [name.strip() for name in method.split(",") if name.strip()]
    if unknown := [name for name in methods if name not in METHODS]:
        raise UserError(f"There is no method {unknown[0]!r}.", hint=f"Known: {', '.join(METHODS)}.")
    check_new_folder(output)
    settings = Settings.from_environment()
    table = read_pairs(
        pairs, sequences=sequences, limits=Limits(max_residues=settings.max_residues),
        max_pairs=settings.max_pairs, max_file_mb=settings.max_file_mb,
    )  # fmt: skip
    from esm2amp_core.explain.base import ExplainSettings
    from esm2amp_core.explain.running import explain_table
    from esm2amp_core.explanation_report.figure_files import FIGURES, write_figures
    from esm2amp_core.predictor import Predictor

    chosen = ExplainSettings(seed=seed, baseline=baseline, coalitions=coalitions, random_orders=random_orders)
    with sole_writer(output), reporting() as report:
        predictor = Predictor.load(bundle, settings=settings, device=device, precision=precision)
        summary = explain_table(predictor, table, output, methods=methods, settings=chosen,
                                controls=controls, with_page=True, title=pairs.name, report=report)
        drawn = write_figures(ExplanationFolder(output), report=report) if figures else []
    for name, reason in summary["unavailable"].items():
        NOTES.print(f"Without {name}: {reason}")
    NOTES.print(f"{_count(summary['n_pairs'], 'pair')} explained in {output} by "
                f"{', '.join(summary['methods'])} (model: {summary['model']['title']}).")
    if figures:
        NOTES.print(f"Figures are in {output / FIGURES}.")
        if len(drawn) < summary["n_pairs"]:
            NOTES.print(f"They are means, and the first {len(drawn)} of {summary['n_pairs']:,} pairs one by "
                        "one. For others, give the command a table of these alone.")
    if left_out := summary["left_out"]:
        NOTES.print(f"{_count(len(left_out), 'row')} could not be explained:")
        for row in left_out[:3]:
            NOTES.print(f"  row {row['row']}: {row['reason']}")
        raise typer.Exit(SOME_ROWS_FAILED)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
