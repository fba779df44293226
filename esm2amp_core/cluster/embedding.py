"""The language model on a Ray cluster: a batch of proteins is a task, and comes back pooled."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from esm2amp_core.cluster.connection import Cluster
from esm2amp_core.cluster.dispatch import Dispatch
from esm2amp_core.embed.batches import BatchQueue
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.hardware import TOKEN_BUDGETS, choose_device, choose_precision
from esm2amp_core.embed.model_folder import content_revision, find_model, read_config, weight_files
from esm2amp_core.embed.pooled import Pooled, embed_pooled, pooled_states
from esm2amp_core.features import ProteinFeatures
from esm2amp_core.progress import Report, silent
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings


@dataclass(frozen=True)
class ClusterEncoder:
    """Which language model the actors hold; the weights are read there only.

    Attributes
    ----------
    source : str
        Its folder, or its id in the Hugging Face cache, on every machine.
    name, revision, precision, width
        As of `embed.base.Embedder`.
    """

    source: str
    name: str
    revision: str
    precision: str
    width: int

    @classmethod
    def find(cls, source: str | Path, precision: str) -> ClusterEncoder:
        """The model that lies under `source` on this machine; others must have the same.

        Raises
        ------
        EncoderError
            If it is absent or not an ESM-2 model.
        """
        folder, name, commit = find_model(source)
        config = read_config(folder)
        revision = commit or content_revision(config, weight_files(folder))
        place = os.path.abspath(source) if os.path.isdir(source) else str(source)
        return cls(place, name, revision, precision, config.hidden_size)

    def settled(self, device: str) -> ClusterEncoder:
        """Itself, a precision of ``auto`` decided as this machine does for that device."""
        chosen = choose_device("cpu" if device == "cpu" else "auto")
        precision = str(choose_precision(self.precision, chosen)).removeprefix("torch.")
        return replace(self, precision=precision)

    def load(self, device: str, max_residues: int) -> Esm2Embedder:
        """Load it where this runs; what lies there must have the same revision."""
        return Esm2Embedder.load(self.source, revision=self.revision, device=device,
                                 precision=self.precision, max_residues=max_residues)


def embed_on_cluster(
    proteins: Iterable[Protein],
    source: str | Path,
    *,
    settings: Settings,
    cache: FeatureCache | None = None,
    report: Report = silent,
) -> tuple[ProteinFeatures, dict[str, str]]:
    """Embed and pool proteins on a Ray cluster; see `embed_pooled`, which gives the same bits.

    Parameters
    ----------
    proteins : iterable of Protein
    source : str or Path
        Folder or Hugging Face id of the encoder, the same on every machine.
    settings : Settings
        Its cluster and device; a precision of ``auto`` is what it is on this machine.
    cache : FeatureCache, optional
        On this machine, which alone writes to it.
    report : Report

    Raises
    ------
    UserError
        If there is no cluster, or its machines cannot do it; the message names the machine.
    """
    found = ClusterEncoder.find(source, settings.precision)
    with closing(Cluster(settings)) as cluster:
        encoder = found.settled(cluster.device)
        load = partial(encoder.load, cluster.device, settings.max_residues)
        with closing(Dispatch(cluster, load)) as dispatch:
            pool = partial(spread_proteins, dispatch, embed_batch, settings.max_residues)
            return embed_pooled(proteins, encoder, cache=cache, report=report, pool=pool)


def spread_proteins(
    dispatch: Dispatch,
    embed: Callable[..., list[Pooled]],
    max_residues: int,
    proteins: Iterable[Protein],
    tick: Callable[[], None],
) -> Iterator[Pooled]:
    """Proteins as the actors of `dispatch` embed and pool them, in any order; an `embed.pooled.Pool`.

    Parameters
    ----------
    dispatch : Dispatch
    embed : callable
        What an actor does with its model and a batch, as `embed_batch`.
    max_residues : int
        Longer proteins are refused there.
    proteins : iterable of Protein
        Different ones.
    tick : callable
        Called from time to time.
    """
    batches = _batches(proteins, max_residues, TOKEN_BUDGETS[dispatch.device])
    for _, answer in dispatch.spread(embed, batches, lambda batch: (batch,), tick):
        yield from answer


def embed_batch(embedder: Esm2Embedder, proteins: list[Protein]) -> list[Pooled]:
    """Each protein pooled, or why it is not; what an actor that holds the language model does."""
    return list(pooled_states(proteins, embedder))


def _batches(proteins: Iterable[Protein], max_residues: int, token_budget: int) -> Iterator[list[Protein]]:
    """The batches that one machine would make of all: what is computed together decides the last bits."""
    protein_of = {protein.sequence: protein for protein in proteins}
    if refused := [protein for sequence, protein in protein_of.items() if len(sequence) > max_residues]:
        yield refused
    queue = BatchQueue((sequence for sequence in protein_of if len(sequence) <= max_residues), token_budget)
    while queue:
        yield [protein_of[sequence] for sequence in queue.take()]
