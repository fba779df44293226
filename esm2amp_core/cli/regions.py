"""``esm2amp regions``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.cli.console import NOTES, OUTPUT, reporting
from esm2amp_core.errors import UserError, quoted
from esm2amp_core.settings import Settings


def regions(
    importances: Annotated[
        Path, typer.Argument(help="METHOD.csv of an explanation, or pairs with top1, ..., low1, ...")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="New folder for the analysis.")],
    annotations: Annotated[
        Path | None,
        typer.Option(help="UniProtKB TSV, JSON or GFF; InterProScan TSV or JSON; or a plain table with "
                     "protein, type, start, end."),
    ] = None,
    lookup: Annotated[
        bool, typer.Option("--lookup", help="Instead of a file: send the accessions to UniProt and ask.")
    ] = False,
    labels: Annotated[Path | None, typer.Option(help="Pairs with a label: for TP, TN, FP and FN.")] = None,
    sequences: Annotated[
        Path | None, typer.Option(help="The proteins, where the importances do not tell their lengths.")
    ] = None,
    types: Annotated[
        str, typer.Option(help="Types of regions, separated by commas; the usual ones if absent.")
    ] = "",
    k: Annotated[int, typer.Option("-k", min=1, max=10, help="Top and low segments of each pair.")] = 3,
    share: Annotated[
        float, typer.Option(help="Top and low share of residues, where these were explained.")
    ] = 0.1,
    by: Annotated[str, typer.Option(help="Rank by magnitude, or by value with its sign.")] = "magnitude",
    entry_list: Annotated[
        Path | None, typer.Option(help="InterPro's entry.list: InterProScan's TSV does not tell entry types.")
    ] = None,
    shufflings: Annotated[
        int, typer.Option(min=100, max=100_000, help="For p-values that are not exact.")
    ] = 2_000,
    resamples: Annotated[int, typer.Option(min=100, max=100_000, help="For the 95 % intervals.")] = 1_000,
    seed: Annotated[int, typer.Option(min=0, help="Of shuffling and resampling.")] = 0,
) -> None:
    """Tell whether important segments lie on functional regions, more often than chance would have it.

    Writes coverage.csv (each chosen segment), hit_rates.csv (as the paper counts), enrichment.csv (against
    segments shuffled within their protein), pair_enrichment.csv, position_bias.csv, annotation_issues.csv and
    summary.json.
    """
    from esm2amp_core.files.run_lock import sole_writer
    from esm2amp_core.files.whole_folder import check_new_folder
    from esm2amp_core.regions.folder import write_analysis
    from esm2amp_core.regions.importance import MEASURES, read_importances
    from esm2amp_core.regions.labels import truth_and_prediction
    from esm2amp_core.regions.running import analyse

    if (annotations is None) is not lookup:
        raise UserError("One source of annotations is needed.", hint="Give --annotations FILE, or --lookup.")
    if by not in MEASURES:
        raise UserError(f"--by is {by!r}.", hint=f"Choose {' or '.join(MEASURES)}.")
    if not 0 < share <= 0.5:
        raise UserError(f"--share is {share}.", hint="Give a share above 0 and up to 0.5.")
    check_new_folder(output)
    settings = Settings.from_environment()
    known = None if annotations is None else _read(annotations, entry_list, settings)
    important = read_importances(
        importances, k=k, share=share, by=by, lengths=_lengths(sequences, settings),
        annotated=known.lengths if known and sequences is None else None,
    )  # fmt: skip
    label, interacts = truth_and_prediction(important.pairs, importances, labels,
                                            max_file_mb=settings.max_file_mb)
    with sole_writer(output), reporting() as report:
        if known is None:
            from esm2amp_core.downloads.uniprot import look_up

            known = look_up(important.units.names, settings.uniprot_cache, uniprot_url=settings.uniprot_url,
                            report=report)
        analysis = analyse(
            important, known, types=[name for name in types.split(",") if name.strip()], label=label,
            interacts=interacts, n_shufflings=shufflings, n_resamples=resamples, seed=seed, report=report,
        )  # fmt: skip
        files = _files(importances=importances, annotations=annotations, labels=labels,
                       sequences=sequences, entry_list=entry_list)
        write_analysis(analysis, output, {"by": by, "share": share, **files})
    _tell(analysis, output)


def _lengths(sequences: Path | None, settings: Settings) -> dict[str, int]:
    if sequences is None:
        return {}
    from esm2amp_core.protein_files import read_proteins

    proteins, _ = read_proteins(sequences, max_file_mb=settings.max_file_mb)
    return {name: len(protein.sequence) for name, protein in proteins.items()}


def _read(path: Path, entry_list: Path | None, settings: Settings):
    from esm2amp_core.annotations.reading import read_annotations

    return read_annotations(path, entry_list=entry_list, max_file_mb=settings.max_file_mb)


def _files(**paths: Path | None) -> dict[str, dict[str, str]]:
    """Name and SHA-256 of each file that was given."""
    return {
        name: {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for name, path in paths.items() if path is not None
    }  # fmt: skip


def _tell(analysis, output: Path) -> None:
    """The findings in a few lines, and what to know about them."""
    import pandas as pd

    from esm2amp_core.regions.coverage import POSITIONS
    from esm2amp_core.regions.enrichment import CHANCE

    about, positions = analysis.summary["annotations"], analysis.positions
    ends = positions[positions["type"] == POSITIONS[-1]]
    for line in pd.concat([analysis.enrichment, ends]).itertuples():
        if line.against == CHANCE and line.p_value == line.p_value:
            OUTPUT.print(f"{line.selection} {line.type}: {line.coverage:.1f} % covered, "
                         f"{line.reference:.1f} % by chance (p {line.p_value:.2g}, corrected "
                         f"{line.q_value:.2g})")
    if unknown := about["proteins_unknown"]:
        names = ", ".join(map(quoted, unknown[:5])) + (", ..." if len(unknown) > 5 else "")
        NOTES.print(f"{len(unknown):,} of {analysis.summary['n_proteins']:,} proteins are not in the "
                    f"annotations, and so have no region: {names}")
    for issue in analysis.issues[:3]:
        NOTES.print(f"Note: {issue}")
    if len(analysis.issues) > 3:
        NOTES.print(f"... and {len(analysis.issues) - 3:,} more notes in annotation_issues.csv.")
    NOTES.print(f"{analysis.summary['n_pairs']:,} pairs analysed in {output}.")
