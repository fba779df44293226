"""``esm2amp predict`` and ``esm2amp embed``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.cli.console import NOTES, reporting
from esm2amp_core.cli.engines import LOCAL, Device, Engine, Precision, RayAddress, engine_settings
from esm2amp_core.columns import ColumnMap
from esm2amp_core.errors import SequenceError, Severity, UserError, quoted
from esm2amp_core.files.whole_file import check_output
from esm2amp_core.settings import Settings

SOME_ROWS_FAILED = 3


def predict(
    pairs: Annotated[Path, typer.Argument(help="Table of pairs: CSV, TSV (also .gz) or XLSX.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Results: .csv, .parquet or .xlsx.")],
    sequences: Annotated[
        Path | None, typer.Option(help="Proteins: FASTA, or a table of names and sequences; also .gz.")
    ] = None,
    bundle: Annotated[str, typer.Option(help="Name of an installed model, or its folder.")] = "",
    columns: Annotated[
        str, typer.Option(help="Columns of A, B and their sequences: 'bait,prey' or 'bait,prey,seq1,seq2'.")
    ] = "",
    trust: Annotated[
        bool, typer.Option("--trust", help="Add columns: how near the proteins are to the training data.")
    ] = False,
    precision: Precision = "",
    device: Device = "",
) -> None:
    """Score every pair of a table; each row comes back, in order, with a result or a reason.

    Columns called protein_a, protein_b (and sequence_a, sequence_b), Protein1, Protein2, ProteinA,
    ProteinB or id1, id2 are recognised; for others name them with --columns.
    """
    from esm2amp_core.exports import check_suffix, write
    from esm2amp_core.pairs import ADD_SEQUENCE, Limits, read_pairs
    from esm2amp_core.same_pairs import note_repeats

    check_suffix(output)
    check_output(output, pairs, sequences)
    settings = Settings.from_environment()
    table = read_pairs(
        pairs,
        sequences=sequences,
        columns=_column_map(columns),
        limits=Limits(max_residues=settings.max_residues),
        max_pairs=settings.max_pairs,
        max_file_mb=settings.max_file_mb,
    )
    for issue in table.issues:
        if issue.row is None:
            NOTES.print(f"Note: {issue}")
    from esm2amp_core.predictor import Predictor  # after the input: a bad file need not wait for torch

    with reporting() as report:
        predictor = Predictor.load(bundle, settings=settings, device=device, precision=precision)
        result = predictor.predict(table, trust=trust, report=report)
    write(result, output)
    if repeats := note_repeats(table):
        NOTES.print(f"Note: {repeats}")
    if trust and predictor.reference is None:
        NOTES.print("Note: this model does not tell its training proteins; the columns of --trust are empty.")
    NOTES.print(
        f"{len(result):,} rows written to {output}: {len(result) - result.n_errors:,} scored, "
        f"{result.n_errors:,} with errors (model: {predictor.bundle.manifest.title})."
    )
    if predictor.precision_shift:
        NOTES.print(f"Computed in bfloat16, which moves the model's own three pairs by at most "
                    f"{predictor.precision_shift:.4f} in probability; --precision float32 is exact.")
    if result.n_errors:
        failed = result.frame[result.frame["status"] == "error"].head(3)
        for row, message in zip(failed["row"], failed["message"], strict=True):
            NOTES.print(f"  row {row}: {message}")
        if sequences is None and any(issue.remedy == ADD_SEQUENCE for issue in table.issues):
            NOTES.print("Give sequences that the table does not hold with --sequences FILE.fasta.")
        raise typer.Exit(SOME_ROWS_FAILED)


def embed(
    fasta: Annotated[Path, typer.Argument(help="FASTA file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Features: .npz or .h5.")],
    encoder: Annotated[
        str, typer.Option(help="ESM-2 model: folder, Hugging Face id, or a model of `esm2amp models list`.")
    ] = "",
    engine: Engine = LOCAL,
    ray_address: RayAddress = "",
    precision: Precision = "",
    device: Device = "",
) -> None:
    """Write pooled ESM-2 features of every protein, in input order.

    The .npz holds ids (N,), cls, eos, mean (N, D) and segments (N, 10, D), float32. The .h5 is the
    table that the ESM2_AMP authors' scripts read (key "df").
    """
    from esm2amp_core.feature_files import check_suffix, write_features
    from esm2amp_core.pairs import Limits
    from esm2amp_core.sequences import read_fasta

    check_suffix(output)
    check_output(output, fasta)
    settings = engine_settings(engine, ray_address, precision=precision, device=device)
    found, issues = read_fasta(fasta, max_file_mb=settings.max_file_mb)
    for issue in issues:
        NOTES.print(f"esm2amp: {issue}")
    proteins = [protein for protein in found if len(protein.id) <= Limits.max_id_characters]
    for protein in found:
        if len(protein.id) > Limits.max_id_characters:
            length = len(protein.id)
            NOTES.print(f"esm2amp: {quoted(protein.id)}: the name has {length:,} characters; shorten it.")
    if not proteins:
        raise SequenceError(f"{fasta} holds no usable protein.", hint="It must be a FASTA file.")

    from esm2amp_core.cluster.embedding import embed_on_cluster
    from esm2amp_core.embed.cache import FeatureCache
    from esm2amp_core.embed.pooled import embed_pooled
    from esm2amp_core.installing import find_encoder, load_encoder

    cache = FeatureCache(settings.feature_cache, settings.max_feature_mb)
    with reporting() as report:
        if engine == LOCAL:
            embedder = load_encoder(encoder, settings=settings)
            features, failures = embed_pooled(proteins, embedder, cache=cache, report=report)
        else:
            features, failures = embed_on_cluster(proteins, find_encoder(encoder, settings),
                                                  settings=settings, cache=cache, report=report)
    for protein in proteins:
        if protein.digest in failures:
            NOTES.print(f"esm2amp: {protein.id}: {failures[protein.digest]}")
    kept = [protein for protein in proteins if protein.digest not in failures]
    write_features(kept, features, output)
    n_failed = len(found) - len(kept) + sum(issue.severity == Severity.ERROR for issue in issues)
    NOTES.print(f"{len(kept):,} proteins written to {output}.")
    if n_failed:
        NOTES.print(f"{n_failed:,} left out for the reasons above.")
        raise typer.Exit(SOME_ROWS_FAILED)


def _column_map(columns: str) -> ColumnMap | None:
    """The mapping in ``--columns``; None where the columns are to be recognised."""
    if not columns:
        return None
    names = [name.strip() for name in columns.split(",")]
    if len(names) not in (2, 4) or not all(names):
        raise UserError(f"--columns is {columns!r}.", hint="Name two columns, or four: bait,prey,seq1,seq2.")
    return ColumnMap(*names)
