"""The ESM-2 language model (Lin et al. 2023, doi 10.1126/science.ade2574)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import EsmModel

from esm2amp_core.embed.alphabet import MASK, encode
from esm2amp_core.embed.batches import BatchQueue
from esm2amp_core.embed.hardware import TOKEN_BUDGETS, choose_device, choose_precision, is_out_of_memory
from esm2amp_core.embed.loading import read_model
from esm2amp_core.embed.model_folder import content_revision, find_model, read_config, weight_files
from esm2amp_core.embed.packed import PackedEsm
from esm2amp_core.errors import EncoderError, SequenceError, UserError
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings

_KEPT_NUMBERS = 25_000_000
"""States that may be kept for gradients; with all that belongs to them, some 2 GB."""


class Esm2Embedder:
    """Turns proteins into one vector per residue.

    Attributes
    ----------
    name, revision : str
        Hugging Face id and commit; or folder and SHA-256 of weights and configuration.
    device, precision : str
        ``cpu``, ``cuda`` or ``mps``; ``float32`` or ``bfloat16``.
    width : int
        Embedding width D.
    max_residues : int
        Longer chains are refused. Those beyond 1,022 run, but ESM-2 was not trained on them.
    token_budget : int
        Tokens of one batch.
    """

    def __init__(
        self, model: EsmModel, *, name: str, revision: str, max_residues: int = Settings.max_residues
    ) -> None:
        self._model = model.eval()
        self.name, self.revision = name, revision
        self.device = model.device.type
        self.precision = str(model.dtype).removeprefix("torch.")
        self.width: int = model.config.hidden_size
        self.max_residues = max_residues
        self.token_budget = TOKEN_BUDGETS[self.device]

    @classmethod
    def load(
        cls,
        source: str | Path,
        *,
        revision: str = "",
        device: str = "auto",
        precision: str = "auto",
        max_residues: int = Settings.max_residues,
    ) -> Esm2Embedder:
        """Load a model from this machine; the network is never asked.

        Parameters
        ----------
        source : str or Path
            Folder in the layout of ``save_pretrained``, or an id in the Hugging Face cache.
        revision : str
            The one wanted; empty for whichever is there.
        device : str
            ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision : str
            ``auto``, ``float32`` or ``bfloat16``.
        max_residues : int

        Raises
        ------
        EncoderError
            If it is absent, damaged, not an ESM-2 model, or not of that revision.
        """
        chosen = choose_device(device)
        dtype = choose_precision(precision, chosen)
        folder, name, commit = find_model(source, revision)
        config, files = read_config(folder), weight_files(folder)
        found = commit or content_revision(config, files)
        if revision and not commit and found != revision:
            raise EncoderError(f"{folder} has revision {found}, not {revision}.", hint="Name the one meant.")
        model = read_model(folder, config, files, dtype)
        try:
            return cls(model.to(chosen), name=name, revision=found, max_residues=max_residues)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise EncoderError(
                f"{name} does not fit into the memory of {chosen.type}.", hint="Choose the device cpu."
            ) from None

    def embed(self, proteins: Iterable[Protein]) -> Iterator[tuple[Protein, np.ndarray | UserError]]:
        """Compute the last hidden states; equal sequences are computed once.

        Parameters
        ----------
        proteins : iterable of Protein

        Yields
        ------
        protein : Protein
            Each one given, those longest first; equal sequences share one array.
        states : ndarray, dtype=float32, shape=(L + 2, D), or UserError
            After the final layer norm; rows are cls, residues, eos. Or why there are none.
        """
        asking: dict[str, list[Protein]] = {}
        for protein in proteins:
            asking.setdefault(protein.sequence, []).append(protein)
        for sequence, states in self._embed_distinct(asking):
            for protein in asking[sequence]:
                yield protein, states

    def in_float32(self) -> Esm2Embedder:
        """Itself where it computes in float32, otherwise a copy that does: exact enough for gradients."""
        if self.precision == "float32":
            return self
        model = deepcopy(self._model).float()
        return Esm2Embedder(model, name=self.name, revision=self.revision, max_residues=self.max_residues)

    @torch.no_grad()
    def inputs(self, sequence: str) -> tuple[Tensor, Tensor]:
        """What the first layer reads of a sequence, and of one as long of which no residue is known.

        Returns
        -------
        given, masked : Tensor, shape=(1, L + 2, D)
            In `masked`, residues are what a ``<mask>`` becomes: zeros in a model with token dropout, as
            every published one is. Start and end are the same in both.
        """
        embeddings = self._model.embeddings
        ids, _ = encode([sequence])
        given = embeddings(input_ids=torch.from_numpy(ids).to(self.device))
        unknown = embeddings.word_embeddings.weight[MASK]
        masked = given.clone()
        masked[:, 1:-1] = embeddings(
            inputs_embeds=(torch.zeros_like(unknown) if embeddings.token_dropout else unknown)[None, None]
        )
        return given, masked

    def states(self, inputs: Tensor) -> Tensor:
        """Last hidden states (B, L + 2, D) of `inputs` (B, L + 2, D), differentiable.

        Where the values kept for the way back would take gigabytes, each layer is computed again there.
        """
        B, T, D = inputs.shape
        layers = self._model.encoder.layer
        rotary = self._model.rotary_embeddings(inputs, torch.arange(T, device=inputs.device)[None])
        again = B * T * D * len(layers) > _KEPT_NUMBERS and torch.is_grad_enabled()
        states = inputs
        for layer in layers:
            if again:
                states = checkpoint(layer, states, position_embeddings=rotary, use_reentrant=False)
            else:
                states = layer(states, position_embeddings=rotary)
        return self._model.encoder.emb_layer_norm_after(states)

    def _embed_distinct(self, sequences: Iterable[str]) -> Iterator[tuple[str, np.ndarray | UserError]]:
        """Each distinct sequence with its states or the reason why there are none."""
        readable = []
        for sequence in sequences:
            if len(sequence) <= self.max_residues:
                readable.append(sequence)
            else:
                yield sequence, SequenceError(
                    f"It has {len(sequence):,} residues; at most {self.max_residues:,} can be read.",
                    hint="Submit one domain of it.",
                )
        queue = BatchQueue(readable, self.token_budget)
        while queue:
            batch = queue.take()
            states = self._compute(batch)
            if states is not None:
                for sequence, found in zip(batch, states, strict=True):
                    yield sequence, _checked(found)
            elif len(batch) > 1:
                queue.halve(batch)
            else:
                yield batch[0], EncoderError(
                    f"There is too little memory ({self.device}) for its {len(batch[0]):,} residues.",
                    hint="Close other programs, use a machine with more memory, or submit one domain of it.",
                )

    @cached_property
    def _forward(self) -> PackedEsm:
        return PackedEsm(self._model)

    def _compute(self, batch: list[str]) -> list[np.ndarray] | None:
        """States (L + 2, D) of each sequence of a batch, or None if memory is too short for it."""
        lengths = [len(sequence) + 2 for sequence in batch]
        ids = np.concatenate([encode([sequence])[0][0] for sequence in batch])
        try:
            states = self._forward(torch.from_numpy(ids).to(self.device), lengths)
            return np.split(states.cpu().numpy(), np.cumsum(lengths)[:-1])
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Outside the handler: until here the error keeps the tensors of the failed pass alive.
        if self.device == "cuda":
            torch.cuda.empty_cache()
        return None


def _checked(states: np.ndarray) -> np.ndarray | EncoderError:
    """The states, unless they hold something that is not a number."""
    if np.isfinite(states).all():
        return states
    return EncoderError(
        "The language model's answer holds values that are not numbers.", hint="Try the precision float32."
    )
