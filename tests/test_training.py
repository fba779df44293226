import gzip

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn import metrics
from transformers import EsmForMaskedLM

from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.models.amp import Amps
from esm2amp_core.predictor import Predictor
from esm2amp_core.selfcheck import run_self_check
from esm2amp_core.training import pretrain, starter
from esm2amp_core.training.evaluate import fit_temperature, log_loss, measure
from esm2amp_core.training.fit import FitSettings, LabelledPairs, fit, score
from esm2amp_core.training.warm_start import WarmStartSettings, warm_score, warm_start

TINY = {"layers": 2, "width": 16, "heads": 2, "feed_forward": 32, "batch_tokens": 128,
        "windows": ((16, 0.5), (32, 0.5))}  # fmt: skip
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second thread and lose a lot where another process uses it.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sequence_files(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("sequences"), np.random.default_rng(0)
    rows = []
    with gzip.open(folder / "sequences.fasta.gz", "wt") as file:
        for i in range(40):
            sequence = "".join(random.choice(list(LETTERS), 30 + i))
            benchmark = {3: "train", 5: "val", 7: "train,test", 9: "test"}.get(i, "")
            split, source = "valid" if i % 8 == 0 else "train", "human_a" if i < 10 else "other"
            rows.append((f"P{i}", source, len(sequence), split, benchmark))
            file.write(f">P{i}\n{sequence}\n")
    columns = ["protein", "source", "length", "split", "bernett_split"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "index.tsv.gz", sep="\t", index=False)
    return folder


def tiny_run(sequence_files, folder, *, stop_after=None):
    folder.mkdir(exist_ok=True)
    settings = pretrain.PretrainSettings(**TINY, steps=6, seed=3)
    rows = pretrain.read_index(sequence_files / "index.tsv.gz")
    train, valid = (
        pretrain.Batches(pretrain.load_corpus(sequence_files / "sequences.fasta.gz", part), settings)
        for part in (rows[rows["split"] == "train"], rows[rows["split"] == "valid"])
    )
    run = pretrain.Run.open(settings, folder / "checkpoint.pt")
    pretrain.pretrain(run, train, valid, folder / "checkpoint.pt", stop_after=stop_after)
    return run


def assert_same_weights(one, other):
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_relatives_of_held_out_proteins_are_not_read(sequence_files):
    rows = pretrain.read_index(sequence_files / "index.tsv.gz", favour=(("human", 3.0),))
    assert not {"P5", "P7", "P9"} & set(rows["protein"])
    assert "P3" in set(rows["protein"])
    assert rows.attrs["n_excluded"] == 3
    assert set(rows["weight"][rows["source"] == "human_a"]) == {3.0}
    n_residues = rows["length"].astype(int).sum() + 2 * len(rows)
    assert len(pretrain.load_corpus(sequence_files / "sequences.fasta.gz", rows).tokens) == n_residues


def test_a_resumed_run_ends_where_an_undisturbed_one_does(sequence_files, tmp_path):
    whole = tiny_run(sequence_files, tmp_path / "whole")
    stopped = tiny_run(sequence_files, tmp_path / "parts", stop_after=2)
    assert stopped.step == 2
    resumed = tiny_run(sequence_files, tmp_path / "parts")
    assert resumed.step == whole.step == 6
    assert_same_weights(whole.model, resumed.model)


def test_a_checkpoint_of_other_settings_is_refused(sequence_files, tmp_path):
    tiny_run(sequence_files, tmp_path / "run", stop_after=1)
    with pytest.raises(ValueError, match="other settings"):
        settings = pretrain.PretrainSettings(**TINY, steps=7, seed=3)
        pretrain.Run.open(settings, tmp_path / "run" / "checkpoint.pt")


def test_masking_hides_fifteen_percent_and_never_an_end():
    random = np.random.default_rng(0)
    tokens = random.integers(4, 24, (50, 40))
    tokens[:, 0], tokens[:, -1] = pretrain.CLS, pretrain.EOS
    hidden, positions, targets = pretrain.mask_tokens(tokens, random)
    assert len(positions) == len(set(positions.tolist())) == 50 * 6
    assert_allclose(targets, tokens.ravel()[positions])
    untouched = np.setdiff1d(np.arange(tokens.size), positions)
    assert np.array_equal(hidden.numpy().ravel()[untouched], tokens.ravel()[untouched])
    assert not np.isin(targets, [pretrain.CLS, pretrain.EOS]).any()
    assert 0.7 < float((hidden.flatten()[positions] == pretrain.MASK).float().mean()) < 0.9


def test_the_rate_rises_then_falls_to_zero():
    settings = pretrain.PretrainSettings(steps=100, peak_rate=1.0, warmup=0.1)
    rates = [pretrain.learning_rate(progress, settings) for progress in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] == 1.0 > rates[3] > rates[4] == 0.0


def test_the_exported_encoder_is_one_the_program_reads(sequence_files, tmp_path):
    run = tiny_run(sequence_files, tmp_path / "run", stop_after=1)
    pretrain.export_encoder(run, tmp_path / "encoder")
    embedder = Esm2Embedder.load(tmp_path / "encoder", device="cpu", precision="float32")
    assert embedder.width == 16


def test_a_standardised_encoder_gives_scaled_states_and_the_same_letters(sequence_files, tmp_path):
    pretrain.export_encoder(tiny_run(sequence_files, tmp_path / "run"), tmp_path / "raw")
    random = np.random.default_rng(1)
    mean, scale = random.normal(size=16), random.uniform(0.5, 2.0, 16)
    starter.write_standardised(tmp_path / "raw", tmp_path / "scaled", mean, scale)
    raw, scaled = (EsmForMaskedLM.from_pretrained(tmp_path / name).eval() for name in ("raw", "scaled"))
    tokens = torch.from_numpy(pretrain.tokenise("MKTAYIAKQRQISFVKSHFSRQ").astype(np.int64))[None]
    with torch.no_grad():
        before, after = (model.esm(tokens).last_hidden_state.numpy() for model in (raw, scaled))
        assert_allclose(after, (before - mean) / scale, atol=1e-4)
        assert_allclose(scaled(tokens).logits, raw(tokens).logits, atol=1e-4)


def toy_pairs(n, seed):
    """Pairs interact where the first numbers of both proteins have the same sign."""
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(60, 10, 16, generator=random)
    side = torch.where(torch.arange(60) % 2 == 0, 2.0, -2.0)
    features[:, :, 0] += side[:, None]
    index = torch.randint(60, (n, 2), generator=random)
    return LabelledPairs(features, index, (side[index[:, 0]] == side[index[:, 1]]).float())


def toy_fit(**changes):
    torch.manual_seed(0)
    classifier = Amps(16, layers=1, heads=2, feedforward=32, hidden1=16, hidden2=8, dropout=0.1)
    settings = FitSettings(rate=1e-2, epochs=5, batch_pairs=64, seed=1, **changes)
    return classifier, fit(classifier, toy_pairs(800, 0), toy_pairs(300, 1), settings)


@pytest.mark.parametrize("changes", [{}, {"averaging": 0.8}])
def test_a_learnable_problem_is_learned(changes):
    classifier, result = toy_fit(**changes)
    assert result.best["auroc"] > 0.95
    logits = score(classifier, toy_pairs(300, 1))
    assert_allclose(metrics.roc_auc_score(toy_pairs(300, 1).labels, logits), result.best["auroc"])


def test_the_same_seed_gives_the_same_weights():
    assert_same_weights(toy_fit()[0], toy_fit()[0])


def test_a_pair_is_a_tokens_then_b_tokens():
    pairs = toy_pairs(5, 0)
    tokens = pairs.tokens(torch.tensor([3]))
    a, b = pairs.index[3]
    assert torch.equal(tokens[0], torch.cat([pairs.features[a], pairs.features[b]]))


def test_the_warm_start_agrees_with_the_whole_network_and_leaves_attention_alone():
    torch.manual_seed(0)
    classifier = Amps(16, layers=1, heads=2, feedforward=32, hidden1=16, hidden2=8, dropout=0.1)
    before = classifier.transformer_encoder.layers[0].self_attn.in_proj_weight.clone()
    pairs = toy_pairs(300, 1)
    warm_start(classifier, toy_pairs(800, 0), pairs, WarmStartSettings(epochs=8, batch_pairs=64, rate=1e-2))
    assert metrics.roc_auc_score(pairs.labels, score(classifier, pairs)) > 0.9
    assert_allclose(warm_score(classifier, pairs), score(classifier, pairs), atol=1e-4)
    assert torch.equal(before, classifier.transformer_encoder.layers[0].self_attn.in_proj_weight)


def test_figures_of_a_known_table():
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    figures = measure(labels, np.array([0.9, 0.8, 0.2, 0.7, 0.1, 0.1, 0.3, 0.4]))
    assert figures["accuracy"] == 0.75
    assert_allclose([figures["recall"], figures["precision"], figures["specificity"]], [2 / 3, 2 / 3, 0.8])
    assert_allclose(figures["balanced_accuracy"], (2 / 3 + 0.8) / 2)
    assert_allclose(figures["auroc"], 12 / 15)


def test_figures_need_both_labels():
    with pytest.raises(ValueError, match="both labels"):
        measure(np.ones(3), np.full(3, 0.5))


def test_the_temperature_that_made_the_labels_is_found():
    random = np.random.default_rng(0)
    logits = random.normal(size=20_000) * 3
    labels = (random.random(20_000) < 1 / (1 + np.exp(-logits / 2.5))).astype(float)
    temperature = fit_temperature(labels, logits)
    assert_allclose(temperature, 2.5, rtol=0.05)
    assert log_loss(labels, logits / temperature) < log_loss(labels, logits)


def test_the_recipe_leads_to_a_bundle_that_passes_its_own_check(sequence_files, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "ppi_human_bernett"
    write_benchmark(folder)
    options = ["--data", tmp_path / "data", "--work", tmp_path / "work", "-o", tmp_path / "starter", "--test"]
    (tmp_path / "data" / "pretrain_sequences").symlink_to(sequence_files)
    pretraining = "--steps 1 --layers 1 --width 16 --heads 2 --batch-tokens 512 --window 16=1"
    monkeypatch.setattr(starter, "PRETRAINING", tuple(pretraining.split()))
    monkeypatch.setattr(starter, "SIZES", {**starter.SIZES, "layers": 1, "feedforward": 16})
    monkeypatch.setattr(starter, "WARM_STARTS", (WarmStartSettings(epochs=1),))
    starter.main([str(option) for option in options])
    predictor = Predictor.load(tmp_path / "starter", device="cpu", precision="float32")
    assert all(case.passed for case in run_self_check(predictor))
    assert predictor.bundle.manifest.metrics["test"]["n_left_out"] == 1


def write_benchmark(folder):
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    lengths = [*random.integers(20, 60, 12), 3000]
    sequences = ["".join(random.choice(list(LETTERS), length)) for length in lengths]
    names = [f"B{i}" for i in range(13)]
    proteins = pd.DataFrame({"protein": names, "sequence": sequences})
    proteins.to_csv(folder / "proteins.tsv.gz", sep="\t", index=False)
    pairs = pd.DataFrame({"protein_a": names[:-1], "protein_b": names[1:], "label": [0, 1] * 6})
    for split in ("train", "val", "test"):
        pairs.to_csv(folder / f"{split}.tsv.gz", sep="\t", index=False)
