"""From a table of pairs to the folder of their explanations: the one way, for jobs and command line."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from esm2amp_core import __version__, exports
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.errors import PairError, UserError
from esm2amp_core.explain import resolve
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explanation_files import FORMAT, PAIR_COLUMNS, PAIRS, PAIRS_TABLE, SUMMARY, token_frame
from esm2amp_core.explanations import METHODS, Explanation
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report, silent

LIBRARIES = ("torch", "transformers", "numpy", "captum", "shap", "scikit-learn")
COSTLY, MOST_COSTLY_PAIRS = ("token_shapley", "residue_gradients"), 10
"""Methods that take seconds per pair, and up to how many pairs they are used unless asked for."""


@dataclass(frozen=True)
class Explained:
    """Pairs with everything that was found out about them.

    Attributes
    ----------
    pairs : DataFrame
        `explanation_files.PAIR_COLUMNS`.
    left_out : DataFrame
        ``row``, ``protein_a``, ``protein_b``, ``reason`` of rows that cannot be explained.
    """

    subject: Subject
    features: PairFeatures
    pairs: pd.DataFrame
    left_out: pd.DataFrame


def gather(
    predictor: Predictor, table: PairTable, settings: ExplainSettings, report: Report = silent
) -> Explained:
    """Score the pairs of a table and collect the tokens of those that have a score.

    Raises
    ------
    PairError
        If none has.
    """
    scored = pd.concat(list(predictor.batches(table, report=report)), ignore_index=True)
    usable = scored["status"] != "error"
    kept = scored[usable].reset_index(drop=True)
    left_out = scored.loc[~usable, ["row", "protein_a", "protein_b", "message"]]
    left_out = left_out.rename(columns={"message": "reason"}).reset_index(drop=True)
    if kept.empty:
        raise PairError("None of the pairs can be scored, so none can be explained.",
                        details=[f"Row {row}: {reason}" for row, reason in
                                 zip(left_out["row"], left_out["reason"], strict=True)])  # fmt: skip
    proteins = {row: (table.proteins[a], table.proteins[b])
                for row, a, b in kept[["row", "protein_a", "protein_b"]].itertuples(index=False)}
    features, _ = embed_pooled([p for pair in proteins.values() for p in pair], predictor.embedder,
                               cache=predictor.cache)
    bundle = predictor.bundle
    background = bundle.background() if settings.baseline == "background" else None
    subject = Subject(bundle, background, predictor.embedder)
    lengths = {f"length_{side}": [len(pair[i].sequence) for pair in proteins.values()]
               for i, side in enumerate("ab")}
    pairs = kept.assign(**lengths)[list(PAIR_COLUMNS)]
    return Explained(subject, PairFeatures.of(proteins, features, bundle.manifest.features), pairs, left_out)


def choose_methods(subject: Subject, wanted: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Those of the wanted methods that can explain this model, and why the others cannot."""
    reasons = {method: resolve(method).why_not(subject) for method in METHODS if method in wanted}
    return [m for m, reason in reasons.items() if not reason], {m: r for m, r in reasons.items() if r}


def suitable_methods(n_pairs: int) -> list[str]:
    """Methods that take seconds, not hours, for so many pairs."""
    return [method for method in METHODS if n_pairs <= MOST_COSTLY_PAIRS or method not in COSTLY]


def explain_table(
    predictor: Predictor,
    table: PairTable,
    folder: Path,
    *,
    methods: Sequence[str] = (),
    settings: ExplainSettings | None = None,
    controls: bool = True,
    title: str = "",
    report: Report = silent,
) -> dict[str, Any]:
    """Explain every pair that can be scored, and write the folder.

    Parameters
    ----------
    predictor : Predictor
    table : PairTable
    folder : Path
        Appears when everything is in it; an empty one may stand there.
    methods : sequence of str
        Keys of `METHODS`; those that cannot explain this model are left out with their reason. Empty for
        those that suit so many pairs: `COSTLY` ones only for a few.
    settings : ExplainSettings, optional
    controls : bool
        Also score the decoys of a single pair.
    title : str
    report : Report

    Returns
    -------
    dict
        The summary, as written.

    Raises
    ------
    UserError
        If nothing can be explained, or the folder cannot be written.
    """
    settings = settings or ExplainSettings()
    check_free(folder)
    if unknown := [method for method in methods if method not in METHODS]:
        raise UserError(f"There is no method {unknown[0]!r}.", hint=f"Known: {', '.join(METHODS)}.")
    explained = gather(predictor, table, settings, report)
    able, unable = choose_methods(explained.subject, methods or suitable_methods(len(explained.pairs)))
    if not able:
        raise UserError("None of the methods can explain this model.", details=list(unable.values()))
    explanations = {
        method: resolve(method)(explained.subject, settings).explain(explained.features, report)
        for method in able
    }
    summary = {
        "format": FORMAT, "title": title, "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": _about_model(predictor), "tokens": list(explained.subject.token_names),
        "baseline": explained.subject.baseline_words, "settings": asdict(settings),
        "n_pairs": len(explained.pairs), "left_out": explained.left_out.to_dict("records"),
        "methods": {method: _about_method(found) for method, found in explanations.items()},
        "unavailable": unable, "versions": _versions(),
    }  # fmt: skip
    _write(folder, summary, explained, explanations)
    return summary


def check_free(folder: Path) -> None:
    """Refuse, before the work, a place where the folder could not be put after it.

    Raises
    ------
    UserError
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UserError(f"{folder} exists already.", hint="Name a new folder.")
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        if not os.access(folder.absolute().parent, os.W_OK):
            raise PermissionError(0, "no permission")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.",
                        hint="Name a new folder in one of your own.") from None


def _about_model(predictor: Predictor) -> dict[str, Any]:
    card, embedder = predictor.bundle.manifest, predictor.embedder
    return {
        "name": card.name, "title": card.title, "architecture": card.architecture,
        "digest": predictor.bundle.digest, "threshold": card.threshold, "feature_set": card.feature_set,
        "encoder": str(embedder.name), "encoder_revision": str(embedder.revision),
        "precision": str(embedder.precision), "device": str(embedder.device),
    }  # fmt: skip


def _about_method(explanation: Explanation) -> dict[str, Any]:
    """Settings and the worst of each check."""
    worst = {name: float(np.max(np.abs(check))) for name, check in explanation.checks.items()}
    return {"settings": dict(explanation.settings), "largest": worst}


def _versions() -> dict[str, str]:
    return {"esm2amp": __version__, **{library: version(library) for library in LIBRARIES}}


def _write(
    folder: Path, summary: dict[str, Any], explained: Explained, explanations: dict[str, Explanation]
) -> None:
    """Put everything into a folder that appears at once."""
    part = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.part")
    tokens = explained.subject.token_names
    try:
        part.mkdir(parents=True)
        (part / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        explained.pairs.to_parquet(part / PAIRS)
        (part / PAIRS_TABLE).write_bytes(exports.delimited(explained.pairs))
        for method, explanation in explanations.items():
            np.savez_compressed(part / f"{method}.npz", **explanation.to_arrays())
            frame = token_frame(explanation, explained.pairs, tokens)
            (part / f"{method}.csv").write_bytes(exports.delimited(frame))
        os.replace(part, folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.",
                        hint="Free some space there, or name another folder.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
