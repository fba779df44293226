"""A search for the settings that validate best: Optuna's TPE, kept in the workspace's database.

What trial k proposes follows from the seed, k, and the trials finished before. So a search that was killed
goes on with the very trial it was at, and ends as an undisturbed one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sklearn.model_selection import StratifiedKFold
from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from esm2amp_core.embed.hardware import choose_device
from esm2amp_core.errors import UserError
from esm2amp_core.features import FEATURE_SETS
from esm2amp_core.files.run_lock import run_lock
from esm2amp_core.models import resolve
from esm2amp_core.progress import Report, silent
from esm2amp_core.settings import Settings
from esm2amp_core.training.changes import changes
from esm2amp_core.training.data import LabelledPairs, TrainingData
from esm2amp_core.training.fit import Diverged, Entry, derive_seed, fit
from esm2amp_core.training.prepare import TRAIN, VALIDATION, Prepared, describe_part
from esm2amp_core.training.recipe import Recipe
from esm2amp_core.training.search import Range, with_values

FOLD_SEED = 42
"""Of the published five-fold split."""
METRICS = {"auroc": 0.0, "mcc": -1.0}
"""What may be maximised, and its worst value: that of a trial whose loss explodes."""
FOLD_LIMITATION = (
    "Settings and calibration were chosen on pairs drawn at random from the training table, whose proteins "
    "were trained on: the validation figures say little about new proteins."
)
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
_WARM_UP_EPOCHS = 3


@dataclass(frozen=True, kw_only=True)
class TuneSettings:
    """Choices of a search.

    Attributes
    ----------
    n_trials : int
        Finished trials, pruned ones included.
    metric : str
        A key of `METRICS`; always maximised. AUROC needs no threshold, so that it judges what training
        can change; MCC is the published choice (whose study minimised it by mistake).
    folds : int
        Of the training pairs, stratified by label; 0 where a validation table is used.
    pruning : bool
        Stop trials that are worse than the median of earlier ones.
    seed : int
    """

    n_trials: int = 30
    metric: str = "auroc"
    folds: int = 5
    pruning: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.metric not in METRICS:
            raise UserError(f"There is no metric {self.metric!r}.", hint=f"Choose {' or '.join(METRICS)}.")
        if self.n_trials < 1 or self.folds == 1 or self.folds < 0:
            raise UserError(f"{self.n_trials} trials with {self.folds} folds make no search.",
                            hint="At least one trial, and two folds or a validation table.")


def tune(
    data: TrainingData,
    width: int,
    recipe: Recipe,
    ranges: Mapping[str, Range],
    settings: TuneSettings,
    study: optuna.Study,
    *,
    folder: Path,
    device: str = "auto",
    on_trial: Callable[[FrozenTrial], None] = lambda trial: None,
    report: Report = silent,
) -> Recipe:
    """Try settings until there are enough trials; the best recipe.

    Parameters
    ----------
    data : TrainingData
    width : int
        Of the features.
    recipe : Recipe
        What is not searched.
    ranges : mapping of str to Range
    settings : TuneSettings
    study : Study
        As `open_study` gives it.
    folder : Path
        Where the trial under way is kept after each epoch.
    device : str
    on_trial : callable
        Called after each trial.
    report : Report
    """
    folder.mkdir(parents=True, exist_ok=True)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # its process died; the trial is proposed again below
    splits = list(split_pairs(data, recipe, settings.folds))
    while (n := len(study.get_trials(deepcopy=False, states=_FINISHED))) < settings.n_trials:
        study.sampler = optuna.samplers.TPESampler(seed=derive_seed(settings.seed, n) % 2**32)
        trial = study.ask()
        tried = with_values(recipe, {name: range_.suggest(trial, name) for name, range_ in ranges.items()})
        stage = f"Trial {n + 1} of {settings.n_trials}"

        def progress(_: str, done: int, total: int, stage: str = stage) -> None:
            report(stage, done, total)

        state = folder / f"trial{n}"
        attempt = _Attempt(trial, tried, settings, width, state, choose_device(device), progress)
        try:
            study.tell(trial, attempt.value(splits))
        except optuna.TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        attempt.forget()
        on_trial(study.trials[trial.number])
    return with_values(recipe, study.best_params)


@dataclass(frozen=True)
class _Attempt:
    """One trial: a recipe trained on every split."""

    trial: optuna.Trial
    recipe: Recipe
    settings: TuneSettings
    width: int
    state: Path
    device: torch.device
    progress: Report

    def value(self, splits: list[tuple[LabelledPairs, LabelledPairs]]) -> float:
        """Mean of the metric over the splits; raises TrialPruned where it will not be good."""
        values = []
        for number, (train, valid) in enumerate(splits):
            classifier = self.recipe.build(self.width).to(self.device)
            try:
                result = fit(
                    classifier, train, valid, self.recipe.settings, progress=self.progress,
                    report=self._watch_epoch if len(splits) == 1 else lambda entry: None,
                    checkpoint=self._file(number), facts={"dropout": str(self.recipe.dropout)},
                )  # fmt: skip
            except Diverged:
                return METRICS[self.settings.metric]
            values.append(result.best[self.settings.metric])
            if len(splits) > 1:
                self._watch(float(np.mean(values)), number)
        return float(np.mean(values))

    def forget(self) -> None:
        """Remove what was kept."""
        for path in self.state.parent.glob(f"{self.state.name}_*"):
            path.unlink(missing_ok=True)

    def _file(self, split: int) -> Path:
        return self.state.with_name(f"{self.state.name}_split{split}.state")

    def _watch_epoch(self, entry: Entry) -> None:
        self._watch(entry[f"valid_{self.settings.metric}"], int(entry["epoch"]))

    def _watch(self, value: float, step: int) -> None:
        self.trial.report(value, step)
        if self.settings.pruning and self.trial.should_prune():
            raise optuna.TrialPruned


def split_pairs(
    data: TrainingData, recipe: Recipe, folds: int
) -> Iterator[tuple[LabelledPairs, LabelledPairs]]:
    """Training and validation pairs of each split; with 0 folds, the tables as they are."""
    feature_set = FEATURE_SETS[resolve(recipe.architecture).feature_set]
    train = data.pairs(TRAIN, feature_set)
    if not folds:
        yield train, data.pairs(VALIDATION, feature_set)
        return
    for rest, fold in fold_rows(data.parts[TRAIN].labels, folds):
        yield train.select(torch.from_numpy(rest)), train.select(torch.from_numpy(fold))


def fold_rows(labels: np.ndarray, folds: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of the rest and of the fold, for each fold, stratified by label.

    Raises
    ------
    UserError
        If a label has fewer rows than there are folds.
    """
    if min(np.bincount(labels, minlength=2)) < folds:
        raise UserError(f"{folds} folds need {folds} pairs of each label at least.",
                        hint="Choose fewer folds.")
    return StratifiedKFold(folds, shuffle=True, random_state=FOLD_SEED).split(labels, labels)


def first_fold(prepared: Prepared, folds: int) -> Prepared:
    """The same data where the first fold of the training pairs is the validation part."""
    part = prepared.data.parts[TRAIN]
    rest, fold = next(fold_rows(part.labels, folds))
    parts = {name: replace(part, index=part.index[rows], labels=part.labels[rows])
             for name, rows in ((TRAIN, rest), (VALIDATION, fold))}
    parts[VALIDATION] = replace(parts[VALIDATION], left_out=part.left_out[:0], n_rows=len(fold))
    parts[TRAIN] = replace(parts[TRAIN], n_rows=part.n_rows - len(fold))
    data = replace(prepared.data, parts=parts)
    counts = {TRAIN: {**prepared.facts[TRAIN], **describe_part(data, TRAIN)},
              VALIDATION: {"drawn_from": TRAIN, **describe_part(data, VALIDATION)}}
    return replace(prepared, data=data, facts={**prepared.facts, **counts},
                   limitations=(*prepared.limitations, FOLD_LIMITATION))


def open_study(
    name: str, settings: TuneSettings, facts: Mapping[str, Any], *, url: str, resume: bool
) -> optuna.Study:
    """The study of that name in the database, made when absent.

    Parameters
    ----------
    name : str
    settings : TuneSettings
    facts : mapping
        Plain values of whatever decides the outcome.
    url : str
        As SQLAlchemy takes it; see `database_url`.
    resume : bool

    Raises
    ------
    UserError
        If it exists and is not to be resumed, or was made with other data or settings.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = {"connect_args": {"timeout": 15}} if url.startswith("sqlite") else {}
    warm_up = 0 if settings.folds else _WARM_UP_EPOCHS
    try:
        storage = RDBStorage(url, engine_kwargs=options)
        exists = name in optuna.get_all_study_names(storage)
        if exists and not resume:
            raise UserError(f"There is a study {name!r} already.",
                            hint="Add --resume to go on with it, or choose another name with --study.")
        study = optuna.create_study(
            storage=storage, study_name=name, direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_warmup_steps=warm_up),
        )  # fmt: skip
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise UserError(f"The study cannot be kept in the database: {type(error).__name__}.",
                        hint="See ESM2AMP_WORKSPACE and ESM2AMP_DATABASE_URL.") from None
    now = json.loads(json.dumps({**facts, **asdict(settings)}, default=str))
    now.pop("n_trials")  # more of them may be asked for later
    then = study.user_attrs.get("facts", now)
    if differing := changes(then, now):
        raise UserError(f"The study {name!r} was begun otherwise: {'; '.join(differing)}.",
                        hint="Repeat it as it was begun, or choose another name with --study.")
    study.set_user_attr("facts", now)
    return study


def sole_search(name: str, settings: Settings) -> AbstractContextManager[None]:
    """Be the only process of this workspace that works on a study.

    Raises
    ------
    UserError
        If another one does.
    """
    # A study may be called anything, also what no file can be.
    key = hashlib.sha256(f"{database_url(settings)}\n{name}".encode()).hexdigest()[:16]
    return run_lock(settings.workspace / "studies" / f"{key}.lock", f"The study {name!r} is being searched",
                    hint="choose another name with --study")


def database_url(settings: Settings) -> str:
    """Address of the workspace's database."""
    if settings.database_url:
        return settings.database_url
    settings.workspace.mkdir(parents=True, exist_ok=True)
    path = str((settings.workspace / "app.sqlite").absolute())
    return URL.create("sqlite", database=path).render_as_string(hide_password=False)


def remove_states(folder: Path) -> None:
    """Remove what a finished search kept."""
    shutil.rmtree(folder, ignore_errors=True)
