"""From pairs to probabilities: one encoder and one classifier, held together."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from esm2amp_core.bundles import encoder_source, locate_bundle
from esm2amp_core.embed.cache import FeatureCache
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.hardware import choose_device, precisions_to_try
from esm2amp_core.embed.pooled import embed_pooled
from esm2amp_core.errors import BundleError, Severity
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.models.pair_scorer import PairScorer
from esm2amp_core.pairs import PairTable
from esm2amp_core.predictions import RESULT_COLUMNS, TRUST_COLUMNS, PredictionTable, Status
from esm2amp_core.progress import Report, silent
from esm2amp_core.reference import Nearest, TrainingReference
from esm2amp_core.selfcheck import largest_shift
from esm2amp_core.sequences import Protein
from esm2amp_core.settings import Settings
from esm2amp_core.trust import find_nearest, nearest_frame, with_notes

NOT_READ = -1
MAX_SHIFT = 0.005
"""How far bfloat16 may move the probabilities of a bundle's self-check before ``auto`` goes without it."""
ORDER_NOTE, ORDER_WARNING = 0.01, 0.1
"""Difference between the probabilities of A-B and B-A that is mentioned, and that is warned of."""


@dataclass(frozen=True)
class Predictor:
    """Scores pairs with one bundle.

    Attributes
    ----------
    bundle : ModelBundle
    embedder : Esm2Embedder
    cache : FeatureCache or None
        Where pooled features are kept between runs.
    precision_shift : float
        By how much bfloat16 moved the bundle's self-check, in probability; 0 in float32.

    Raises
    ------
    BundleError
        If the encoder is not the one whose features the bundle was trained on.
    """

    bundle: ModelBundle
    embedder: Esm2Embedder
    cache: FeatureCache | None = None
    precision_shift: float = 0.0

    def __post_init__(self) -> None:
        wanted = self.bundle.manifest.encoder
        if self.embedder.width != wanted.width:
            raise BundleError(
                f"{self.bundle.manifest.name} reads features of width {wanted.width}; "
                f"{self.embedder.name} makes {self.embedder.width}.",
                hint=f"Use the encoder {wanted.id}.",
            )
        if wanted.revision and wanted.revision != self.embedder.revision:
            raise BundleError(
                f"{self.bundle.manifest.name} was trained with {wanted.id} revision {wanted.revision}; "
                f"the installed one is {self.embedder.revision}.",
                hint="Install that revision, or import the checkpoint again with this encoder.",
            )

    @classmethod
    def load(
        cls,
        bundle: str | Path = "",
        *,
        settings: Settings | None = None,
        device: str = "",
        precision: str = "",
        cache: FeatureCache | None = None,
    ) -> Predictor:
        """Load a bundle and its encoder.

        Parameters
        ----------
        bundle : str or Path
            Name of an installed bundle or its folder; empty for the one in the settings.
        settings : Settings, optional
            Read from the environment when absent.
        device, precision : str
            Empty for those in the settings. The precision holds for the language model and the classifier;
            ``auto`` is bfloat16 where this machine is faster with it and it moves the bundle's self-check by
            less than `MAX_SHIFT`.
        cache : FeatureCache, optional
            The workspace's own when absent.

        Raises
        ------
        BundleError, EncoderError
            If the bundle or its encoder cannot be loaded; the message says what to do.
        """
        settings = settings or Settings.from_environment()
        folder = locate_bundle(bundle or settings.bundle, settings.bundle_folders)
        # The bundle first: it verifies the checksums, also those of an encoder that came along.
        loaded = ModelBundle.load(folder, device=choose_device(device or settings.device))
        encoder = loaded.manifest.encoder
        if cache is None:
            cache = FeatureCache(settings.feature_cache, settings.max_feature_mb)
        wanted = precision or settings.precision
        for chosen in precisions_to_try(wanted, loaded.device, encoder.width):
            embedder = Esm2Embedder.load(
                encoder_source(loaded.manifest, folder),
                revision="" if encoder.folder else encoder.revision,
                device=device or settings.device,
                precision=chosen,
                max_residues=settings.max_residues,
            )
            found = cls(loaded, embedder, cache)
            if chosen == "bfloat16":
                found = replace(found, precision_shift=largest_shift(found))
            if wanted != "auto" or found.precision_shift < MAX_SHIFT:
                break
        return found

    @property
    def how_computed(self) -> dict[str, str | float]:
        """For provenance: ``device``, ``precision`` and, unless that is float32, ``precision_shift``."""
        facts = {"device": self.embedder.device, "precision": self.embedder.precision}
        exact = self.embedder.precision == "float32"
        return facts if exact else {**facts, "precision_shift": self.precision_shift}

    @cached_property
    def reference(self) -> TrainingReference | None:
        """The proteins that the classifier was trained on, if the bundle tells; read when first asked for."""
        return self.bundle.reference()

    def predict(
        self, pairs: PairTable, *, trust: bool = False, report: Report = silent
    ) -> PredictionTable:
        """Score every row.

        Parameters
        ----------
        pairs : PairTable
        trust : bool
            Also tell how near the proteins are to the training data: adds `TRUST_COLUMNS` at the end.
        report : Report

        Returns
        -------
        PredictionTable
            As many rows as `pairs`, in its order; a row that cannot be scored says why.
        """
        scored = pd.concat(list(self.batches(pairs, trust=trust, report=report)), ignore_index=True)
        carried = pairs.frame[pairs.carried].reset_index(drop=True)
        told = scored.columns[len(RESULT_COLUMNS) :]
        return PredictionTable(pd.concat([scored[list(RESULT_COLUMNS)], carried, scored[told]], axis=1))

    def batches(
        self,
        pairs: PairTable,
        *,
        done: Collection[int] = (),
        batch_rows: int = 1024,
        trust: bool = False,
        report: Report = silent,
    ) -> Iterator[pd.DataFrame]:
        """Score the rows that are not `done`, some at a time.

        Yields
        ------
        DataFrame, at most `batch_rows` lines
            Columns as in `RESULT_COLUMNS`, with `trust` also `TRUST_COLUMNS` (missing where a row has no
            score, or the bundle does not tell its training proteins); rows in input order, each exactly once.
        """
        errors, warnings = pairs.problems(Severity.ERROR), pairs.problems(Severity.WARNING)
        frame = pairs.frame[["row", "protein_a", "protein_b"]]
        frame = frame[~frame["row"].isin(done)].reset_index(drop=True)
        runnable = frame[~frame["row"].isin(errors)]
        features, failures = embed_pooled(
            _proteins_of(runnable, pairs), self.embedder, cache=self.cache, report=report
        )
        digest_of = {name: protein.digest for name, protein in pairs.proteins.items()}
        rows = features.rows()
        scorer = self.bundle.scorer(
            features.select(self.bundle.manifest.features), precision=self.embedder.precision
        )
        nearest: dict[str, Nearest] = {}
        if trust and self.reference:
            known = [protein for protein in _proteins_of(runnable, pairs) if protein.digest in rows]
            nearest = find_nearest(known, self.reference, report=report)
        for start in range(0, max(len(frame), 1), batch_rows):
            report("Scoring pairs", start, len(frame))
            part = frame.iloc[start : start + batch_rows].reset_index(drop=True)
            index = np.array(
                [[rows.get(digest_of.get(name, ""), NOT_READ) for name in part[side]]
                 for side in ("protein_a", "protein_b")],
                dtype=np.int64,
            ).reshape(2, len(part))
            reasons = [
                errors.get(row) or " ".join(
                    f"{name}: {failures.get(digest_of.get(name, ''), 'There is no sequence.')}"
                    for name in dict.fromkeys((a, b)) if rows.get(digest_of.get(name, "")) is None
                )
                for row, a, b in part.itertuples(index=False)
            ]
            scored = self._score(part, index, reasons, warnings, scorer)
            if trust:
                sides = ([None if reason else nearest.get(digest_of[name])
                          for name, reason in zip(part[side], reasons, strict=True)]
                         for side in ("protein_a", "protein_b"))  # fmt: skip
                scored[list(TRUST_COLUMNS)] = with_notes(nearest_frame(*sides))
            yield scored
        report("Scoring pairs", len(frame), len(frame))

    def _score(
        self,
        part: pd.DataFrame,
        index: np.ndarray,
        reasons: list[str],
        warnings: dict[int, str],
        scorer: PairScorer,
    ) -> pd.DataFrame:
        """Score one batch; `index` (2, n) holds rows of `scorer`, `reasons` why a row cannot be scored."""
        scorable = np.array([not reason for reason in reasons], dtype=bool)
        logit, probability = np.full(len(part), np.nan), np.full(len(part), np.nan)
        difference = np.zeros(len(part))
        if scorable.any():
            logit[scorable], difference[scorable] = scorer.score(*index[:, scorable])
            probability[scorable] = self.bundle.probabilities(logit[scorable])
        interacts = pd.array(probability >= self.bundle.manifest.threshold, dtype="boolean")
        interacts[~scorable] = pd.NA
        outcome = [
            (Status.ERROR.value, reason) if reason else _outcome(warnings.get(row, ""), gap)
            for row, reason, gap in zip(part["row"], reasons, difference, strict=True)
        ]
        scored = part.assign(
            probability=probability,
            logit=logit,
            interacts=interacts,
            status=[status for status, _ in outcome],
            message=[message for _, message in outcome],
        )
        return scored[list(RESULT_COLUMNS)]


def _proteins_of(frame: pd.DataFrame, pairs: PairTable) -> list[Protein]:
    """Proteins that the rows name, each once."""
    names = pd.unique(pd.concat([frame["protein_a"], frame["protein_b"]]))
    return [pairs.proteins[name] for name in names if name in pairs.proteins]


def _outcome(warning: str, difference: float) -> tuple[str, str]:
    """Status and message of a scored row; `difference` is between the probabilities of A-B and B-A."""
    notes = [warning] if warning else []
    if difference >= ORDER_NOTE:
        gap = f"The orders A-B and B-A differ by {difference:.2f} in probability"
        notes.append(f"{gap}; the score lies between them.")
    warned = bool(warning) or difference >= ORDER_WARNING
    return (Status.WARNING if warned else Status.OK).value, " ".join(notes)
