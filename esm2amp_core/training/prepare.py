"""From files to what training reads: tables, their problems, the encoder, and features."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from esm2amp_core.bundles import (
    ENCODER,
    EncoderRef,
    encoder_source,
    file_digest,
    locate_encoder_bundle,
    read_manifest,
)
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.errors import Severity
from esm2amp_core.labelled import read_labelled
from esm2amp_core.pairs import Limits, PairTable
from esm2amp_core.progress import Report, silent
from esm2amp_core.settings import Settings
from esm2amp_core.training.data import Part, TrainingData, load_data
from esm2amp_core.training.leaks import describe_repeats, find_leaks

TRAIN, VALIDATION = "train", "validation"
Warn = Callable[[str], None]
"""Called with each sentence that a person should read."""
_EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What a person gives.

    Attributes
    ----------
    pairs : Path
        Labelled training pairs.
    validation : Path or None
        Labelled validation pairs.
    sequences : Path or None
        FASTA, or a table of proteins; for both tables of pairs.
    encoder : str
        Folder or Hugging Face id of an ESM-2 model, or a bundle whose encoder is meant.
    label : str
        Column of the labels; recognised when empty.
    allow_leaks : bool
        Go on where a validation pair occurs in training, too.
    """

    pairs: Path
    validation: Path | None = None
    sequences: Path | None = None
    encoder: str = ""
    label: str = ""
    allow_leaks: bool = False

    def files(self) -> dict[str, Path]:
        """The files, by what they hold."""
        named = {TRAIN: self.pairs, VALIDATION: self.validation, "sequences": self.sequences}
        return {name: path for name, path in named.items() if path is not None}


@dataclass(frozen=True)
class Encoder:
    """The language model of a training run.

    Attributes
    ----------
    ref : EncoderRef
        As the card of the new bundle names it.
    source : str or Path
        Folder or Hugging Face id.
    embedder : Esm2Embedder
    """

    ref: EncoderRef
    source: str | Path
    embedder: Esm2Embedder

    @property
    def copied(self) -> Path | None:
        """Its folder, where the new bundle gets a copy of it."""
        return Path(self.source) if self.ref.folder == ENCODER else None


@dataclass(frozen=True)
class Prepared:
    """Everything that training reads.

    Attributes
    ----------
    data : TrainingData
    encoder : Encoder
    facts : dict
        Of files and rows, for the card.
    limitations : tuple of str
        What a person must know of a model trained on these data.
    """

    data: TrainingData
    encoder: Encoder
    facts: dict[str, Any]
    limitations: tuple[str, ...] = ()


def read_tables(sources: Sources, settings: Settings, warn: Warn) -> dict[str, PairTable]:
    """Labelled tables; notes on them and repeated pairs are told. Needs no language model.

    Raises
    ------
    PairError, SequenceError
        If a file cannot be used.
    """
    tables = {
        part: read_labelled(
            path, sources.sequences, label=sources.label, limits=Limits(max_residues=settings.max_residues),
            max_pairs=settings.max_pairs, max_file_mb=settings.max_file_mb,
        )
        for part, path in sources.files().items() if part != "sequences"
    }  # fmt: skip
    for part, table in tables.items():
        for issue in table.issues:
            if issue.row is None and issue.severity == Severity.WARNING:
                warn(f"Note on the {part} table: {issue}")
        if repeats := describe_repeats(table, part):
            warn(f"Mind: {repeats}")
    return tables


def prepare(
    sources: Sources, settings: Settings, *, device: str = "", copy_encoder: bool | None = None,
    warn: Warn = lambda sentence: None, report: Report = silent,
) -> Prepared:
    """Read, check and embed.

    Parameters
    ----------
    sources : Sources
    settings : Settings
    device : str
        Empty for the one in the settings.
    copy_encoder : bool, optional
        Whether the new bundle brings the encoder along; when absent, it does where the encoder lies in a
        bundle already.
    warn : callable
    report : Report

    Raises
    ------
    UserError
        If something cannot be used; the message says what to do.
    """
    tables = read_tables(sources, settings, warn)
    limitations = []
    if VALIDATION in tables:
        leaks = find_leaks(tables[TRAIN], tables[VALIDATION])
        leaks.check(allowed=sources.allow_leaks)
        if sentence := leaks.describe():
            warn(f"LEAK: {sentence}")
            limitations.append(sentence[0].upper() + sentence[1:])
    encoder = load_encoder(sources.encoder, settings, device=device, copied=copy_encoder)
    cache = FeatureCache(settings.feature_cache, settings.max_feature_mb)
    data = load_data(tables, encoder.embedder, cache=cache, report=report)
    facts = {part: describe_part(data, part) for part in data.parts}
    for name, path in sources.files().items():
        facts.setdefault(name, {}).update(file=path.name, sha256=file_digest(path))
    for part, loaded in data.parts.items():
        _tell_left_out(part, loaded, warn)
    return Prepared(data, encoder, facts, tuple(limitations))


def load_encoder(name: str, settings: Settings, *, device: str = "", copied: bool | None = None) -> Encoder:
    """The encoder that a person named: of a bundle, in a folder, or in the Hugging Face cache.

    Parameters
    ----------
    name : str
        Empty for that of the default bundle.
    copied : bool, optional
        As for `prepare`.
    """
    folder = locate_encoder_bundle(name, settings.bundle, settings.bundle_folders)
    source, identity, within = name, "", False
    if folder is not None:
        manifest = read_manifest(folder)
        source, identity = encoder_source(manifest, folder), manifest.encoder.id
        within = manifest.encoder.folder == ENCODER
    embedder = Esm2Embedder.load(source, device=device or settings.device, precision=settings.precision,
                                 max_residues=settings.max_residues)
    local = Path(source).is_dir()
    copied = local and (within if copied is None else copied)
    place = ENCODER if copied else str(Path(source).resolve()) if local else ""
    ref = EncoderRef(
        id=identity or embedder.name, width=embedder.width, revision=embedder.revision, folder=place
    )
    return Encoder(ref, source, embedder)


def describe_part(data: TrainingData, part: str) -> dict[str, Any]:
    """Counts of one table, for the card."""
    loaded = data.parts[part]
    facts = {"n_rows": loaded.n_rows, "n_pairs": len(loaded), "n_positive": int(loaded.labels.sum()),
             "n_proteins": len(data.proteins_of(part)), "n_left_out": len(loaded.left_out)}
    return {**facts, "left_out": dict(_kinds(loaded.left_out).most_common(10))}


def left_out_rows(data: TrainingData) -> pd.DataFrame:
    """Every row that was not used: ``table``, ``row``, ``protein_a``, ``protein_b``, ``reason``."""
    rows = pd.concat([loaded.left_out.assign(table=part) for part, loaded in data.parts.items()])
    return rows[["table", "row", "protein_a", "protein_b", "reason"]]


def _tell_left_out(part: str, loaded: Part, warn: Warn) -> None:
    if loaded.left_out.empty:
        return
    warn(f"Mind: {len(loaded.left_out):,} of the {loaded.n_rows:,} rows of the {part} table cannot be used "
         "and are left out:")
    for reason, count in _kinds(loaded.left_out).most_common(_EXAMPLES):
        row = loaded.left_out[loaded.left_out["reason"].map(_kind) == reason].iloc[0]
        warn(f"  {count:,} like row {row['row']:,}: {row['reason']}")


def _kinds(left_out: pd.DataFrame) -> Counter[str]:
    return Counter(left_out["reason"].map(_kind))


def _kind(reason: str) -> str:
    """A reason without names and numbers: rows with the same one have the same problem."""
    return re.sub(r"\d[\d,]*", "N", re.sub(r"'[^']*'", "a protein", reason.partition(". ")[0]))
