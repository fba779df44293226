"""``esm2amp split``: leakage-free splits, and a check of those that others made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from esm2amp_core.cli.console import NOTES, OUTPUT, reporting
from esm2amp_core.errors import UserError
from esm2amp_core.settings import Settings

LEAKS_FOUND = SOME_ROWS_FAILED = 3


def split(
    pairs: Annotated[
        list[Path], typer.Argument(help="A table of pairs; with --check training, validation, test...")
    ],
    sequences: Annotated[
        Path | None, typer.Option(help="FASTA, or a table with protein and sequence.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="New folder; with --check a .json file.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Look for leaks in a split that exists.")] = False,
    fractions: Annotated[str, typer.Option(help="Of the pairs: training,validation,test.")] = "0.65,0.1,0.25",
    identity: Annotated[float, typer.Option(help="Similar from this share of equal residues...")] = 0.3,
    coverage: Annotated[float, typer.Option(help="... over this share of both proteins.")] = 0.5,
    method: Annotated[str, typer.Option(help="auto, mmseqs or kmers; auto: MMseqs2 if installed.")] = "auto",
    seed: Annotated[int, typer.Option(min=0, help="Same seed: same split.")] = 0,
) -> None:
    """Divide pairs so that no part knows a protein of another, or one similar to it.

    Writes train.tsv, validation.tsv, test.tsv, cross.tsv (pairs of two parts, with the reason), proteins.tsv
    and split.json; rows without sequences stand in left_out.csv, too, and the exit code is then 3. With
    --check nothing is divided: leaks of a given split are named, and labels that can be read without the
    sequences, which no split mends; exit code 3 if any.
    """
    from esm2amp_core.splitting.search import choose_search

    if check:
        _check(pairs, sequences, output, choose_search(method, identity=identity, coverage=coverage))
        return
    if len(pairs) != 1:
        raise UserError(f"{len(pairs)} tables were given.", hint="Give one to divide, or add --check.")
    if output is None:
        raise UserError("Where the split goes is missing.", hint="Name a new folder with -o.")
    from esm2amp_core.files.run_lock import sole_writer
    from esm2amp_core.files.whole_folder import check_new_folder
    from esm2amp_core.splitting.folder import LEFT_OUT, write_split
    from esm2amp_core.splitting.pair_files import read_pair_files
    from esm2amp_core.splitting.split import check_fractions, split_pairs

    check_new_folder(output)
    shares = check_fractions(_shares(fractions))
    search = choose_search(method, identity=identity, coverage=coverage)
    (table,) = read_pair_files(pairs, sequences, settings=Settings.from_environment())
    with sole_writer(output), reporting() as report:
        found = split_pairs(table, search, fractions=shares, seed=seed, report=report)
        facts = write_split(found, output)
    for name, part in facts["parts"].items():
        interacting = f", interacting {part['positive']:,}" if part.get("positive") is not None else ""
        OUTPUT.print(f"{name}: pairs {part['pairs']:,} ({part['share']:.0%}){interacting}, "
                     f"proteins {part['sequences']:,}")
    aside = facts["cross"]
    OUTPUT.print(f"set aside: pairs {aside['pairs']:,}")
    for reason, number in sorted(aside["reasons"].items(), key=lambda item: -item[1]):
        OUTPUT.print(f"  {number:,}: {reason}")
    OUTPUT.print(f"Written to {output}; similar proteins found by {search.name} {search.version}.")
    for warning in facts["warnings"]:
        NOTES.print(f"Mind: {warning}")
    if facts["left_out"]:
        row, reason = next(iter(table.problems.items()))
        NOTES.print(f"Mind: {facts['left_out']:,} of {len(table):,} rows have no usable sequences; "
                    f"{output / LEFT_OUT} lists them. Row {row + 1:,}: {reason}")
        raise typer.Exit(SOME_ROWS_FAILED)


def _check(files: list[Path], sequences: Path | None, output: Path | None, search) -> None:
    if len(files) < 2:
        raise UserError("A split has two parts or more.", hint="Give training first, then the others.")
    from esm2amp_core.files.whole_file import check_output, known_suffix, whole_file
    from esm2amp_core.splitting.leaks import find_leaks
    from esm2amp_core.splitting.pair_files import read_pair_files

    if output is not None:
        known_suffix(output, (".json",), "leaks")
        check_output(output, *files, sequences)
    parts = read_pair_files(files, sequences, settings=Settings.from_environment())
    for part in parts:
        if part.problems:
            row, reason = next(iter(part.problems.items()))
            NOTES.print(f"Note: {len(part.problems):,} of {len(part):,} rows of {part.name} cannot be "
                        f"checked. Row {row + 1}: {reason}")
        if not part.usable.any():
            raise UserError(f"No pair of {part.name} has a sequence for both proteins.",
                            hint="Give the proteins with --sequences.")
    leaks = find_leaks(parts, search)
    for leak in leaks:
        OUTPUT.print(f"{leak.kind}: {leak.message}")
        for example in leak.examples:
            OUTPUT.print(f"  {example}")
    if output is not None:
        found = {
            "files": [str(path) for path in files],
            "method": {"name": search.name, "version": search.version, "identity": search.identity,
                       "coverage": search.coverage},
            "leaks": [leak.to_json() for leak in leaks],
        }  # fmt: skip
        with whole_file(output) as part:
            part.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if leaks:
        raise typer.Exit(LEAKS_FOUND)
    OUTPUT.print(f"No leak found in {len(parts)} parts ({search.name} {search.version}).")


def _shares(text: str) -> list[float]:
    try:
        return [float(share) for share in text.split(",")]
    except ValueError:
        raise UserError(f"--fractions is {text!r}.", hint="Write three numbers: 0.65,0.1,0.25.") from None
