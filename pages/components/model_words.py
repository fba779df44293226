"""Models in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from esm2amp_core.bundles import Manifest, bundle_digest, read_manifest
from esm2amp_core.errors import UserError
from esm2amp_core.jobs import Job
from esm2amp_core.workspace import Workspace
from pages.components.text import literal

STARTER = "starter"
SMALL_MODEL = (
    "The small model that comes with the program and works offline: good for trying things out and for "
    "ranking many pairs, too weak to judge a single one by."
)
LARGER_MODELS = (
    "The published ESM2_AMP models read proteins with a language model 200 times larger. "
    "The Models page installs one, as do “esm2amp models download amps” (online) and “esm2amp models import”."
)

WEAK_AUROC = 0.6
"""Composition and length alone reach 0.59 on the gold standard's test pairs."""


@dataclass(frozen=True, kw_only=True)
class JobModel:
    """What is known of the model that a job uses.

    Attributes
    ----------
    name : str
        As it was chosen.
    card : Manifest or None
        Today's card, if it is still that of the model the job used.
    changed : bool
        True if another model has this name by now.
    used : dict
        What the worker noted when it scored the rows; empty before.
    """

    name: str
    card: Manifest | None = None
    changed: bool = False
    used: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What people call it."""
        return str(self.used.get("title") or (self.card.title if self.card else self.name))

    @property
    def threshold(self) -> float | None:
        """Probability from which the job's pairs are called interacting; None if that is not known."""
        noted = self.used.get("threshold")
        if isinstance(noted, int | float):
            return float(noted)
        return self.card.threshold if self.card else None


def model_of(workspace: Workspace, job: Job) -> JobModel:
    """The model of a job: as it was then, not what has its name today."""
    name, used = str(job.params.get("bundle", "")), job.params.get("used", {})
    try:
        folder = workspace.bundle_folder(name)
        card, digest = read_manifest(folder), bundle_digest(folder)
    except (UserError, OSError):  # removed or damaged since, perhaps this very moment
        return JobModel(name=name, used=used)
    if digest != job.params.get("bundle_digest"):
        return JobModel(name=name, used=used, changed=True)
    return JobModel(name=name, used=used, card=card)


def about_model(model: JobModel) -> str:
    """Which model a job uses, in a few words."""
    if model.card and model.name == STARTER:
        return "Model: starter, the small offline model"
    today = "" if model.card else " (changed since)" if model.changed else " (no longer installed)"
    return f"Model: {literal(model.title, limit=60)}{today}"


def is_weak(manifest: Manifest) -> bool:
    """True for a model that its own test pairs show to be little better than guessing."""
    auroc = _test_auroc(manifest)
    return auroc is not None and auroc < WEAK_AUROC


def trust_words(manifest: Manifest) -> str:
    """How far a model can be trusted, in one sentence; empty if it states no AUROC on test pairs."""
    auroc = _test_auroc(manifest)
    if auroc is None:
        return ""
    return (
        "On test pairs it was not trained on, this model ranked an interacting pair above a non-interacting "
        f"one in {100 * auroc:.0f} of 100 cases; 50 is chance."
    )


def _test_auroc(manifest: Manifest) -> float | None:
    test = manifest.metrics.get("test")
    auroc = test.get("auroc") if isinstance(test, dict) else None
    return auroc if isinstance(auroc, float) and 0 <= auroc <= 1 else None
