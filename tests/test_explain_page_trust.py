"""The Explain page: how far to trust an explanation, and its files."""

import io
import os
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from explained_jobs import explained, folder_of, make_models
from page_visits import sound, visit, words

from esm2amp_core.explain import running
from esm2amp_core.explain.agreement import measure_agreement
from esm2amp_core.explanation_report.reading import read_test
from esm2amp_core.explanation_tests.controls import Controls
from esm2amp_core.explanation_tests.faithfulness import Faithfulness
from esm2amp_core.explanation_tests.p_values import empirical_p
from esm2amp_core.explanation_tests.randomisation import Randomisation
from pages.components.explain_downloads import zipped


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return make_models(tmp_path_factory.mktemp("explained"))


def test_tests_of_the_explanation_are_told_where_they_were_made(workspace):
    job_id = explained(workspace, [1])
    folder = folder_of(workspace, job_id)
    explanation = folder.explanation("attention")
    made = measure_agreement({"attention": explanation, "gini": explanation}, rows=[1])
    np.savez_compressed(folder.folder / "agreement.npz", **made.to_arrays())
    app = visit("explain", job=job_id)
    assert "How far to trust it" in [tab.label for tab in app.tabs]


def trust_tab(**address):
    """The page, opened at its tests."""
    app = visit("explain", **address)
    app.session_state["explain-section"] = "How far to trust it"
    return sound(app.run())


def test_p_values_are_told_beside_those_that_decide_and_of_many_pairs_the_share(workspace):
    job_id = explained(workspace)
    folder = folder_of(workspace, job_id)
    test = read_test(folder, Faithfulness)
    N, M = 4, 2
    twice = {name: np.repeat(getattr(test, name)[:, :1], M, axis=1)
             for name in ("deletion", "insertion", "deletion_score", "insertion_score", "score")}
    p = np.array([[0.03, 0.3], [0.01, 0.3], [0.01, 0.3], [0.01, 0.3]])
    two = replace(test, methods=("attention", "gini"), **twice, p_values=p, mean_score=np.full(M, 0.2),
                  mean_low=np.full(M, np.nan), mean_high=np.full(M, np.nan), mean_p_values=p[0],
                  share_low=np.full(M, 0.5), share_high=np.full(M, 0.9))
    assert two.p_values.shape == (N, M)
    np.savez_compressed(folder.folder / "faithfulness.npz", **two.to_arrays())
    told = words(trust_tab(job=job_id, row="1"))
    assert "no better than random orders (p = 0.03, corrected for several methods 0.06)" in told
    assert "better than random orders (p = 0.01, corrected for several methods 0.02)" in words(
        trust_tab(job=job_id, row="2"))
    assert "better on 75 % (50 to 90 %) of the pairs" in words(trust_tab(job=job_id, row="all"))


def test_a_method_whose_magnitudes_outlive_the_weights_says_so(workspace):
    job_id = explained(workspace, [1])
    folder = folder_of(workspace, job_id)
    made = Randomisation(("integrated_gradients",), ("",), np.array([1]), np.full((1, 5, 1), 0.1),
                         np.full((1, 5, 1), 0.8))
    np.savez_compressed(folder.folder / "randomisation.npz", **made.to_arrays())
    told = words(trust_tab(job=job_id))
    assert "rank correlation 0.10), as it should be" in told and "stay alike (0.80)" in told


@pytest.mark.parametrize(("decoys", "told"), [
    ([3.0, 4.0], "the pair is lower than all 50 decoys"), ([-9.0, -8.0], "the pair stands out"),
    ([-9.0, 9.0], "the pair does not stand out")])  # fmt: skip
def test_a_pair_that_stands_out_downwards_is_told_as_that(workspace, decoys, told):
    job_id = explained(workspace, [1])
    null = np.resize(np.array(decoys), (1, 50))
    test = Controls(("shuffled_a",), ("A.segment0",), (), 1.0, 0.7, null, 1 / (1 + np.exp(-null)),
                    empirical_p(np.array([1.0]), null)[:, 0], np.zeros((0, 1)), np.zeros((0, 1, 0)),
                    np.zeros((0, 1, 1)))
    np.savez_compressed(folder_of(workspace, job_id).folder / "controls.npz", **test.to_arrays())
    assert f"; {told}." in words(trust_tab(job=job_id))
    folder = folder_of(workspace, job_id).folder
    pairs = pd.read_parquet(folder / "pairs.parquet")
    for called in (True, False):
        pairs.assign(interacts=called).to_parquet(folder / "pairs.parquet")
        os.utime(folder / "summary.json", ns=(called, called))  # read anew
        warnings = [one.value for one in visit("explain", job=job_id).warning]
        warned = any("score as high as this pair" in warning for warning in warnings)
        assert warned == (called and told != "the pair stands out")


def test_a_pair_that_was_not_tested_is_shown_with_the_tests_of_the_others(workspace, monkeypatch):
    monkeypatch.setattr(running, "MOST_TESTED_PAIRS", 2)
    job_id = explained(workspace)
    assert folder_of(workspace, job_id).arrays("faithfulness")["rows"].tolist() == [1, 4]
    for row, tested in (("3", False), ("4", True)):
        app = trust_tab(job=job_id, row=row)
        assert "Does the score follow the explanation?" in words(app)
        assert ("This pair was not tested" in words(app)) != tested


def test_the_archive_holds_every_file_of_the_explanation(workspace):
    folder = folder_of(workspace, explained(workspace, [1])).folder
    with zipfile.ZipFile(io.BytesIO(zipped(folder))) as archive:
        assert sorted(archive.namelist()) == sorted(path.name for path in folder.iterdir())
        assert archive.read("attention.npz") == (folder / "attention.npz").read_bytes()
