"""``esm2amp screen``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.cli.console import NOTES, reporting
from esm2amp_core.cli.engines import LOCAL, Device, Engine, Precision, RayAddress, engine_settings
from esm2amp_core.cli.predicting import SOME_ROWS_FAILED
from esm2amp_core.errors import UserError


def screen(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder; a begun screen is gone on with.")],
    bait: Annotated[Path | None, typer.Option(help="Proteins to compare with the library.")] = None,
    library: Annotated[Path | None, typer.Option(help="Proteins: FASTA or table, also .gz.")] = None,
    all_vs_all: Annotated[
        Path | None, typer.Option("--all-vs-all", help="Proteins to compare with each other.")
    ] = None,
    with_self: Annotated[
        bool, typer.Option("--self", help="Also score a protein with itself, where it is bait and library.")
    ] = False,
    bundle: Annotated[str, typer.Option(help="Name of an installed model, or its folder.")] = "",
    top: Annotated[int, typer.Option(help="Best pairs in hits.csv: so many by score, so many by z.")] = 2_000,
    top_partners: Annotated[int, typer.Option(help="Best partners of each bait in partners.csv.")] = 20,
    reference: Annotated[
        int, typer.Option(help="Training proteins to judge proteins with too few partners by; 0: none.")
    ] = 100,
    block: Annotated[int, typer.Option(help="Pairs in memory at a time, and in a file.")] = 100_000,
    engine: Engine = LOCAL,
    ray_address: RayAddress = "",
    precision: Precision = "",
    device: Device = "",
) -> None:
    """Score all baits with a library, or all proteins with each other; each unordered pair once.

    Writes every score (parts/*.parquet), the best hits with z-scores against what their proteins get
    elsewhere, and their network for Cytoscape. Run it again to go on after an interruption.
    """
    if (all_vs_all is None) == (bait is None and library is None) or (bait is None) != (library is None):
        raise UserError("It is not clear what to compare with what.",
                        hint="Give --bait FILE and --library FILE, or --all-vs-all FILE.")
    settings = engine_settings(engine, ray_address, precision=precision, device=device)
    from esm2amp_core.screen_options import ScreenOptions
    from esm2amp_core.screen_proteins import read_screen

    options = ScreenOptions(with_self=with_self, top=top, top_partners=top_partners, reference=reference,
                            block_pairs=block)
    proteins = read_screen(all_vs_all or library, bait, max_residues=settings.max_residues,
                           max_file_mb=settings.max_file_mb)
    for warning in proteins.warnings:
        NOTES.print(f"Note: {warning}")
    from esm2amp_core.predictor import Predictor
    from esm2amp_core.screening.engines import LocalEngine
    from esm2amp_core.screening.ray_engine import RayEngine
    from esm2amp_core.screening.running import run_screen

    with reporting() as report:
        predictor = Predictor.load(bundle, settings=settings)
        made = run_screen(predictor, proteins, output, options=options, report=report,
                          engine=LocalEngine if engine == LOCAL else partial(RayEngine, settings=settings))
    summary, best = made.summary, made.hits.head(3)
    NOTES.print(f"{summary['n_pairs']:,} pairs of {summary['n_proteins']:,} proteins scored in {output}; "
                f"{summary['n_called']:,} called interacting (model: {summary['model']['title']}).")
    for hit in best.itertuples():
        NOTES.print(f"  {hit.protein_a} and {hit.protein_b}: {hit.probability:.3f}, z {_words(hit.z)}")
    for note in summary["notes"]:
        if note not in proteins.warnings:
            NOTES.print(f"Note: {note}")
    # Merged names are not screened by themselves, but nothing is lost with them.
    if summary["n_failed"]:
        raise typer.Exit(SOME_ROWS_FAILED)


def _words(z: float) -> str:
    return "not known" if z != z else f"{z:.1f}"
