import gzip

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose

from esm2amp_core.embed.alphabet import CLS, EOS, MASK, VOCABULARY
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.training.pretraining import command
from esm2amp_core.training.pretraining.annotations import MIN_PROTEINS, UNKNOWN, read_annotations
from esm2amp_core.training.pretraining.corpus import read_index, sequences_of
from esm2amp_core.training.pretraining.objectives import Objectives
from esm2amp_core.training.pretraining.run import (
    PretrainSettings,
    Run,
    build_encoder,
    export_encoder,
    learning_rate,
    pretrain,
)
from esm2amp_core.training.pretraining.windows import mask_tokens
from tests.pretraining_samples import write_data

TINY = {"layers": 2, "width": 16, "heads": 2, "feed_forward": 32, "batch_tokens": 128,
        "windows": ((16, 0.5), (32, 0.5))}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread():
    # Networks this small gain nothing from a second thread and lose a lot where another process uses it.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def tiny_windows(data, settings):
    annotations = read_annotations(data)
    rows = read_index(data / "pretrain_sequences" / "index.tsv.gz")
    return command.read_windows(data, rows, annotations, settings), annotations


def tiny_run(data, folder, *, stop_after=None, **changes):
    folder.mkdir(exist_ok=True)
    settings = PretrainSettings(**(TINY | {"steps": 6, "seed": 3} | changes))
    (train, valid), annotations = tiny_windows(data, settings)
    run = Run.open(settings, annotations.tasks, folder / "checkpoint.pt")
    pretrain(run, train, valid, folder / "checkpoint.pt", stop_after=stop_after)
    return run


def test_relatives_of_held_out_proteins_are_not_read(data):
    rows = read_index(data / "pretrain_sequences" / "index.tsv.gz", favour=(("human", 3.0),))
    assert not {"P5", "P7", "P9"} & set(rows["protein"])
    assert "P3" in set(rows["protein"])
    assert rows.attrs["n_excluded"] == 3
    assert set(rows["weight"][rows["source"] == "human_a"]) == {3.0}


def test_every_row_of_the_index_gets_its_own_sequence(data):
    rows = read_index(data / "pretrain_sequences" / "index.tsv.gz")
    path = data / "pretrain_sequences" / "sequences.fasta.gz"
    assert [len(s) for s in sequences_of(path, rows)] == rows["length"].astype(int).tolist()
    with pytest.raises(ValueError, match="1 proteins of the index have no sequence, the first is P99"):
        sequences_of(path, pd.concat([rows, rows.iloc[:1].assign(protein="P99")]))


def test_tables_are_merged_by_sequence(data):
    annotations = read_annotations(data)
    location = pd.read_csv(data / "localisation_human" / "proteins.tsv.gz", sep="\t", dtype=str)
    melting = pd.read_csv(data / "stability_meltome" / "proteins.tsv.gz", sep="\t", dtype=str)
    shared = next(iter(set(location["sequence"]) & set(melting["sequence"])))
    row = annotations.sequences.index(shared)
    names = annotations.tasks.classes["location"]
    said = location.set_index("sequence")["location"][shared]
    assert names[annotations.classes[row, 0]] == said
    celsius = melting["tm_median"].astype(float)
    expected = (celsius[melting["sequence"] == shared].item() - celsius.mean()) / celsius.std(ddof=0)
    assert_allclose(annotations.melting[row], expected, rtol=1e-5)
    assert len(set(annotations.sequences)) == len(annotations)


def test_rare_classes_and_unknown_ones_are_no_targets(data):
    annotations = read_annotations(data)
    assert all("rare" not in names for names in annotations.tasks.classes.values())
    for column, names in enumerate(annotations.tasks.classes.values()):
        counts = np.bincount(annotations.classes[annotations.classes[:, column] != UNKNOWN, column])
        assert len(counts) == len(names) and counts.min() >= MIN_PROTEINS
    assert annotations.tasks.classes["membrane"] == ("M", "S")


def test_excluded_sequences_lend_no_annotation(data):
    everything = read_annotations(data)
    left_out = everything.sequences[::3]
    rest = read_annotations(data, excluded=left_out)
    assert not set(rest.sequences) & set(left_out)
    assert len(rest) == len(everything) - len(left_out)


def test_residue_annotations_stay_with_their_residues(data):
    """In these data a residue is helical exactly where its letter is A: also in every window."""
    (train, _), _ = tiny_windows(data, PretrainSettings(**TINY, steps=1))
    letter = VOCABULARY.index("A")
    seen = 0
    for number in range(30):
        batch = train[number]
        original = batch.tokens.flatten().clone()
        original[batch.positions] = batch.targets
        known = batch.structure.flatten() != 255
        seen += int(known.sum())
        assert torch.equal((batch.structure.flatten() == 0)[known], (original == letter)[known])
        ends = (original == CLS) | (original == EOS)
        assert not (known & ends).any()
    assert seen > 100


def test_a_batch_depends_on_its_number_alone(data):
    settings = PretrainSettings(**TINY, steps=1)
    (one, _), _ = tiny_windows(data, settings)
    (other, _), _ = tiny_windows(data, settings)
    _ = other[0]
    for a, b in zip(one[5].tensors(), other[5].tensors(), strict=True):
        assert torch.equal(a.nan_to_num(), b.nan_to_num())


def test_a_resumed_run_ends_where_an_undisturbed_one_does(data, tmp_path):
    whole = tiny_run(data, tmp_path / "whole")
    stopped = tiny_run(data, tmp_path / "parts", stop_after=2)
    assert stopped.step == 2
    resumed = tiny_run(data, tmp_path / "parts")
    assert resumed.step == whole.step == 6
    for name, tensor in whole.objectives.state_dict().items():
        assert torch.equal(tensor, resumed.objectives.state_dict()[name]), name


def test_a_checkpoint_of_other_settings_is_refused(data, tmp_path):
    run = tiny_run(data, tmp_path / "run", stop_after=1)
    with pytest.raises(ValueError, match="other settings"):
        other = PretrainSettings(**TINY, steps=7, seed=3)
        Run.open(other, run.objectives.tasks, tmp_path / "run" / "checkpoint.pt")


def test_every_objective_is_learned(data, tmp_path):
    """Locations, structure and melting temperature follow from the letters in these data."""
    run = tiny_run(data, tmp_path / "run", steps=150, peak_rate=1e-2)
    (train, valid), annotations = tiny_windows(data, run.settings)
    untrained = Objectives(build_encoder(run.settings), annotations.tasks)
    for name in ("structure", "location", "melting"):
        before, after = (losses_by_name(model, valid)[name] for model in (untrained, run.objectives))
        assert after < 0.7 * before, name


def losses_by_name(objectives, windows):
    with torch.no_grad():
        losses = np.mean([objectives(*windows[i].tensors()).numpy() for i in range(20)], axis=0)
    return dict(zip(objectives.names, losses, strict=True))


def test_what_is_not_known_costs_nothing(data):
    settings = PretrainSettings(**TINY, steps=1)
    (train, _), annotations = tiny_windows(data, settings)
    batch = train[0]
    objectives = Objectives(build_encoder(settings), annotations.tasks)
    unknown = (torch.full_like(batch.classes, UNKNOWN), torch.full_like(batch.terms, np.nan),
               torch.full_like(batch.melting, np.nan), torch.full_like(batch.structure, 255),
               torch.full_like(batch.binding, 255))
    losses = objectives(batch.tokens, batch.positions, batch.targets, batch.covered, *unknown)
    assert losses[0] > 0 and torch.equal(losses[1:], torch.zeros(len(losses) - 1))


def test_masking_hides_fifteen_percent_and_never_an_end():
    random = np.random.default_rng(0)
    tokens = random.integers(4, 24, (50, 40))
    tokens[:, 0], tokens[:, -1] = CLS, EOS
    hidden, positions, targets = mask_tokens(tokens, random)
    assert len(positions) == len(set(positions.tolist())) == 50 * 6
    assert_allclose(targets, tokens.ravel()[positions])
    untouched = np.setdiff1d(np.arange(tokens.size), positions)
    assert np.array_equal(hidden.numpy().ravel()[untouched], tokens.ravel()[untouched])
    assert not np.isin(targets, [CLS, EOS]).any()
    assert 0.7 < float((hidden.flatten()[positions] == MASK).float().mean()) < 0.9


def test_the_rate_rises_then_falls_to_zero():
    settings = PretrainSettings(steps=100, peak_rate=1.0, warmup=0.1)
    rates = [learning_rate(progress, settings) for progress in (0.0, 0.05, 0.1, 0.5, 1.0)]
    assert rates[0] < rates[1] < rates[2] == 1.0 > rates[3] > rates[4] == 0.0


def test_the_exported_encoder_is_one_the_program_reads(data, tmp_path):
    export_encoder(tiny_run(data, tmp_path / "run", stop_after=1), tmp_path / "encoder")
    embedder = Esm2Embedder.load(tmp_path / "encoder", device="cpu", precision="float32")
    assert embedder.width == 16


def test_the_index_has_a_last_line_without_a_newline(tmp_path):
    with gzip.open(tmp_path / "s.fasta.gz", "wt") as file:
        file.write(">a\nMKT\n>b\nMKV")
    rows = pd.DataFrame({"protein": ["b", "a"]})
    assert sequences_of(tmp_path / "s.fasta.gz", rows) == ["MKV", "MKT"]
