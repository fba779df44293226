"""Models in words."""

from __future__ import annotations

from esm2amp_core.bundles import Manifest
from esm2amp_core.jobs import Job
from esm2amp_core.workspace import Workspace
from pages.components.text import literal

STARTER = "starter"
SMALL_MODEL = (
    "The small offline model that comes with the program: better than chance, but less accurate than the "
    "published ESM2_AMP models. To install one, see the Models page, or run “esm2amp models download amps” "
    "(online) or “esm2amp models import”."
)


def manifest_of(workspace: Workspace, job: Job) -> Manifest | None:
    """Card of the model a job uses; None if that model is no longer installed."""
    return workspace.bundles().get(str(job.params.get("bundle", "")))


def about_model(job: Job, manifest: Manifest | None) -> str:
    """Which model scored the job, in a few words."""
    if manifest is None:
        return f"Model {literal(str(job.params.get('bundle', '')))} (no longer installed)"
    if manifest.name == STARTER:
        return "Model: starter, the small offline model"
    return f"Model: {literal(manifest.title, limit=60)}"
