"""A saved bundle with its encoder, and ways to tamper with it."""

import json

import torch
from model_samples import WIDTH, build
from safetensors.torch import save_file

from esm2amp_core.bundles import EncoderRef, Manifest, file_digest, read_manifest
from esm2amp_core.models import resolve
from esm2amp_core.models.bundle import save_bundle

SELFCHECK = {"tolerance": 1e-3, "cases": [{"sequence_a": "A" * 10, "sequence_b": "C" * 10, "logit": 0.0}]}


def manifest_for(name, **changes):
    classifier = resolve(name)
    values = {
        "name": name,
        "title": f"A small {name}",
        "architecture": name,
        "sizes": build(name).sizes,
        "feature_set": classifier.feature_set,
        "encoder": EncoderRef(id="lab/esm2_tiny", width=WIDTH),
    }
    return Manifest(**{**values, **changes})


def make_encoder_folder(folder):
    """Files as a language model has them, with a pickle and a program that must stay behind."""
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "esm"}')
    (folder / "vocab.txt").write_text("<cls>\n")
    save_file({"weight": torch.ones(2)}, folder / "model.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "modeling.py").write_text("raise SystemExit")
    return folder


def save_amps(folder, encoder_folder):
    """Save an amps bundle with its encoder; its folder."""
    manifest = manifest_for("amps")
    save_bundle(folder, manifest, build("amps"), encoder_folder=encoder_folder, selfcheck=SELFCHECK)
    return folder


def edit(folder, **changes):
    """Change fields of the manifest as a text editor would."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def rehash(folder):
    """Write the checksums of the files as they are now."""
    checksums = read_manifest(folder).checksums
    edit(folder, checksums={name: file_digest(folder / name) for name in checksums})
