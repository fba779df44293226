"""The search for settings: ranges, folds, and that a kill changes nothing."""

import os
import signal
import subprocess
import sys

import numpy as np
import optuna
import pytest
import torch
from labelled_samples import WIDTH, planted_pairs
from sqlalchemy import create_engine, inspect

from esm2amp_core.embed.pooled import ProteinFeatures
from esm2amp_core.errors import UserError
from esm2amp_core.features import POOLED_TOKENS
from esm2amp_core.settings import Settings
from esm2amp_core.training.data import Part, TrainingData
from esm2amp_core.training.fit import FitSettings
from esm2amp_core.training.recipe import Recipe
from esm2amp_core.training.search import PUBLISHED, Range, ranges_for
from esm2amp_core.training.tuning import TuneSettings, database_url, fold_rows, open_study, split_pairs, tune
from esm2amp_core.workspace import Workspace

RECIPE = Recipe(architecture="mean", settings=FitSettings(epochs=2, batch_pairs=64))
RANGES = {"rate": Range(1e-4, 1e-1), "hidden1": Range(4, 12, 4), "hidden2": Range(2, 8, 2)}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_data():
    pairs = {"train": planted_pairs(200, 0, len(POOLED_TOKENS)), "validation": planted_pairs(100, 1)}
    parts = {name: Part(each.index.numpy(), each.labels.numpy().astype(int), len(each), None)
             for name, each in pairs.items()}
    features = pairs["train"].features.numpy()
    return TrainingData((), ProteinFeatures(tuple(map(str, range(len(features)))), features), parts)


def search(workspace, settings=TuneSettings(n_trials=4, folds=3), **options):  # noqa: B008
    workspace.mkdir(exist_ok=True)
    url = database_url(Settings(workspace=workspace))
    study = open_study("mine", settings, {"data": "tiny"}, url=url, resume=True)
    best = tune(tiny_data(), WIDTH, RECIPE, RANGES, settings, study, folder=workspace / "states", **options)
    return study, best


def finished(study):
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return [(trial.params, trial.value, trial.state) for trial in study.get_trials(states=states)]


def test_the_published_ranges_are_searched_and_nothing_else():
    ranges = ranges_for(Recipe(architecture="amp_cse", sizes={"hidden2": 80}), {})
    assert {name: str(range_) for name, range_ in ranges.items()} == {
        "rate": "1e-05:0.001", "weight_decay": "0.0001:0.1", "hidden1": "480:640:160"}  # fmt: skip
    assert str(PUBLISHED["dpm"]["hidden3"]) == "40:160:60"
    trial = optuna.trial.FixedTrial({"hidden1": 640, "rate": 1e-4})
    assert PUBLISHED["amps"]["hidden1"].suggest(trial, "hidden1") == 640


@pytest.mark.parametrize(("own", "message"), [({"layers": Range(1, 2)}, "no 'layers'"),
                                              ({"hidden1": Range(4, 8)}, "fixed and searched")])  # fmt: skip
def test_ranges_that_make_no_sense_are_refused(own, message):
    with pytest.raises(UserError, match=message):
        ranges_for(Recipe(architecture="mean", sizes={"hidden1": 8}), own)


@pytest.mark.parametrize("bounds", [(2, 1), (0, 1), (-1, 1)])
def test_a_range_holds_a_value(bounds):
    with pytest.raises(UserError, match="LOW"):
        Range(*bounds)


def test_folds_are_stratified_and_each_pair_is_held_out_once():
    labels = np.array([0] * 70 + [1] * 30)
    folds = list(fold_rows(labels, 5))
    assert sorted(np.concatenate([fold for _, fold in folds])) == list(range(100))
    for rest, fold in folds:
        assert labels[fold].sum() == 6 and len(fold) == 20
        assert not set(rest) & set(fold)
    again = list(fold_rows(labels, 5))
    assert all(np.array_equal(one[1], other[1]) for one, other in zip(folds, again, strict=True))
    with pytest.raises(UserError, match="Choose fewer folds"):
        fold_rows(np.array([0, 0, 0, 1]), 3)


def test_folds_share_the_features():
    data = tiny_data()
    splits = list(split_pairs(data, RECIPE, 3))
    pointers = {part.features.data_ptr() for split in splits for part in split}
    assert len(splits) == 3 and len(pointers) == 1


@pytest.mark.parametrize("folds", [3, 0])
def test_the_best_trial_is_found_and_kept_beside_the_jobs(tmp_path, folds):
    Workspace.open(Settings(workspace=tmp_path))
    study, best = search(tmp_path, TuneSettings(n_trials=6, folds=folds))
    assert study.best_value > 0.9
    assert best.settings.rate == study.best_params["rate"]
    assert best.sizes == {"hidden1": study.best_params["hidden1"], "hidden2": study.best_params["hidden2"]}
    assert study.best_value == max(trial.value for trial in study.trials if trial.state.name == "COMPLETE")
    tables = inspect(create_engine(database_url(Settings(workspace=tmp_path)))).get_table_names()
    assert {"jobs", "studies", "trials"} <= set(tables)
    assert Workspace.open(Settings(workspace=tmp_path)).jobs.list() == []
    assert list((tmp_path / "states").iterdir()) == []


def test_a_search_can_be_enlarged_but_not_changed(tmp_path):
    first, _ = search(tmp_path, TuneSettings(n_trials=2, folds=3))
    before = finished(first)
    study, _ = search(tmp_path, TuneSettings(n_trials=4, folds=3))
    assert finished(study)[:2] == before
    whole, _ = search(tmp_path / "whole", TuneSettings(n_trials=4, folds=3))
    assert finished(whole) == finished(study)
    with pytest.raises(UserError, match=r"folds \(3 then, 2 now\); seed \(0 then, 1 now\)"):
        search(tmp_path, TuneSettings(n_trials=4, folds=2, seed=1))
    with pytest.raises(UserError, match="already.*--resume"):
        open_study("mine", TuneSettings(), {}, url=database_url(Settings(workspace=tmp_path)), resume=False)


def test_a_trial_that_explodes_is_the_worst_and_not_the_end(tmp_path, monkeypatch):
    from esm2amp_core.training import tuning

    real, calls = tuning.fit, []

    def exploding(*arguments, **options):
        calls.append(1)
        if len(calls) == 1:
            raise tuning.Diverged("boom")
        return real(*arguments, **options)

    monkeypatch.setattr(tuning, "fit", exploding)
    study, _ = search(tmp_path, TuneSettings(n_trials=2, folds=3, metric="mcc"))
    assert study.trials[0].value == -1.0
    assert study.best_trial.number == 1


KILLED = """
import os, signal, sys, torch
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from pathlib import Path
from test_tuning import TuneSettings, search
def kill(stage, done, total):
    if stage.startswith("Trial {trial} ") and done > 0.7 * total:
        os.kill(os.getpid(), signal.SIGKILL)
search(Path({workspace!r}), TuneSettings(n_trials=4, folds={folds}), report=kill)
"""


@pytest.mark.parametrize(("folds", "trials"), [(3, (2, 4)), (0, (3,))])
def test_a_killed_search_ends_as_an_undisturbed_one(tmp_path, folds, trials):
    for trial in trials:
        code = KILLED.format(tests=os.path.dirname(__file__), workspace=str(tmp_path / "killed"), trial=trial,
                             folds=folds)
        run = subprocess.run([sys.executable, "-c", code], timeout=120)
        assert run.returncode == -signal.SIGKILL
    settings = TuneSettings(n_trials=4, folds=folds)
    resumed, best = search(tmp_path / "killed", settings)
    whole, expected = search(tmp_path / "whole", settings)
    assert finished(resumed) == finished(whole)
    assert best == expected
    assert len(resumed.trials) == 4 + len(trials)  # those that died are told as failed
