import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from transformers import EsmForMaskedLM

from esm2amp_core.bundles import read_manifest
from esm2amp_core.models import resolve
from esm2amp_core.models.bundle import ModelBundle
from esm2amp_core.predictor import Predictor
from esm2amp_core.reports import read_report
from esm2amp_core.selfcheck import run_self_check
from esm2amp_core.training import starter
from esm2amp_core.training.data import LabelledPairs
from esm2amp_core.training.fit import FitSettings
from esm2amp_core.training.pretraining.corpus import tokenise
from esm2amp_core.training.recipe import Recipe
from esm2amp_core.training.shipping import kept_figures
from esm2amp_core.training.standardise import standardised_readout, write_standardised
from tests.pretraining_samples import write_sequences
from tests.tiny import make_encoder
from tests.tiny_bundle import make_bundle

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second thread and lose a lot where another process uses it.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_standardised_encoder_gives_scaled_states_the_same_letters_and_the_same_description(tmp_path):
    raw_folder = make_encoder(tmp_path / "raw")
    raw = EsmForMaskedLM.from_pretrained(raw_folder).eval()
    width, random = raw.config.hidden_size, np.random.default_rng(1)
    mean, scale = random.normal(size=width), random.uniform(0.5, 2.0, width)
    write_standardised(raw_folder, tmp_path / "scaled", mean, scale)
    scaled = EsmForMaskedLM.from_pretrained(tmp_path / "scaled").eval()
    tokens = torch.from_numpy(tokenise("MKTAYIAKQRQISFVKSHFSRQ").astype(np.int64))[None]
    weight, bias = torch.randn(5, width), torch.randn(5)
    new_weight, new_bias = standardised_readout(weight, bias, mean, scale)
    with torch.no_grad():
        before, after = (model.esm(tokens).last_hidden_state for model in (raw, scaled))
        assert_allclose(after, (before.numpy() - mean) / scale, atol=1e-4)
        assert_allclose(scaled(tokens).logits, raw(tokens).logits, atol=1e-4)
        assert_allclose(after @ new_weight.T + new_bias, before @ weight.T + bias, atol=1e-3)


def test_the_read_out_describes_proteins_in_units_of_their_spread_and_is_not_trained(tmp_path):
    random = torch.Generator().manual_seed(0)
    features = torch.randn(40, 10, 16, generator=random)
    train = LabelledPairs(features, torch.randint(40, (60, 2), generator=random), torch.ones(60))
    weight, bias = torch.randn(8, 16, generator=random), torch.randn(8, generator=random)
    encoder = starter.StarterEncoder(tmp_path, (weight, bias), {})
    classifier = resolve("siamese")(16, readout=8)
    starter.read_surroundings(classifier, train, encoder)
    described = classifier.readout(features[train.index.unique()].mean(dim=1))
    assert_allclose(described.mean(dim=0).detach(), np.zeros(8), atol=1e-5)
    assert_allclose(described.std(dim=0).detach(), np.ones(8), rtol=1e-4)
    assert not any(parameter.requires_grad for parameter in classifier.readout.parameters())


TOY = {
    "starter": Recipe(architecture="siamese", settings=FitSettings(epochs=1),
                      sizes={"readout": 129, "hidden1": 8, "embedding": 4, "hidden2": 4}),
    "starter_amps": Recipe(architecture="amps", settings=FitSettings(epochs=1),
                           sizes={"layers": 1, "heads": 2, "feedforward": 8, "hidden1": 8, "hidden2": 4}),
}  # fmt: skip


def test_the_recipe_leads_to_bundles_that_pass_their_own_check(tmp_path, monkeypatch):
    data = write_sequences(tmp_path / "data")
    write_benchmark(data / "ppi_human_bernett")
    pretraining = "--steps 2 --layers 1 --width 16 --heads 2 --batch-tokens 512 --window 16=1 --threads 1"
    monkeypatch.setattr(starter, "PRETRAINING", tuple(pretraining.split()))
    monkeypatch.setattr(starter, "RECIPES", TOY)
    command = ["--data", data, "--work", tmp_path / "work", "-o", tmp_path / "models", "--test"]
    starter.main([str(option) for option in [*command, "--threads", 1]])
    for name in TOY:
        folder = tmp_path / "models" / name
        predictor = Predictor.load(folder, device="cpu", precision="float32")
        assert all(case.passed for case in run_self_check(predictor))
        manifest = read_manifest(folder)
        figures = manifest.metrics["test"]
        assert figures["n_left_out"] == 1
        assert figures["auroc_low"] <= figures["auroc"] <= figures["auroc_high"]
        assert manifest.training["looks_at_the_test_set"]
        report = read_report(folder / "reports" / "test")
        assert report.measures["auroc"].value == figures["auroc"]
    starters = tmp_path / "models" / "starter"
    assert len(read_report(starters / "reports" / "test").baselines) > 2
    before = read_manifest(starters)
    forest = starters / "explainers" / "ae_rf" / "forest.skops"
    forest.parent.mkdir(parents=True)
    forest.write_bytes(b"trees")
    starter.main([str(option) for option in [*command[:-1], "--threads", 1]])  # no look at the test pairs
    after = read_manifest(starters)
    assert forest.read_bytes() == b"trees"
    assert after.metrics == before.metrics
    assert after.checksums == before.checksums  # reports included
    assert after.training["kinds_told_apart"]["n_pairs"] == after.metrics["validation"]["n_pairs"]
    assert "kinds of proteins" in after.limitations[1]


def test_figures_are_kept_for_the_same_weights_alone(tmp_path):
    encoder = make_encoder(tmp_path / "encoder")
    report = {"reports/test/metrics.csv": b"auroc", "notes.txt": b"of no use"}
    shipped = make_bundle(tmp_path / "shipped", encoder, metrics={"test": {"auroc": 0.6}}, extras=report)
    same, other = make_bundle(tmp_path / "same", encoder), make_bundle(tmp_path / "other", encoder, "mean")
    metrics, files = kept_figures(shipped, ModelBundle.load(same))
    assert metrics == {"test": {"auroc": 0.6}}
    assert files == {"reports/test/metrics.csv": b"auroc"}
    assert kept_figures(shipped, ModelBundle.load(other)) == ({}, {})
    assert kept_figures(tmp_path / "nothing", ModelBundle.load(same)) == ({}, {})


def write_benchmark(folder):
    """Thirty proteins per split; one is too long for the program."""
    folder.mkdir(parents=True)
    random, rows = np.random.default_rng(0), []
    for split in ("train", "val", "test"):
        names = [f"{split}{i}" for i in range(30)]
        lengths = [*random.integers(20, 60, 29), 3000 if split == "test" else 40]
        rows += [(name, "".join(random.choice(LETTERS, n))) for name, n in zip(names, lengths, strict=True)]
        pairs = pd.DataFrame({"protein_a": names[:-1], "protein_b": names[1:], "label": ([0, 1] * 15)[:29]})
        pairs.to_csv(folder / f"{split}.tsv.gz", sep="\t", index=False)
    proteins = pd.DataFrame(rows, columns=["protein", "sequence"])
    proteins.to_csv(folder / "proteins.tsv.gz", sep="\t", index=False)
