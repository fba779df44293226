"""What the numbers of a report depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from esm2amp_core.bundles import file_digest
from esm2amp_core.predictor import Predictor


def about_model(predictor: Predictor) -> dict[str, Any]:
    """The model, its encoder, and how they computed."""
    manifest, embedder = predictor.bundle.manifest, predictor.embedder
    return {
        "name": manifest.name,
        "title": manifest.title,
        "digest": predictor.bundle.digest,
        "architecture": manifest.architecture,
        "encoder": manifest.encoder.id,
        "encoder_revision": str(embedder.revision),
        "calibration": manifest.calibration,
        **predictor.how_computed,
    }


def about_file(name: str, path: Path | None) -> dict[str, str]:
    """Name and SHA-256 of a file, under ``NAME_file`` and ``NAME_sha256``; nothing where there is none."""
    return {} if path is None else {f"{name}_file": path.name, f"{name}_sha256": file_digest(path)}
