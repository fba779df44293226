"""Fetching a protein language model from the Hugging Face hub into its local cache."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tqdm import tqdm

from esm2amp_core.errors import EncoderError
from esm2amp_core.progress import Report, silent

ENCODER_FILES = (
    "config.json",
    "vocab.txt",
    "tokenizer*.json",
    "special_tokens_map.json",
    "*.safetensors",
    "*.safetensors.index.json",
)
"""Nothing that Python could run or unpickle."""


def fetch_encoder(
    encoder_id: str, *, hub_url: str = "", cache_folder: Path | None = None, report: Report = silent
) -> Path:
    """Fetch a language model, or the parts of it that are not in the cache yet.

    Parameters
    ----------
    encoder_id : str
        Such as ``facebook/esm2_t33_650M_UR50D``.
    hub_url : str
        Address of the hub; empty for Hugging Face's own.
    cache_folder : Path, optional
        Hugging Face's usual cache when absent.
    report : Report
        In bytes.

    Returns
    -------
    Path
        Folder of the model in the cache.

    Raises
    ------
    EncoderError
        If there is no connection, no such model, or no safetensors weights in it.
    """
    try:
        folder = Path(
            snapshot_download(
                encoder_id,
                allow_patterns=list(ENCODER_FILES),
                endpoint=hub_url or None,
                cache_dir=cache_folder,
                tqdm_class=_bar_for(report, f"Fetching {encoder_id}"),
            )
        )
    except HFValidationError:
        raise EncoderError(
            f"{encoder_id!r} is not the name of a model on the hub.",
            hint="Write it as facebook/esm2_t33_650M_UR50D.",
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError):
        raise EncoderError(f"There is no model {encoder_id!r} on the hub.", hint="Check its name.") from None
    except LocalEntryNotFoundError:
        raise EncoderError(
            f"No internet connection to the hub, and {encoder_id} is not on this machine.",
            hint="Copy the model's folder from a machine with internet, and give that folder as the encoder.",
        ) from None
    except (HTTPError, OSError) as error:
        raise EncoderError(
            f"{encoder_id} could not be fetched: {type(error).__name__}.",
            hint="Run the command again; what arrived is kept.",
        ) from None
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise EncoderError(
            f"{encoder_id} has no config.json or no weights in safetensors format.",
            hint="Choose another ESM-2 model, such as facebook/esm2_t33_650M_UR50D.",
        )
    return folder


def _bar_for(report: Report, stage: str) -> type[tqdm]:
    """A progress bar that draws nothing and reports the bytes it is told of, never fewer than before."""
    furthest = 0

    class ReportingBar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})

        def update(self, n: float | None = 1) -> bool | None:
            nonlocal furthest
            drawn = super().update(n)
            if self.unit == "B" and self.total:  # another bar counts files
                furthest = min(max(furthest, int(self.n)), int(self.total))
                report(stage, furthest, int(self.total))
            return drawn

    return ReportingBar
