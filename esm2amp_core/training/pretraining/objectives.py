"""What the language model is trained to do: fill in residues, and tell what is known of a protein."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from transformers import EsmForMaskedLM

from esm2amp_core.embed.alphabet import CLS, EOS
from esm2amp_core.training.pretraining.annotations import BINDING_BITS, RESIDUE_UNKNOWN, UNKNOWN, Tasks

RESIDUE_WEIGHTS = {"structure": 0.5, "binding": 0.5}
PROTEIN_WEIGHTS = {"location": 0.5, "location_all_kingdoms": 0.3, "membrane": 0.15, "enzyme": 0.2, "go": 3.0,
                   "melting": 0.15}
"""Weight of each loss beside that of masked residues; the terms' loss is a mean over terms, most of them
absent, and therefore small."""


class Objectives(nn.Module):
    """All losses of a batch.

    The heads are linear and read the mean state of a window's residues, so that what they need
    ends up in the states that `features.pool_protein` averages.

    Parameters
    ----------
    model : EsmForMaskedLM
    tasks : Tasks
    """

    def __init__(self, model: EsmForMaskedLM, tasks: Tasks) -> None:
        super().__init__()
        self.model, self.tasks = model, tasks
        width = model.config.hidden_size
        self.class_heads = nn.ModuleDict(
            {task: nn.Linear(width, len(names)) for task, names in tasks.classes.items()})
        self.terms_head, self.melting_head = nn.Linear(width, len(tasks.terms)), nn.Linear(width, 1)
        self.structure_head, self.binding_head = nn.Linear(width, 3), nn.Linear(width, len(BINDING_BITS))
        weights = {"masked": 1.0} | RESIDUE_WEIGHTS | PROTEIN_WEIGHTS
        self.names = ("masked", "structure", "binding", *tasks.classes, "go", "melting")
        self.register_buffer("weights", torch.tensor([weights[name] for name in self.names]),
                             persistent=False)

    def forward(
        self, tokens: Tensor, positions: Tensor, targets: Tensor, covered: Tensor, classes: Tensor,
        terms: Tensor, melting: Tensor, structure: Tensor, binding: Tensor,
    ) -> Tensor:
        """Losses in the order of `names`: Tensor, dtype=float32, shape=(n,); arguments as `Batch`."""
        states = self.model.esm(input_ids=tokens).last_hidden_state                       # (B, T, D)
        letters = self.model.lm_head(states.flatten(0, 1)[positions]).float()             # (M, 33)
        residues = ((tokens != CLS) & (tokens != EOS))[:, :, None]
        mean = (states * residues).sum(1) / residues.sum(1)                               # (B, D)
        losses = [cross_entropy(letters, targets), self._structure(states, structure),
                  self._binding(states, binding)]
        for column, head in enumerate(self.class_heads.values()):
            answers = classes[:, column]
            each = cross_entropy(head(mean).float(), answers, ignore_index=UNKNOWN, reduction="none")
            losses.append(weighted_mean(each, covered * (answers != UNKNOWN)))
        known = ~terms[:, 0].isnan()
        each = binary_cross_entropy_with_logits(self.terms_head(mean).float(), terms.nan_to_num(),
                                                reduction="none").mean(1)
        losses.append(weighted_mean(each, covered * known))
        error = (self.melting_head(mean).float().squeeze(1) - melting.nan_to_num()) ** 2
        losses.append(weighted_mean(error, covered * ~melting.isnan()))
        return torch.stack(losses)

    def _structure(self, states: Tensor, codes: Tensor) -> Tensor:
        known = codes != RESIDUE_UNKNOWN
        targets = torch.where(known, codes.long(), UNKNOWN)
        logits = self.structure_head(states).float().flatten(0, 1)
        each = cross_entropy(logits, targets.flatten(), ignore_index=UNKNOWN, reduction="none")
        return weighted_mean(each, known.flatten().float())

    def _binding(self, states: Tensor, codes: Tensor) -> Tensor:
        known = codes != RESIDUE_UNKNOWN
        bits = torch.stack([(codes >> bit) & 1 for bit in range(len(BINDING_BITS))], dim=-1).float()
        logits = self.binding_head(states).float()
        each = binary_cross_entropy_with_logits(logits, bits, reduction="none").mean(-1)
        return weighted_mean(each.flatten(), known.flatten().float())

    def total(self, losses: Tensor) -> Tensor:
        """The one number that training lowers."""
        return (losses * self.weights).sum()


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of values (B,) by weights (B,); 0 where nothing is known."""
    return (values * weights).sum() / weights.sum().clamp(min=1.0)
