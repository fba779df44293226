"""The folder of an ESM-2 model: where it lies, what it says of itself, which files hold its weights."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError, StrictDataclassError
from transformers import EsmConfig

from esm2amp_core.embed.alphabet import MASK, PAD, VOCABULARY
from esm2amp_core.errors import EncoderError

_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
_WEIGHTS = tuple(
    f"{name}{index}" for name in ("model.safetensors", "pytorch_model.bin") for index in ("", ".index.json")
)
"""Names that transformers writes, the preferred first."""
_ESM2 = {
    "position_embedding_type": "rotary", "vocab_size": len(VOCABULARY), "pad_token_id": PAD,
    "mask_token_id": MASK, "is_folding_model": False, "is_decoder": False, "quantization_config": None,
}  # fmt: skip
"""What every ESM-2 model's configuration says; ESM-1b and ESMFold differ in it."""
_NUMERIC = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "layer_norm_eps", "rope_theta", "emb_layer_norm_before", "token_dropout",
)  # fmt: skip
"""Settings of the configuration that change the model's numbers."""


def find_model(source: str | Path, revision: str = "") -> tuple[Path, str, str]:
    """Where a model lies on this machine.

    Parameters
    ----------
    source : str or Path
        Folder in the layout of ``save_pretrained``, or the id of a model in the Hugging Face cache.
    revision : str
        Commit or branch of a cached model; empty for its main branch.

    Returns
    -------
    folder : Path
    name : str
        The id, or the last two parts of the path.
    commit : str
        Hub commit of a cached model; empty for a folder.

    Raises
    ------
    EncoderError
        If there is neither.
    """
    if os.path.isdir(source):  # unlike Path.is_dir, false where the name is no possible path
        folder = Path(source)
        return folder, "/".join(folder.resolve().parts[-2:]), ""
    if not _HUB_ID.fullmatch(str(source)):
        raise EncoderError(f"There is no folder {str(source)!r}.", hint="Name the folder of an ESM-2 model.")
    try:
        config = try_to_load_from_cache(str(source), "config.json", revision=revision or None)
    except (HFValidationError, ValueError):
        config = None
    if not isinstance(config, str):
        at = f" at revision {revision}" if revision else ""
        raise EncoderError(
            f"The language model {str(source)!r}{at} is not on this machine.",
            hint=f"When online, run: esm2amp models download {source}",
        )
    return Path(config).parent, str(source), Path(config).parent.name


def read_config(folder: Path) -> EsmConfig:
    """Configuration of the model in `folder`.

    Raises
    ------
    EncoderError
        If it cannot be read or is not that of an ESM-2 model; the message says what was found.
    """
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        kind = values.get("model_type")
        config = EsmConfig.from_dict(dict(values)) if kind == "esm" else None
    except FileNotFoundError:
        raise EncoderError(
            f"{folder} holds no config.json.", hint="Name the folder that holds config.json and the weights."
        ) from None
    except (OSError, ValueError, TypeError, AttributeError, KeyError, StrictDataclassError) as error:
        reason = first_line(error)
        raise EncoderError(f"{path} cannot be read: {reason}.", hint="Fetch the model again.") from None
    if config is None:
        raise EncoderError(
            f"{folder} is not an ESM-2 model: model_type is {kind!r}, not 'esm'.", hint="Use an ESM-2 model."
        )
    found = {name: getattr(config, name, None) for name in _ESM2}
    if odd := [name for name, wanted in _ESM2.items() if found[name] != wanted]:
        differences = ", ".join(f"{name} is {found[name]!r}, not {_ESM2[name]!r}" for name in odd)
        raise EncoderError(f"{folder} is not an ESM-2 model: {differences}.", hint="Use an ESM-2 model.")
    heads, width = config.num_attention_heads, config.hidden_size
    if min(heads, width, config.num_hidden_layers, config.intermediate_size) < 1 or width % (2 * heads):
        raise EncoderError(
            f"{path}: {heads} attention heads do not fit width {width}.", hint="Fetch the model again."
        )
    return config


def weight_files(folder: Path) -> list[Path]:
    """Files that hold the weights: one, or the index and its parts.

    Raises
    ------
    EncoderError
        If there are none, or a part is missing.
    """
    path = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise EncoderError(f"{folder} holds no weights.", hint="It must hold model.safetensors.")
    if path.suffix != ".json":
        return [path]
    try:
        names = sorted(set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values()))
        parts = [folder / name for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(f"{path} cannot be read: {error}.", hint="Fetch the model again.") from None
    # A part must be a file of this folder: an index from elsewhere could name any file of the machine.
    if bad := [part for part in parts if part.name not in names or not part.is_file()]:
        raise EncoderError(f"{folder} lacks {bad[0].name!r}.", hint="Fetch the model again.")
    return [path, *parts]


def content_revision(config: EsmConfig, files: list[Path]) -> str:
    """SHA-256 over the weights and the settings that change the model's numbers, in hex.

    Raises
    ------
    EncoderError
        If a file cannot be read.
    """
    digest = hashlib.sha256(json.dumps({name: getattr(config, name) for name in _NUMERIC}).encode())
    for path in files:
        try:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError as error:
            raise EncoderError(
                f"{path} cannot be read: {first_line(error)}.", hint="Check its permissions."
            ) from None
    return digest.hexdigest()


def first_line(error: BaseException) -> str:
    """Start of an error's text; libraries write whole pages."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200].rstrip(".")
