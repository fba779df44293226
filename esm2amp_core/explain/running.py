"""From a table of pairs to the folder of their explanations: the one way, for jobs and command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core import __version__
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.errors import PairError, UserError
from esm2amp_core.explain import resolve
from esm2amp_core.explain.agreement import measure_agreement
from esm2amp_core.explain.base import ExplainSettings
from esm2amp_core.explain.controls import run_controls
from esm2amp_core.explain.faithfulness import measure_faithfulness
from esm2amp_core.explain.randomisation import check_randomisation
from esm2amp_core.explain.subject import PairFeatures, Subject
from esm2amp_core.explain.writing import write_explanations
from esm2amp_core.explanation_files import FORMAT, PAIR_COLUMNS
from esm2amp_core.explanation_tests.arrays import Arrays
from esm2amp_core.explanations import METHODS, Axis, Explanation
from esm2amp_core.files.whole_folder import check_new_folder
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report, silent

LIBRARIES = ("torch", "transformers", "numpy", "captum", "shap", "scikit-learn")
MOST_PAIRS = {"token_shapley": 10, "residue_gradients": 0}
"""Up to how many pairs a method is used unless asked for, where it takes seconds, or minutes, per pair."""
MOST_TESTED_PAIRS = 100


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
    """Methods that take seconds, not minutes, for so many pairs."""
    return [method for method in METHODS if n_pairs <= MOST_PAIRS.get(method, n_pairs)]


def _too_slow(n_pairs: int) -> dict[str, str]:
    """Methods left out of so many pairs that fewer would have got, and how to get them."""
    return {
        method: f"takes seconds per pair, so that it is used for up to {most} pairs at once and these are "
                f"{n_pairs:,}. Choose up to {most} of the pairs and explain them; or `esm2amp explain "
                f"--method {method}` for all of them."
        for method, most in MOST_PAIRS.items() if 0 < most < n_pairs
    }  # fmt: skip


def explain_table(
    predictor: Predictor,
    table: PairTable,
    folder: Path,
    *,
    methods: Sequence[str] = (),
    settings: ExplainSettings | None = None,
    controls: bool = True,
    with_page: bool = False,
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
        those that suit so many pairs (`suitable_methods`).
    settings : ExplainSettings, optional
    controls : bool
        Also score the decoys of a single pair.
    with_page : bool
        Also write ``report.html``.
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
    check_new_folder(folder)
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
    if not methods:
        unable |= _too_slow(len(explained.pairs))
    tests = check_explanations(explained, explanations, settings, controls=controls, report=report)
    summary = {
        "format": FORMAT, "title": title, "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": _about_model(predictor), "tokens": list(explained.subject.token_names),
        "baseline": explained.subject.baseline_words, "settings": asdict(settings),
        "n_pairs": len(explained.pairs), "left_out": explained.left_out.to_dict("records"),
        "methods": {method: _about_method(found) for method, found in explanations.items()},
        "unavailable": unable, "tested_pairs": min(len(explained.pairs), MOST_TESTED_PAIRS),
        "versions": _versions(),
    }  # fmt: skip
    write_explanations(folder, summary, explained.pairs, explanations, tests,
                       proteins=table.proteins if with_page else None, report=report)
    return summary


def check_explanations(
    explained: Explained, explanations: Mapping[str, Explanation], settings: ExplainSettings, *,
    controls: bool, report: Report = silent,
) -> dict[str, Arrays]:
    """Whether the explanations hold: the nouns of `explanation_tests`, by the names of their files.

    Where pairs are many, `MOST_TESTED_PAIRS` of them, evenly spread over the table, stand for all.
    """
    subject, pairs = explained.subject, explained.features
    chosen = np.unique(np.linspace(0, len(pairs) - 1, min(len(pairs), MOST_TESTED_PAIRS)).astype(int))
    some = pairs.select(chosen)
    of_some = {method: _of_tokens(found, some, chosen) for method, found in explanations.items()}
    tests: dict[str, Arrays] = {
        "faithfulness": measure_faithfulness(subject, some, of_some, settings, report),
        "agreement": measure_agreement(explanations, pairs.rows, report),
        "randomisation": check_randomisation(subject, some, list(explanations), settings, report),
    }
    if controls and len(pairs) == 1:
        tests["controls"] = run_controls(subject, pairs, list(explanations), settings, report)
    return tests


def _of_tokens(found: Explanation, some: PairFeatures, chosen: np.ndarray) -> Explanation:
    """What a method says of each token of some of the pairs."""
    axes = (Axis("pairs", tuple(some.rows.tolist())), Axis("tokens", some.feature_set.pair_tokens))
    return Explanation(found.method, found.value[chosen], axes, value=found.value[chosen],
                       magnitude=found.magnitude[chosen])


def _about_model(predictor: Predictor) -> dict[str, Any]:
    card, embedder = predictor.bundle.manifest, predictor.embedder
    return {
        "name": card.name, "title": card.title, "architecture": card.architecture,
        "digest": predictor.bundle.digest, "threshold": card.threshold, "feature_set": card.feature_set,
        "encoder": str(embedder.name), "encoder_revision": str(embedder.revision),
        **predictor.how_computed, "summary": card.summary, "limitations": list(card.limitations),
    }  # fmt: skip


def _about_method(explanation: Explanation) -> dict[str, Any]:
    """Settings and the worst of each check."""
    worst = {name: float(np.max(np.abs(check))) for name, check in explanation.checks.items()}
    return {"settings": dict(explanation.settings), "largest": worst}


def _versions() -> dict[str, str]:
    return {"esm2amp": __version__, **{library: version(library) for library in LIBRARIES}}
