"""An ESM-2 model from disk. Nothing here uses the network or runs code that comes with a model."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import EsmConfig, EsmModel
from transformers.utils import logging as transformers_logging

from esm2amp_core.embed.alphabet import check_vocabulary
from esm2amp_core.embed.model_folder import first_line
from esm2amp_core.errors import EncoderError

MAX_POSITIONS = 100_000
"""ESM-2 states 1,026; rotary models make no weights of it, but a table."""


def read_model(folder: Path, config: EsmConfig, files: list[Path], dtype: torch.dtype) -> EsmModel:
    """The model, without its pooling layer, ready to compute.

    Raises
    ------
    EncoderError
        If the weights are damaged, incomplete, of another size, or need code to be read.
    """
    if (folder / "vocab.txt").exists():
        check_vocabulary(folder / "vocab.txt")
    _check_size(folder, config, files)
    try:
        with _silent_transformers():
            model, info = EsmModel.from_pretrained(
                folder, config=config, add_pooling_layer=False, dtype=dtype, attn_implementation="sdpa",
                use_safetensors="safetensors" in files[0].name, weights_only=True, local_files_only=True,
                ignore_mismatched_sizes=True, output_loading_info=True,
            )  # fmt: skip
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, SafetensorError,
            pickle.UnpicklingError) as error:
        raise EncoderError(
            f"The weights in {folder} cannot be read: {first_line(error)}.", hint="Fetch the model again."
        ) from None
    _check_complete(folder, info)
    return model.eval()


def _check_size(folder: Path, config: EsmConfig, files: list[Path]) -> None:
    """Refuse a configuration that asks for more weights than the files hold, before memory is taken."""
    width, layers = config.hidden_size, config.num_hidden_layers
    n_weights = layers * (4 * width * width + 2 * width * config.intermediate_size)
    n_bytes = sum(path.stat().st_size for path in files)
    # A gigabyte of grace: what is merely cut short is told as damaged, by whoever reads it.
    if 2 * n_weights > n_bytes + 1e9 or config.max_position_embeddings > MAX_POSITIONS:
        raise EncoderError(
            f"{folder}: the configuration ({layers:,} layers of width {width:,}) asks for more weights than "
            f"the {n_bytes / 1e6:,.1f} MB of its files hold.",
            hint="Fetch the model again.",
        )


def _check_complete(folder: Path, info: Mapping[str, Iterable]) -> None:
    """Refuse weights with which transformers would go on: what is missing it fills with random numbers."""
    # The contact head belongs to another task; its size tells of heads and layers all the same.
    problems = {
        "lack": [name for name in info["missing_keys"] if not name.startswith("contact_head.")],
        "do not fit the configuration: another size has": [name for name, *_ in info["mismatched_keys"]],
        "hold more than the configuration says:": [
            name for name in info["unexpected_keys"] if name.removeprefix("esm.").startswith("encoder.")
        ],
    }
    for problem, names in problems.items():
        if names:
            message = f"The weights in {folder} {problem} {min(names)}."
            raise EncoderError(message, hint="Fetch the model again.")


@contextmanager
def _silent_transformers() -> Iterator[None]:
    """Keep progress bars and load reports out of a person's terminal; we check what they report."""
    verbosity, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(transformers_logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bars:
            transformers_logging.enable_progress_bar()
