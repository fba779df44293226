"""The ways to bring the proteins of a screen: pasted, from files, or an example."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from esm2amp_core.settings import Settings
from pages.components.inputs import FOLDER
from pages.components.screen_draft import ScreenSource

BAITS, ALL = "Baits against a library", "All against all"
PASTE, UPLOAD, EXAMPLE = "Paste FASTA", "Upload files", "Try an example"
SUFFIXES = ["fasta", "fa", "faa", "fas", "txt", "csv", "tsv", "xlsx", "gz"]
EXAMPLE_FILE = FOLDER / "proteins.fasta"
N_EXAMPLE_BAITS = 3


def choose_source(settings: Settings) -> ScreenSource | None:
    """Widgets of the chosen way; None while something is missing."""
    left, right = st.columns(2)
    kind = left.segmented_control("What is compared?", (BAITS, ALL), default=BAITS, required=True,
                                  key="screen-kind", persist_state="session")
    way = right.segmented_control("How do you want to give the proteins?", (PASTE, UPLOAD, EXAMPLE),
                                  default=PASTE, required=True, key="screen-way", persist_state="session")
    if way == EXAMPLE:
        return _example(kind)
    give = _pasted if way == PASTE else _uploaded
    if kind == ALL:
        library, name = give(st.container(), "Proteins", settings, "Each is compared with each other one.")
        bait, bait_name = b"", ""
    else:
        columns = st.columns(2)
        bait, bait_name = give(columns[0], "Baits", settings, "One protein, or some: those you work on.")
        library, name = give(columns[1], "Library", settings, "The proteins that may be their partners: a "
                             "list of candidates, or a whole proteome.")
    asked = way == PASTE and st.button("Check these proteins", icon=":material/fact_check:")
    if not library or (kind == BAITS and not bait):
        if asked:
            st.info("Paste the sequences of all proteins first." if kind == ALL else
                    "Paste at least one bait on the left and the library on the right first.")
        return None
    return ScreenSource(library=library, library_name=name, bait=bait, bait_name=bait_name,
                        title=_title(kind, way, name, bait_name))


def _pasted(place: DeltaGenerator, what: str, settings: Settings, words: str) -> tuple[bytes, str]:
    text = place.text_area(
        f"{what} (FASTA)", key=f"screen-{what}", height=220, persist_state="session", help=words,
        placeholder=">P04637\nMEEPQSDPSVEPPLSQETFSDLWKLLPENN…\n>Q00987\nMCNTNMSVPTDGAVTTSQIPASEQETLVRP…",
    )  # fmt: skip
    return text.strip().encode("utf-8", "replace"), f"pasted {what.lower()}.fasta"


def _uploaded(place: DeltaGenerator, what: str, settings: Settings, words: str) -> tuple[bytes, str]:
    file = place.file_uploader(
        f"{what}: FASTA, or a table with the columns protein and sequence", type=SUFFIXES,
        key=f"screen-{what}-file", max_upload_size=settings.max_file_mb, help=f"{words} May be gzipped.",
    )  # fmt: skip
    # An empty file is given, too: as one with an empty line, it is told what it lacks.
    return (b"", "") if file is None else (file.getvalue() or b"\n", file.name)


def _example(kind: str) -> ScreenSource:
    fasta = EXAMPLE_FILE.read_bytes()
    records = [b">" + record for record in fasta.split(b">")[1:]]
    if kind == ALL:
        st.caption(f"{len(records)} well-known human proteins, each with each other.")
        return ScreenSource(library=fasta, library_name=EXAMPLE_FILE.name, title="Example: all against all")
    st.caption(f"p53, MDM2 and CDK2 against the {len(records)} well-known human proteins of the example.")
    return ScreenSource(
        library=fasta, library_name=EXAMPLE_FILE.name, bait=b"".join(records[:N_EXAMPLE_BAITS]),
        bait_name="baits.fasta", title="Example: baits against a library",
    )  # fmt: skip


def _title(kind: str, way: str, library: str, bait: str) -> str:
    if way == PASTE:
        return "Pasted proteins, all against all" if kind == ALL else "Pasted baits against a library"
    stems = [Path(name.removesuffix(".gz")).stem for name in (bait, library) if name]
    return " against ".join(stems) if bait else f"{stems[0]}, all against all"
