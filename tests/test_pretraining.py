import gzip

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose
from safetensors.torch import load_file

from esm2amp_core.embed.alphabet import CLS, EOS, MASK, VOCABULARY
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.training.pretraining import command
from esm2amp_core.training.pretraining.corpus import read_index, sequences_of, tokenise
from esm2amp_core.training.pretraining.environment import (
    HELIX_LEVELS,
    LETTERS,
    MOTIFS,
    N_CHANNELS,
    OTHER,
    environments,
)
from esm2amp_core.training.pretraining.objectives import Objectives
from esm2amp_core.training.pretraining.run import (
    PretrainSettings,
    Run,
    build_encoder,
    export_encoder,
    learning_rate,
    pretrain,
    save_description,
)
from esm2amp_core.training.pretraining.windows import mask_tokens
from tests.pretraining_samples import write_sequences

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
    return write_sequences(tmp_path_factory.mktemp("data"))


def tiny_windows(data, settings):
    folder = data / "pretrain_sequences"
    return command.read_windows(folder, read_index(folder / "index.tsv.gz"), settings)


def tiny_run(data, folder, *, stop_after=None, **changes):
    folder.mkdir(exist_ok=True)
    settings = PretrainSettings(**(TINY | {"steps": 6, "seed": 3} | changes))
    windows = tiny_windows(data, settings)
    run = Run.open(settings, folder / "checkpoint.pt")
    pretrain(run, windows["train"], windows["valid"], folder / "checkpoint.pt", stop_after=stop_after)
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


def test_a_resumed_run_ends_where_an_undisturbed_one_does(data, tmp_path):
    whole = tiny_run(data, tmp_path / "whole")
    stopped = tiny_run(data, tmp_path / "parts", stop_after=2)
    assert stopped.step == 2
    resumed = tiny_run(data, tmp_path / "parts")
    assert resumed.step == whole.step == 6
    for name, tensor in whole.objectives.state_dict().items():
        assert torch.equal(tensor, resumed.objectives.state_dict()[name]), name


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


def test_a_batch_depends_on_its_number_alone(data):
    settings = PretrainSettings(**TINY, steps=1)
    one, other = (tiny_windows(data, settings)["train"] for _ in range(2))
    _ = other[0]
    for a, b in zip(one[5].tensors(), other[5].tensors(), strict=True):
        assert torch.equal(a, b)


def test_only_the_first_windows_are_masked_and_only_the_others_described(data):
    batch = tiny_windows(data, PretrainSettings(**TINY, steps=1))["train"][0]
    B, T = batch.tokens.shape
    n_masked = B - len(batch.described)
    assert n_masked == round(B / 4)
    assert int(batch.positions.max()) < n_masked * T
    whole = batch.tokens[n_masked:]
    assert not (whole == MASK).any()
    assert torch.equal(batch.present, (whole != CLS) & (whole != EOS))


def test_a_checkpoint_of_other_settings_is_refused(data, tmp_path):
    tiny_run(data, tmp_path / "run", stop_after=1)
    with pytest.raises(ValueError, match="other settings"):
        Run.open(PretrainSettings(**TINY, steps=7, seed=3), tmp_path / "run" / "checkpoint.pt")


def test_surroundings_are_learned(data, tmp_path):
    run = tiny_run(data, tmp_path / "run", steps=60, peak_rate=1e-2)
    windows = tiny_windows(data, run.settings)
    untrained = Objectives(build_encoder(run.settings))
    untrained.measure(windows["train"])
    before, after = (mean_losses(model, windows["valid"])[1] for model in (untrained, run.objectives))
    assert after < 0.8 * before


def mean_losses(objectives, windows):
    with torch.no_grad():
        return np.mean([objectives.losses(windows[i]).numpy() for i in range(10)], axis=0)


def test_the_read_out_of_the_description_is_kept(data, tmp_path):
    run = tiny_run(data, tmp_path / "run", stop_after=1)
    save_description(run, tmp_path / "description.safetensors")
    saved = load_file(tmp_path / "description.safetensors")
    assert saved["weight"].shape == (N_CHANNELS, 16)
    assert torch.equal(saved["bias"], run.objectives.describe.bias)


def described(sequence):
    letters = np.array([LETTERS.find(letter) if letter in LETTERS else OTHER for letter in sequence])
    padded = np.concatenate([[OTHER], letters, [OTHER]])[None]
    present = np.ones(padded.shape, bool)
    present[0, [0, -1]] = False
    values = environments(padded, present)
    assert not values[0, [0, -1]].any()
    return values[0, 1:-1]


HELIX = slice(20, 20 + len(HELIX_LEVELS))


def test_a_membrane_helix_is_told_from_a_soluble_chain():
    chain = "MSDKEERKDESG" * 3
    values = described(chain + "LLIVALLVFILALLIVGLA" + chain)[:, HELIX]
    middle = len(chain) + 9
    assert values[middle, HELIX_LEVELS.index(1.8)] > 0.99      # above what spans a membrane
    assert values[5, HELIX_LEVELS.index(-0.6)] < 0.01


def test_the_first_channels_say_which_residue_stands_there():
    values = described("ACDX")
    assert_allclose(values[:, :20], np.vstack([np.eye(20)[:3], np.zeros(20)]))


def test_surroundings_end_where_the_chain_does():
    """A window at an end averages the residues that are there, as for a chain cut out of context."""
    values = described("L" * 9)
    assert_allclose(values[0, HELIX], values[4, HELIX], atol=1e-6)


@pytest.mark.parametrize(("sequence", "start", "motif"), [
    ("AACAACAA", 2, 0),        # a pair of cysteines as in zinc fingers
    ("AANASAA", 2, 2),         # N-glycosylation
    ("APKKRA", 2, 3),          # basic cluster
    ("AAPAAPA", 2, 5),         # PxxP
])  # fmt: skip
def test_motifs_are_found_where_they_begin(sequence, start, motif):
    found = described(sequence)[:, N_CHANNELS - len(MOTIFS) + motif]
    assert np.flatnonzero(found).tolist() == [start]


def test_only_a_window_with_the_start_of_the_chain_shows_it():
    letters = np.zeros((2, 40), int)
    present = np.ones((2, 40), bool)
    present[0, 0] = False
    channel = N_CHANNELS - len(MOTIFS) - 8
    starts = environments(letters, present)[:, :, channel]
    assert starts[0].tolist() == [0.0] + [1.0] * 30 + [0.0] * 9
    assert not starts[1].any()


def test_a_window_s_description_is_that_of_its_residues(data):
    """The same residues give the same numbers, whether they come from a batch or from a sequence."""
    windows = tiny_windows(data, PretrainSettings(**TINY, steps=1))["train"]
    corpus = windows.corpus
    row = int(np.argmax(corpus.lengths == 32))
    tokens = corpus.tokens[corpus.offsets[row] : corpus.offsets[row + 1]]
    sequence = "".join(VOCABULARY[token] for token in tokens[1:-1])
    assert np.array_equal(tokenise(sequence), tokens)
    for number in range(200):
        batch = windows[number]
        whole = batch.tokens[len(batch.tokens) - len(batch.described) :]
        if whole.shape[1] == 32 and (same := (whole.numpy() == tokens).all(axis=1)).any():
            assert_allclose(batch.described[int(same.argmax()), 1:-1], described(sequence), atol=1e-6)
            return
    pytest.fail("No window holds the whole protein.")
