"""A whole screen: proteins embedded, blocks scored and kept, tables written. Goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch

from esm2amp_core import __version__
from esm2amp_core.errors import SequenceError
from esm2amp_core.files.run_lock import run_lock
from esm2amp_core.predictor import Predictor
from esm2amp_core.progress import Report, silent
from esm2amp_core.screen_files import ScreenFolder
from esm2amp_core.screen_options import ScreenOptions
from esm2amp_core.screen_plan import Block, Plan
from esm2amp_core.screen_proteins import ScreenProteins
from esm2amp_core.screening.engines import Engine, LocalEngine
from esm2amp_core.screening.features import FeatureFile, feature_file
from esm2amp_core.screening.outputs import write_outputs
from esm2amp_core.screening.parts import PartStore, check_folder
from esm2amp_core.screening.reference import (
    REFERENCE,
    reference_background,
    reference_blocks,
    reference_features,
    reference_names,
)

STAGE, REFERENCE_STAGE = "Scoring pairs", "Scoring pairs with reference proteins"


def run_screen(
    predictor: Predictor,
    proteins: ScreenProteins,
    folder: Path,
    *,
    options: ScreenOptions | None = None,
    engine: Callable[[Predictor], Engine] = LocalEngine,
    report: Report = silent,
) -> ScreenFolder:
    """Score every pair and write the folder; what an interrupted run finished there is kept.

    Parameters
    ----------
    predictor : Predictor
    proteins : ScreenProteins
    folder : Path
        New or empty, or of the same screen.
    options : ScreenOptions, optional
    engine : callable
        Makes who scores the blocks and embeds the proteins.
    report : Report

    Raises
    ------
    OtherScreenError
        If another screen stands there.
    UserError
        If there are no pairs, another process is at it, or it cannot be written.
    """
    options = options or ScreenOptions()
    bundle = predictor.bundle
    with ExitStack() as stack:
        lock = run_lock(folder / ".lock", f"{folder} is being filled", hint="name another folder")
        stack.enter_context(lock)
        worker = stack.enter_context(closing(engine(predictor)))
        known = _identity(predictor, worker.device, proteins, options)
        check_folder(folder, known)
        reference = reference_features(bundle, options)
        with feature_file(folder, proteins.proteins, bundle.manifest.features, worker.embed,
                          worker.proteins_at_once, report, reference=reference) as (features, failures):
            usable = proteins.without(failures)
            plan = usable.plan(options.block_pairs, with_self=options.with_self)
            if not plan.n_pairs:
                raise SequenceError("There are no pairs to score.", hint="Two different proteins are needed.",
                                    details=usable.reasons)
            identity = {**known, "screened": _screened(usable, plan)}
            store = PartStore(folder, usable.names)
            store.open(identity)
            _score(STAGE, store, list(plan.blocks()), worker, features, report)
            n_reference = 0 if reference is None else len(reference)
            by_reference = None
            if blocks := list(reference_blocks(plan, n_reference)):
                scores = PartStore(folder / REFERENCE, [*usable.names, *reference_names(n_reference)])
                about = identity | {"screened": identity["screened"] | {"pairs": sum(map(len, blocks))}}
                scores.open(about)
                _score(REFERENCE_STAGE, scores, blocks, worker, features, report)
                scores.close(about)
                by_reference = reference_background(scores, blocks, bundle.manifest.threshold)
        store.close(identity)
        write_outputs(
            store, plan, usable, threshold=bundle.manifest.threshold, top=options.top,
            top_partners=options.top_partners, report=report, reference=by_reference,
            facts={"kind": identity["kind"], "n_reference": n_reference,
                   "model": predictor.how_computed | identity["model"]},
        )  # fmt: skip
    return ScreenFolder(folder)


def _score(
    stage: str, store: PartStore, blocks: list[Block], worker: Engine, features: FeatureFile, report: Report
) -> None:
    """Score and keep every block that is not kept already."""
    finished = store.finished()
    n_pairs = sum(map(len, blocks))
    done = sum(len(block) for block in blocks if block.number in finished)
    waiting = (block for block in blocks if block.number not in finished)

    def progress(n_scored: int) -> None:
        report(stage, done + n_scored, n_pairs)

    progress(0)
    for block, scores in worker.score(waiting, features, progress):
        store.add(block, scores)
        done += len(block)
        progress(0)


def _identity(
    predictor: Predictor, device: str, proteins: ScreenProteins, options: ScreenOptions
) -> dict[str, Any]:
    """Everything that decides the scores and in which part they stand, as JSON values."""
    embedder, card = predictor.embedder, predictor.bundle.manifest
    return {
        "kind": "all against all" if proteins.is_all_vs_all else "baits against library",
        "proteins": {"number": len(proteins.proteins), "sha256": proteins.digest},
        "model": {"name": card.name, "title": card.title, "digest": predictor.bundle.digest,
                  "encoder": str(embedder.name), "encoder_revision": str(embedder.revision),
                  "precision": str(embedder.precision), "device": device},
        "options": {"with_self": options.with_self, "block_pairs": options.block_pairs,
                    "reference": options.reference},
        "versions": {"esm2amp": __version__, "torch": torch.__version__.partition("+")[0]},
    }  # fmt: skip


def _screened(proteins: ScreenProteins, plan: Plan) -> dict[str, Any]:
    """What is left where the language model could not read some proteins."""
    return {"proteins": plan.n_proteins, "baits": plan.n_baits,
            "library": plan.n_library, "pairs": plan.n_pairs, "sha256": proteins.digest}  # fmt: skip
