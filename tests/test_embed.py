"""ESM-2: the published numbers, whatever the batches, or a clear reason why not."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from tiny import INSULIN_A, UBIQUITIN, edit_config, edit_weights
from transformers import EsmForMaskedLM, EsmTokenizer

from esm2amp_core.embed.alphabet import VOCABULARY, encode
from esm2amp_core.embed.batches import BatchQueue
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.errors import EncoderError, SequenceError
from esm2amp_core.sequences import Protein

ALL_LETTERS = "ACDEFGHIKLMNPQRSTVWYBZUOX"


def proteins_of(lengths, seed: int = 0) -> list[Protein]:
    random = np.random.default_rng(seed)
    letters = list(ALL_LETTERS)
    return [Protein(f"p{i}", "".join(random.choice(letters, size=n))) for i, n in enumerate(lengths)]


def states_by_id(embedder, proteins) -> dict[str, np.ndarray]:
    return {protein.id: states for protein, states in embedder.embed(proteins)}


@pytest.fixture
def own_embedder(tiny_encoder) -> Esm2Embedder:
    """One that a test may change."""
    return Esm2Embedder.load(tiny_encoder, device="cpu", precision="float32")


def record_batches(embedder: Esm2Embedder) -> list[tuple[int, int]]:
    """Sequences and tokens of the batches that will go through the model."""
    batches: list[tuple[int, int]] = []
    forward = embedder._forward

    def record(ids, lengths):
        batches.append((len(lengths), len(ids)))
        return forward(ids, lengths)

    embedder._forward = record
    return batches


# The numbers


def test_tokens_are_those_of_the_published_tokenizer(tiny_encoder):
    tokenizer = EsmTokenizer.from_pretrained(tiny_encoder, local_files_only=True)
    sequences = [UBIQUITIN, ALL_LETTERS, INSULIN_A]
    expected = tokenizer(sequences, padding=True, return_tensors="np")
    ids, mask = encode(sequences)
    assert_array_equal(ids, expected["input_ids"])
    assert_array_equal(mask, expected["attention_mask"])
    assert [VOCABULARY[i] for i in ids[1, :27]] == ["<cls>", *ALL_LETTERS, "<eos>"]


@pytest.mark.parametrize("letter", ["J", "*", "-", ".", "a", " ", "é"])
def test_a_letter_outside_the_alphabet_never_becomes_unknown(letter):
    with pytest.raises(ValueError, match="not in ESM-2's alphabet"):
        encode(["ACDEFGHIKL" + letter])


@pytest.mark.parametrize("sequence", [UBIQUITIN, ALL_LETTERS, INSULIN_A, "MKVLAAGIVG" * 60])
def test_states_are_the_last_hidden_states_of_the_masked_language_model(tiny_encoder, embedder, sequence):
    tokenizer = EsmTokenizer.from_pretrained(tiny_encoder, local_files_only=True)
    reference = EsmForMaskedLM.from_pretrained(tiny_encoder, attn_implementation="eager").eval()
    with torch.inference_mode():
        output = reference(**tokenizer([sequence], return_tensors="pt"), output_hidden_states=True)
    expected = output.hidden_states[-1][0].numpy()
    ((_, states),) = embedder.embed([Protein("p", sequence)])
    assert states.dtype == np.float32
    assert states.shape == (len(sequence) + 2, 16)
    assert_allclose(states, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_padding_changes_nothing(embedder):
    proteins = proteins_of([10, 11, 300, 250, 17, 299, 90, 120])
    together = states_by_id(embedder, proteins)
    for protein in proteins:
        alone = states_by_id(embedder, [protein])[protein.id]
        assert_allclose(together[protein.id], alone, rtol=1e-5, atol=1e-5 * np.abs(alone).max())


def test_token_dropout_scales_as_in_training(tiny_encoder, encoder_copy):
    # The model scales its input by 0.88 when token_dropout is set, whatever the padding.
    edit_config(encoder_copy, token_dropout=False)
    edit_weights(encoder_copy, lambda weights: weights["esm.embeddings.word_embeddings.weight"].mul_(0.88))
    proteins = proteins_of([40, 10, 33])
    scaled = states_by_id(Esm2Embedder.load(tiny_encoder, device="cpu", precision="float32"), proteins)
    by_hand = states_by_id(Esm2Embedder.load(encoder_copy, device="cpu", precision="float32"), proteins)
    for name, states in scaled.items():
        assert_allclose(states, by_hand[name], rtol=1e-4, atol=1e-5)


def test_bfloat16_gives_float32_arrays_near_those_of_float32_even_far_along_the_chain(tiny_encoder, embedder):
    half = Esm2Embedder.load(tiny_encoder, device="cpu", precision="bfloat16")
    assert half.precision == "bfloat16"
    proteins = proteins_of([2000, 30])
    exact = states_by_id(embedder, proteins)
    for name, states in states_by_id(half, proteins).items():
        assert states.dtype == np.float32
        assert not np.array_equal(states, exact[name])
        # Rotary positions must stay in float32: in bfloat16 residue 2,000 would lose its place.
        error = np.sqrt(((states - exact[name])[-20:] ** 2).mean() / (exact[name][-20:] ** 2).mean())
        assert error < 0.03


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_sequences_laid_end_to_end_have_the_states_of_transformers(tiny_encoder, precision):
    embedder = Esm2Embedder.load(tiny_encoder, device="cpu", precision=precision)
    proteins = proteins_of([200, 10, 57, 57, 129, 33])
    found = states_by_id(embedder, proteins)
    ids, mask = (torch.from_numpy(part) for part in encode([protein.sequence for protein in proteins]))
    model = embedder.in_float32()._model
    with torch.inference_mode():
        expected = model(input_ids=ids, attention_mask=mask).last_hidden_state.numpy()
    for protein, states in zip(proteins, expected, strict=True):
        whole = states[: len(protein.sequence) + 2]
        error = np.linalg.norm(found[protein.id] - whole) / np.linalg.norm(whole)
        assert error < {"float32": 1e-5, "bfloat16": 0.02}[precision]


# Batches


def test_equal_sequences_are_computed_once_and_each_protein_gets_its_states(own_embedder):
    shapes = record_batches(own_embedder)
    named = [("a", UBIQUITIN), ("b", INSULIN_A), ("c", UBIQUITIN), ("a", INSULIN_A)]
    proteins = (Protein(name, sequence) for name, sequence in named)
    found = [(p.id, p.sequence, len(states)) for p, states in own_embedder.embed(proteins)]
    assert sorted(found) == sorted((name, sequence, len(sequence) + 2) for name, sequence in named)
    assert sum(rows for rows, _ in shapes) == 2


def test_batches_stay_within_the_budget_and_hold_no_padding(own_embedder):
    own_embedder.token_budget = 800
    shapes = record_batches(own_embedder)
    lengths = np.random.default_rng(0).integers(10, 200, size=80)
    assert len(states_by_id(own_embedder, proteins_of(lengths))) == 80
    assert all(tokens <= 800 for _, tokens in shapes)
    assert sum(tokens for _, tokens in shapes) == sum(lengths) + 160
    assert len(shapes) <= 1.5 * (sum(lengths) + 160) / 800


def test_long_and_short_proteins_share_a_batch():
    queue = BatchQueue(["A" * 1000, "A" * 10], token_budget=1014)
    assert ([len(sequence) for sequence in queue.take()], bool(queue)) == ([1000, 10], False)


def test_a_halved_batch_comes_again_longest_first():
    sequences = ["A" * length for length in range(40, 30, -1)]
    queue = BatchQueue(sequences, token_budget=10_000)
    batch = queue.take()
    assert batch == sequences
    queue.halve(batch)
    assert (queue.take(), queue.take(), bool(queue)) == (sequences[:5], sequences[5:], False)


def test_one_protein_may_exceed_the_budget_alone(own_embedder):
    own_embedder.token_budget = 50
    shapes = record_batches(own_embedder)
    assert len(states_by_id(own_embedder, proteins_of([200, 100, 20, 20]))) == 4
    assert shapes == [(1, 202), (1, 102), (2, 44)]


def test_the_same_proteins_in_another_order_give_the_same_bits(embedder):
    proteins = proteins_of([50] * 8 + [49] * 8 + [20] * 8)
    forth, back = states_by_id(embedder, proteins), states_by_id(embedder, proteins[::-1])
    for name, states in forth.items():
        assert_array_equal(states, back[name])


def test_nothing_in_nothing_out(embedder):
    assert list(embedder.embed([])) == []


# What cannot be embedded


def test_a_protein_over_the_limit_is_refused_and_the_others_go_on(tiny_encoder):
    embedder = Esm2Embedder.load(tiny_encoder, max_residues=100)
    fits, too_long = proteins_of([100, 101])
    found = states_by_id(embedder, [too_long, fits])
    assert found["p0"].shape == (102, 16)
    assert isinstance(found["p1"], SequenceError)
    assert "101 residues" in found["p1"].message and "100" in found["p1"].message


OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("[enforce fail] data. DefaultCPUAllocator: not enough memory: you tried to allocate 4."),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
]


def limit_memory(embedder: Esm2Embedder, tokens: int, error: BaseException) -> None:
    """Make the model fail, as on a small machine, on batches of more than so many tokens."""

    forward = embedder._forward

    def fail(ids, lengths):
        if len(ids) > tokens:
            raise error
        return forward(ids, lengths)

    embedder._forward = fail


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda error: str(error)[:20])
def test_short_memory_halves_the_batches_and_changes_no_result(own_embedder, embedder, error):
    proteins = proteins_of([60, 59, 58, 40, 40, 30, 30, 30, 12, 11])
    limit_memory(own_embedder, 150, error)
    shapes = record_batches(own_embedder)
    found, expected = states_by_id(own_embedder, proteins), states_by_id(embedder, proteins)
    assert found.keys() == expected.keys()
    for name, states in found.items():
        assert_allclose(states, expected[name], rtol=1e-5, atol=1e-5)
    assert sum(tokens > 150 for _, tokens in shapes) <= 3  # learnt, not tried again each time


def test_a_protein_too_large_for_the_memory_fails_alone(own_embedder):
    limit_memory(own_embedder, 150, OUT_OF_MEMORY[1])
    found = states_by_id(own_embedder, proteins_of([200, 180, 100, 90, 20]))
    assert [name for name, states in found.items() if isinstance(states, EncoderError)] == ["p0", "p1"]
    assert "memory" in found["p0"].message and "200" in found["p0"].message
    assert [found[name].shape[0] for name in ("p2", "p3", "p4")] == [102, 92, 22]


def test_other_errors_are_not_taken_for_short_memory(own_embedder):
    limit_memory(own_embedder, 0, RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="mat1"):
        list(own_embedder.embed(proteins_of([20])))


def test_states_that_are_not_numbers_are_a_reason_not_a_result(encoder_copy):
    name = "esm.encoder.layer.1.output.dense.bias"
    edit_weights(encoder_copy, lambda weights: weights[name].fill_(float("nan")))
    found = states_by_id(Esm2Embedder.load(encoder_copy), proteins_of([20]))
    assert isinstance(found["p0"], EncoderError)
    assert "not numbers" in found["p0"].message
