"""Which of the authors' published files holds which classifier, told from the names of the files.

The article has carried names such as ``2.ESM2_AMPS.pth``, ``3.ESM2_AMP_CSE.pth``, ``4.ESM2_DPM.pth``,
``6.ablation_experiment_model.pth`` and an archive of models with ``ESM2_GRU_B.pth`` inside; they
have changed between its versions, so the rule goes by words and asks where it is not sure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from esm2amp_core.errors import BundleError

FIGSHARE_ARTICLE = 28378157
TELLING_WORDS = {
    "gru": {"gru"},
    "dpm": {"dpm"},
    "amp_cse": {"cse", "ampcse"},
    "mean": {"ablation", "mean"},
    "amps": {"amps"},
}
"""By architecture; the first that matches counts, so a GRU on AMPS features is a GRU."""
OTHER_MODELS = {"ae", "rf", "dnn", "autoencoder", "forest"}
ARCHIVE_WORDS = {"model", "models", "weight", "weights", "checkpoint", "checkpoints"}
WEIGHTS_SUFFIXES, ARCHIVE_SUFFIX = (".pth", ".pt"), ".zip"


def architecture_named(name: str) -> str:
    """The architecture that a file's name speaks of; empty if none.

    Examples
    --------
    >>> architecture_named("3.ESM2_AMP_CSE.pth")
    'amp_cse'
    """
    words = _words(name)
    if words & OTHER_MODELS:
        return ""
    return next((architecture for architecture, telling in TELLING_WORDS.items() if words & telling), "")


def choose_file(names: Sequence[str], architecture: str, file_name: str = "") -> str:
    """The one file that holds the weights of an architecture, or the archive that does.

    Parameters
    ----------
    names : sequence of str
        Names of all files there are.
    architecture : str
    file_name : str
        The person's own choice; counts where it is among the names, with or without their folders.

    Returns
    -------
    str
        A file of weights where exactly one names the architecture; else the archive that names it,
        or the only archive of models.

    Raises
    ------
    BundleError
        If there is none or more than one; the details list the names to choose from.
    """
    if file_name:
        chosen = [name for name in names if file_name in (name, PurePosixPath(name).name)]
        if len(chosen) == 1:
            return chosen[0]
    weights = [name for name in names if name.lower().endswith(WEIGHTS_SUFFIXES)]
    archives = [name for name in names if name.lower().endswith(ARCHIVE_SUFFIX)]
    unnamed = [name for name in archives if _is_archive_of_models(name) and not architecture_named(name)]
    # A name that is not here may be that of a file in an archive.
    plain = [] if file_name else _naming(architecture, weights)
    for candidates in (plain, _naming(architecture, archives), unnamed):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise _ask(architecture, file_name, candidates)
    raise _ask(architecture, file_name, weights + archives)


def _naming(architecture: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if architecture_named(name) == architecture]


def _is_archive_of_models(name: str) -> bool:
    words = _words(name)
    return bool(words & ARCHIVE_WORDS) and not words & OTHER_MODELS


def _words(name: str) -> set[str]:
    stem = PurePosixPath(name).stem.lower()
    return {word.removeprefix("esm2") for word in re.split(r"[^a-z0-9]+", stem)}


def _ask(architecture: str, file_name: str, names: Sequence[str]) -> BundleError:
    wanted = f"a file {file_name!r}" if file_name else f"one file for {architecture}"
    return BundleError(
        f"Among the published files {wanted} could not be found. There are: {', '.join(names) or 'none'}.",
        hint="Name the one you want with --file NAME." if names else "Look at the article's page.",
        details=names,
    )
