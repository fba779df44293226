"""The page of an explanation: complete, safe, and enough to make the numbers again."""

import base64
import re
import shlex
import shutil
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from report_samples import make_proteins
from tiny import make_encoder
from tiny_bundle import WIDTH, make_bundle

from esm2amp_core.background import Background
from esm2amp_core.cli.main import main
from esm2amp_core.errors import UserError
from esm2amp_core.explain.running import explain_table
from esm2amp_core.explanation_files import ExplanationFolder
from esm2amp_core.explanation_report import figure_files
from esm2amp_core.explanation_report.figure_files import write_figures
from esm2amp_core.explanation_report.pictures import figures_of_pair
from esm2amp_core.explanation_report.report import pair_report, write_report
from esm2amp_core.explanation_report.words import interval, settings_asked, settings_words
from esm2amp_core.explanation_tests.agreement import Agreement
from esm2amp_core.explanation_tests.controls import Controls
from esm2amp_core.explanation_tests.faithfulness import Faithfulness
from esm2amp_core.explanation_tests.randomisation import Randomisation
from esm2amp_core.explanations import METHODS
from esm2amp_core.exports import delimited
from esm2amp_core.features import SEGMENTS
from esm2amp_core.pairs import build_pairs
from esm2amp_core.predictor import Predictor
from esm2amp_core.tables import read_table

HOSTILE = '=<img src=x onerror="alert(1)">{{ 7*7 }} \'"; rm -rf ~'
CHAINS = [protein.sequence for protein in make_proteins(6).values()]
NAMES = ["P04637", HOSTILE, "P2", "P3", "P4", "P5"]
METHODS_RUN = ("attention", "integrated_gradients")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    make_encoder(folder / "encoder", width=WIDTH)
    values = np.random.default_rng(1).normal(size=(20, len(SEGMENTS), WIDTH))
    extras = {"background.npz": Background.of(SEGMENTS, values).to_bytes()}
    make_bundle(folder / "models" / "starter", folder / "encoder", extras=extras)
    return folder / "models"


@pytest.fixture(scope="module")
def explained(models, tmp_path_factory):
    """Folders of explanations of one pair and of five, and the proteins: made once, copied for each test."""
    folders = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESM2AMP_MODELS", str(models))
        patch.setenv("ESM2AMP_WORKSPACE", str(tmp_path_factory.mktemp("workspace")))
        for n_rows in (1, 5):
            columns = {"protein_a": NAMES[:n_rows], "protein_b": NAMES[1 : n_rows + 1],
                       "sequence_a": CHAINS[:n_rows], "sequence_b": CHAINS[1 : n_rows + 1]}  # fmt: skip
            table = build_pairs(read_table(delimited(pd.DataFrame(columns))))
            folders[n_rows] = tmp_path_factory.mktemp("explained") / "out", table.proteins
            explain_table(Predictor.load("starter"), table, folders[n_rows][0], methods=METHODS_RUN,
                          title=HOSTILE, controls=False)
    return folders


def copied(explained, n_rows: int, place: Path):
    """A folder without tests of its explanations, and the proteins."""
    made, proteins = explained[n_rows]
    shutil.copytree(made, place)
    for name in ("faithfulness", "agreement", "randomisation", "controls"):
        (place / f"{name}.npz").unlink(missing_ok=True)
    return ExplanationFolder(place), proteins


@pytest.fixture
def one(explained, tmp_path):
    return copied(explained, 1, tmp_path / "one")


@pytest.fixture
def several(explained, tmp_path):
    return copied(explained, 5, tmp_path / "several")


class Page(HTMLParser):
    """Tags, attributes and visible text of a page."""

    def __init__(self, html: bytes):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html.decode("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        self.text += " " if tag in ("td", "p", "h1", "h2") else ""

    def handle_data(self, data):
        self.text += data


def file_in(html: bytes, name: str) -> bytes:
    """A file that the page offers."""
    found = re.search(rf'download="{name}" href="data:[^,]*;base64,([^"]*)"', html.decode())
    return base64.b64decode(found[1])


def test_the_report_of_a_pair_tells_score_methods_checks_and_provenance(one):
    folder, proteins = one
    page = Page(write_report(folder, proteins))
    scored = folder.pairs.iloc[0]
    assert f"Probability of interaction {scored['probability']:.3f}" in page.text
    for method in METHODS_RUN:
        assert METHODS[method].shows in page.text and METHODS[method].not_shown in page.text
    gap = float(folder.explanation("integrated_gradients").checks["completeness_gap"][0])
    assert f"{gap:.4g}".replace("-", "−") in page.text
    for fact in (folder.summary["model"]["digest"], folder.summary["versions"]["torch"],
                 folder.summary["created"], "mean of training proteins"):  # fmt: skip
        assert fact in page.text


def test_the_most_important_segment_is_listed_with_its_residues_and_letters(one):
    folder, proteins = one
    found = folder.explanation("attention")
    token = folder.tokens[int(np.argmax(np.abs(found.value[0])))]
    text = re.sub(r"\s+", " ", Page(write_report(folder, proteins)).text)
    name = folder.pairs.iloc[0][f"protein_{token[0].lower()}"]
    chain = proteins[name].sequence
    size, rest = divmod(len(chain), 10)
    number = int(token.removeprefix(f"{token[0]}.segment"))
    start = number * size + min(number, rest)
    end = start + size + (number < rest)
    assert f"{token} {name} {start + 1}–{end}" in text
    assert f" {chain[start:end]} " in text


def test_the_page_stands_alone_and_nothing_in_it_is_run(one, several):
    for folder, proteins in (one, several):
        html = write_report(folder, proteins)
        page = Page(html)
        assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
        assert not re.search(rb"https?://|@import|<style type", html)
        for name, value in page.attributes:
            assert not name.startswith("on")
            if name in ("href", "src"):
                assert value.startswith(("data:text/", "#"))
        ids = [value for name, value in page.attributes if name == "id"]
        assert len(ids) == len(set(ids))
        assert HOSTILE in page.text and "49" not in re.findall(r"alert\(1\)\">(.*?) ", page.text)
        assert html.startswith(b"<!doctype html>")


def test_the_page_is_the_same_twice(one):
    folder, proteins = one
    assert write_report(folder, proteins) == write_report(ExplanationFolder(folder.folder), proteins)


def test_a_report_gives_the_same_numbers_when_it_is_run_again(one, models, tmp_path, monkeypatch, capsys):
    folder, proteins = one
    html = write_report(folder, proteins)
    monkeypatch.setenv("ESM2AMP_MODELS", str(models))
    monkeypatch.setenv("ESM2AMP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.chdir(tmp_path)
    Path("pairs.csv").write_bytes(file_in(html, "pairs.csv"))
    command = next(unescape(text) for text in re.findall(r"<pre>(.*?)</pre>", html.decode(), re.DOTALL)
                   if text.startswith("esm2amp "))
    monkeypatch.setattr(sys, "argv", shlex.split(command))
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code in (0, None), capsys.readouterr().err
    again = ExplanationFolder(tmp_path / "explanation")
    assert again.pairs[["protein_a", "protein_b"]].equals(folder.pairs[["protein_a", "protein_b"]])
    assert again.summary["model"] == folder.summary["model"]
    assert again.summary["settings"] == folder.summary["settings"]
    for method in METHODS_RUN:
        assert_allclose(again.explanation(method).values, folder.explanation(method).values, atol=1e-7)


def test_the_fasta_holds_both_chains_under_names_of_one_line(one):
    folder, proteins = one
    lines = file_in(write_report(folder, proteins), "proteins.fasta").decode().splitlines()
    assert [line for line in lines if line.startswith(">")] == [f">{name}" for name in NAMES[:2]]
    assert "".join(line for line in lines if not line.startswith(">")) == "".join(CHAINS[:2])


def test_a_job_is_told_in_means_of_all_pairs_and_of_each_call(several):
    folder, proteins = several
    called = folder.pairs["interacts"].to_numpy(bool)
    page = Page(write_report(folder, proteins))
    assert f"5 pairs: {called.sum()} called interacting" in page.text or not called.any()
    assert f"All pairs ({5})" in page.text
    for name, count in (("Called interacting", called.sum()), ("Not called interacting", (~called).sum())):
        assert (f"{name} ({count})" in page.text) == bool(count)
    row = int(folder.pairs["row"].iloc[2])
    assert f"Why this score? {NAMES[2]} and {NAMES[3]}" in Page(pair_report(folder, row, proteins)).text
    with pytest.raises(ValueError):
        pair_report(folder, 99, proteins)


def test_limits_of_the_model_are_told_where_the_summary_has_them(one):
    folder, proteins = one
    folder.summary["model"]["limitations"] = ["Knows <b>no</b> viruses."]
    assert "Knows <b>no</b> viruses." in Page(write_report(folder, proteins)).text


def write_tests(folder: ExplanationFolder, *, better: bool, p_value: float | None = None) -> None:
    """Write tests of the explanations: every method is better than random, or none."""
    M, N, K = 2, 1, len(folder.tokens) + 1
    curve, three = np.zeros((N, M, K)), np.zeros((N, 3, K))
    score, p = np.full((N, M), 0.4), np.full((N, M), p_value or (0.01 if better else 0.6))
    arrays = {
        "faithfulness": Faithfulness(
            METHODS_RUN, np.array([1]), curve, curve, three, three, np.ones(N), score, score, score,
            np.array([[-0.2, 0.2]]), p, score[0], *np.full((2, M), np.nan), p[0],
            *np.array([[0.61] * M, [0.92] * M]), 100),
        "agreement": Agreement(METHODS_RUN, np.array([1]), np.array([[[1, 0.37], [0.37, 1]]]),
                               np.array([[[1, -0.29], [-0.29, 1]]])),
        "randomisation": Randomisation(METHODS_RUN, ("", "no <weights>"), np.array([1]),
                                       np.array([[[0.123]], [[np.nan]]]), np.array([[[0.543]], [[np.nan]]])),
        "controls": Controls(("b_shuffled",), folder.tokens, (), 0.1, 0.52, np.zeros((1, 9)),
                             np.linspace(0.4, 0.6, 9)[None], np.array([0.42]),
                             np.zeros((0, len(folder.tokens))), np.zeros((0, 1, 9)),
                             np.zeros((0, 1, len(folder.tokens)))),
    }  # fmt: skip
    for name, found in arrays.items():
        np.savez_compressed(folder.folder / f"{name}.npz", **found.to_arrays())


def test_tests_of_the_explanations_stand_beside_them_where_they_were_made(one):
    folder, proteins = one
    assert "Do the explanations hold?" not in Page(write_report(folder, proteins)).text
    write_tests(folder, better=True)
    page = Page(write_report(folder, proteins))
    for words in ("Do the explanations hold?", "Do the methods agree?", "0.37", "−0.29", "0.123", "0.543",
                  "no <weights>", "0.42", "A with the residues of B in random order"):  # fmt: skip
        assert words in page.text
    assert "does no better than random" not in page.text


def test_a_p_value_stands_beside_the_one_that_decides(one, several):
    """0.03 by itself is 0.06 as the best of two: without that number, the verdict would contradict it."""
    folder, proteins = one
    write_tests(folder, better=False, p_value=0.03)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", write_report(folder, proteins).decode())
    assert ["Attention", "0.4", "0.03", "0.06", "no"] in [cells[i : i + 5] for i in range(len(cells))]
    folder, proteins = several
    write_tests(folder, better=True)
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", write_report(folder, proteins).decode())
    line = ["Attention", "0.4", "–", "0.01", "0.02", "yes", "100 % (61 to 92 %)"]
    assert line in [cells[i : i + 7] for i in range(len(cells))]


def test_a_method_no_better_than_random_is_grey_and_says_so(one):
    folder, proteins = one
    write_tests(folder, better=False)
    text = Page(write_report(folder, proteins)).text
    assert text.count("does no better than random") == len(METHODS_RUN)
    panels = figures_of_pair(folder, 1)["bars"].axes
    assert {bar.get_facecolor()[:3] for axes in panels for bar in axes.patches} == {
        tuple(int("b4bcc4"[i : i + 2], 16) / 255 for i in (0, 2, 4))
    }


def test_a_pair_that_was_not_tested_has_a_report_with_the_tests_of_the_others(several):
    folder, proteins = several
    write_tests(folder, better=False)
    text = Page(pair_report(folder, 2, proteins)).text
    assert "This pair was not tested; the means are those of the 1 pairs" in text
    assert "does no better than random" not in text


def test_figures_of_one_pair_are_files_in_journal_width(one):
    folder, _ = one
    assert write_figures(folder) == [1]
    drawn = {path.stem: ET.parse(path).getroot() for path in (folder.folder / "figures").iterdir()}
    assert set(drawn) == set(figures_of_pair(folder, 1))
    widths = {float(root.get("width").removesuffix("pt")) / 72 * 25.4 for root in drawn.values()}
    assert {round(width) for width in widths} <= {85, 178}
    with pytest.raises(UserError, match="exists already"):
        write_figures(folder)


def test_figures_of_many_pairs_are_means_and_the_first_pairs(several, monkeypatch):
    folder, _ = several
    monkeypatch.setattr(figure_files, "MOST_PAIRS", 2)
    stages = []
    rows = folder.pairs["row"].tolist()
    assert write_figures(folder, report=lambda *told: stages.append(told)) == rows[:2]
    inside = {path.name for path in (folder.folder / "figures").iterdir()}
    assert {"attention_means.svg", "attention_heatmap_all.svg", "integrated_gradients_swarm.svg"} < inside
    assert {name for name in inside if not name.endswith(".svg")} == {f"row_{row}" for row in rows[:2]}
    assert stages[-1] == ("Drawing figures", 2, 2)


def test_settings_say_how_many_coalitions_were_taken_and_which_numbers_were_left_to_the_methods():
    assert settings_words({"coalitions": 1_048_576, "exact": True}) == "coalitions all 1,048,576"
    assert settings_words({"coalitions": 4096, "exact": False}) == "coalitions 4096, exact False"
    assert settings_asked({"coalitions": 0, "random_orders": 40, "seed": 0}) == {
        "coalitions": "automatic", "random_orders": 40, "seed": 0}  # fmt: skip


def test_a_report_prints_no_code_and_no_empty_interval(one):
    folder, proteins = one
    write_tests(folder, better=True)
    path = folder.folder / "attention.npz"
    made = folder.explanation("attention")
    settings = {**made.settings, "files": {"forest.skops": "ab12"}, "auroc": 0.53965908413}
    np.savez_compressed(path, **replace(made, settings=settings).to_arrays())
    text = Page(write_report(folder, proteins)).text
    assert "files forest.skops ab12" in text and "auroc 0.5397" in text
    assert "{'" not in text and "– to –" not in text
    assert interval(float("nan"), float("nan")) == "–"


def test_every_picture_has_a_name_that_suits_a_file(several):
    folder, _ = several
    found = figures_of_pair(folder, int(folder.pairs["row"].iloc[0]))
    assert {"bars", "attention_heatmap", "attention_rollout", "integrated_gradients_waterfall"} <= set(found)
    assert all(re.fullmatch(r"\w+", name) for name in found)
