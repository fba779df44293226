"""The ways to bring pairs: two sequences, a pasted list, files, an example."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import NamedTuple

import streamlit as st

from esm2amp_core.errors import SequenceError
from esm2amp_core.settings import REPOSITORY, Settings
from pages.components.draft import Source
from pages.components.page import show_user_error
from pages.components.text import literal

TWO, PASTE, UPLOAD, EXAMPLE = "Two sequences", "Paste a list", "Upload a file", "Try an example"
FOLDER = REPOSITORY / "data" / "examples"


class Example(NamedTuple):
    """One input that comes with the program; `table` and `fasta` are names of files."""

    title: str
    caption: str
    table: str
    fasta: str = ""


EXAMPLES = (
    Example("Well-known human pairs", "A dozen pairs with their sequences, some that interact and some that "
            "are not known to.", "pairs.csv", "proteins.fasta"),
    Example("A messy table", "Every kind of problem a row can have, with the reason and the remedy.",
            "messy.xlsx"),
)  # fmt: skip


def choose_source(settings: Settings) -> Source | None:
    """Widgets of the chosen way; None while nothing has been given."""
    way = st.segmented_control(
        "How do you want to give your pairs?", (TWO, PASTE, UPLOAD, EXAMPLE), default=PASTE, required=True,
        key="way", persist_state="session",
    )  # fmt: skip
    if way == TWO:
        return _two_sequences()
    if way == PASTE:
        return _pasted_list()
    if way == UPLOAD:
        return _uploaded_files(settings)
    return _example()


def _two_sequences() -> Source | None:
    names, texts = {}, {}
    for side, column in zip("AB", st.columns(2), strict=True):
        names[side] = column.text_input(
            f"Name of protein {side}", key=f"name-{side}", persist_state="session",
            placeholder=f"Protein {side}", help="Empty: the name in the FASTA header, if there is one.",
        ).strip()
        texts[side] = column.text_area(
            f"Sequence of protein {side}", key=f"sequence-{side}", height=160, persist_state="session",
            placeholder="MKT…", help="One-letter codes. A FASTA header line may stand above it.",
        )  # fmt: skip
    sequences = {side: without_header(text) for side, text in texts.items()}
    asked = st.button("Check these sequences", icon=":material/fact_check:")
    if crowded := {side: n for side, text in texts.items() if (n := n_records(text)) > 1}:
        for side, number in crowded.items():
            show_user_error(SequenceError(f"Box {side} holds {number:,} sequences; keep one.",
                                          hint="If it is one sequence, take out the empty lines. "
                                          f"For several pairs, use '{PASTE}' or '{UPLOAD}'."))
        return None
    if not all(sequences.values()):
        if asked:
            st.info("Paste a sequence for each of the two proteins first.")
        return None
    names = {side: name or header_name(texts[side]) for side, name in names.items()}
    if any(names.values()):
        title = " and ".join(name or f"protein {side}" for side, name in names.items())
    else:
        lengths = (f"{len(''.join(sequence.split())):,}" for sequence in sequences.values())
        title = f"Two sequences of {' and '.join(lengths)} residues"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["protein_a", "sequence_a", "protein_b", "sequence_b"])
    writer.writerow([cell for side in "AB" for cell in (names[side] or f"Protein {side}", sequences[side])])
    return Source(table=text.getvalue().encode(), filename="two sequences.csv", title=title)


def header_name(text: str) -> str:
    """The first word of the FASTA header above a sequence; empty if there is none."""
    first = text.strip().partition("\n")[0]
    return first[1:].split(maxsplit=1)[0] if first.startswith(">") and first[1:].strip() else ""


def without_header(text: str) -> str:
    """A sequence without the FASTA header above it."""
    return "\n".join(line for line in text.strip().splitlines() if not _is_header(line)).strip()


def n_records(text: str) -> int:
    """Number of sequences in a box: a FASTA header begins one, and so do letters behind an empty line."""
    number, may_begin, under_header = 0, True, False
    for line in text.strip().splitlines():
        if _is_header(line):
            number, may_begin, under_header = number + 1, False, True
        elif not line.strip():
            may_begin = may_begin or not under_header
        else:
            number, may_begin, under_header = number + may_begin, False, False
    return number


def _is_header(line: str) -> bool:
    return line.lstrip().startswith(">")


def _pasted_list() -> Source | None:
    left, right = st.columns(2)
    pairs = left.text_area(
        "Pairs", key="pairs", height=220, persist_state="session",
        placeholder="P04637\tQ00987\nP38936\tP24941",
        help="One pair per line: two names, separated by a tab, comma or semicolon. Copying cells from a "
        "spreadsheet works too, with or without the line of column names.",
    )  # fmt: skip
    fasta = right.text_area(
        "Sequences (FASTA)", key="fasta", height=220, persist_state="session",
        placeholder=">P04637\nMEEPQSDPSVEPPLSQETFSDLWKLLPENN…\n>Q00987\nMCNTNMSVPTDGAVTTSQIPASEQETLVRP…",
        help="The sequence of every protein named on the left. Leave it empty if your pairs have columns "
        "sequence_a and sequence_b.",
    )  # fmt: skip
    asked = st.button("Check these pairs", icon=":material/fact_check:")
    if not pairs.strip():
        if asked:
            st.info("Paste at least one pair on the left first.")
        return None
    return Source(table=pairs.encode("utf-8", "replace"), filename="pasted pairs.txt",
                  fasta=fasta.encode("utf-8", "replace"), title="Pasted pairs")  # fmt: skip


def _uploaded_files(settings: Settings) -> Source | None:
    left, right = st.columns(2)
    table = left.file_uploader(
        "Table of pairs (CSV, TSV or XLSX, also .gz)", key="table-file",
        max_upload_size=settings.max_file_mb,
        help="Columns such as protein_a and protein_b, and if you like sequence_a and sequence_b. "
        "All other columns come back beside the scores.",
    )  # fmt: skip
    fasta = right.file_uploader(
        "Sequences (FASTA, also .gz), if they are not in the table", key="fasta-file",
        max_upload_size=settings.max_file_mb,
    )  # fmt: skip
    if fasta is not None and not fasta.getvalue().strip():
        st.warning(f"{literal(fasta.name)} is empty: it holds no sequence.")
    if table is None:
        return None
    return Source(table=table.getvalue(), filename=table.name, fasta=fasta.getvalue() if fasta else b"",
                  title=bare_name(table.name))  # fmt: skip


def bare_name(filename: str) -> str:
    """A file's name without what tells its format: ``kinases.csv.gz`` is ``kinases``."""
    return Path(filename.removesuffix(".gz")).stem


def _example() -> Source:
    chosen = st.radio(
        "Example", EXAMPLES, format_func=lambda example: example.title, key="example",
        captions=[example.caption for example in EXAMPLES], persist_state="session",
    )  # fmt: skip
    fasta = (FOLDER / chosen.fasta).read_bytes() if chosen.fasta else b""
    return Source(table=(FOLDER / chosen.table).read_bytes(), filename=chosen.table, fasta=fasta,
                  title=f"Example: {chosen.title}")  # fmt: skip
