"""Which models are loaded, and how the others are refused: never executed, never made up."""

import json
import pickle
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from safetensors.torch import load_file
from tiny import UBIQUITIN, edit_config, edit_weights, make_encoder
from transformers import EsmForMaskedLM

from esm2amp_core.embed.alphabet import VOCABULARY
from esm2amp_core.embed.esm2 import Esm2Embedder
from esm2amp_core.embed.hardware import choose_device, choose_precision
from esm2amp_core.errors import EncoderError
from esm2amp_core.sequences import Protein


def refusal(source, **options) -> str:
    """Message of the error with which loading is refused."""
    with pytest.raises(EncoderError) as caught:
        Esm2Embedder.load(source, device="cpu", **options)
    assert caught.value.hint
    return caught.value.message


def states_of(folder: Path) -> np.ndarray:
    embedder = Esm2Embedder.load(folder, device="cpu", precision="float32")
    ((_, states),) = embedder.embed([Protein("p", UBIQUITIN)])
    return states


def test_a_loaded_model_says_what_it_is(embedder, tiny_encoder):
    assert embedder.name == f"{tiny_encoder.parent.name}/tiny"
    assert (embedder.width, embedder.device, embedder.precision) == (16, "cpu", "float32")
    assert embedder.max_residues == 2700
    assert len(embedder.revision) == 64


def test_loading_opens_no_connection_and_says_nothing(tiny_encoder, monkeypatch, capfd, caplog):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    Esm2Embedder.load(tiny_encoder)
    refusal("facebook/not_on_this_machine")
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_a_model_saved_without_its_language_head_gives_the_same(embedder, encoder_copy):
    EsmForMaskedLM.from_pretrained(encoder_copy).esm.save_pretrained(encoder_copy)
    assert "lm_head.bias" not in load_file(encoder_copy / "model.safetensors")
    ((_, expected),) = embedder.embed([Protein("p", UBIQUITIN)])
    assert_array_equal(states_of(encoder_copy), expected)


def test_no_vocabulary_file_is_needed(embedder, encoder_copy):
    (encoder_copy / "vocab.txt").unlink()
    ((_, expected),) = embedder.embed([Protein("p", UBIQUITIN)])
    assert_array_equal(states_of(encoder_copy), expected)


def test_rotary_frequencies_of_older_checkpoints_are_kept(encoder_copy):
    before = states_of(encoder_copy)

    def as_once_saved(weights):
        (name,) = [name for name in weights if name.endswith("inv_freq")]
        frequencies = weights.pop(name)
        for layer in range(2):
            old = f"esm.encoder.layer.{layer}.attention.self.rotary_embeddings.inv_freq"
            weights[old] = frequencies.clone()

    edit_weights(encoder_copy, as_once_saved)
    assert_array_equal(states_of(encoder_copy), before)
    edit_weights(encoder_copy, lambda weights: [w.mul_(1.5) for n, w in weights.items() if "inv_freq" in n])
    assert np.abs(states_of(encoder_copy) - before).max() > 1e-3


@pytest.mark.parametrize("name", ["encoder.layer.1.output.dense.weight", "embeddings.word_embeddings.weight"])
def test_a_missing_tensor_is_refused_not_made_up(encoder_copy, name):
    edit_weights(encoder_copy, lambda weights: weights.pop(f"esm.{name}"))
    assert f"lack {name}" in refusal(encoder_copy)


def test_layers_that_the_configuration_does_not_count_are_refused(encoder_copy):
    edit_config(encoder_copy, num_hidden_layers=1)
    edit_weights(encoder_copy, lambda weights: [weights.pop(n) for n in list(weights) if "contact_head" in n])
    assert "hold more than the configuration says: esm.encoder.layer.1." in refusal(encoder_copy)


def test_weights_of_another_size_are_refused(encoder_copy):
    edit_config(encoder_copy, intermediate_size=64)
    assert "another size has encoder.layer.0.intermediate.dense.bias" in refusal(encoder_copy)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"position_embedding_type": "absolute"}, "position_embedding_type is 'absolute', not 'rotary'"),
        ({"vocab_size": 30}, "vocab_size is 30, not 33"),
        ({"model_type": "bert"}, "model_type is 'bert', not 'esm'"),
        ({"model_type": None}, "model_type is None"),
        ({"mask_token_id": 31}, "mask_token_id is 31"),
        ({"is_decoder": True}, "is_decoder is True"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantization_config"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"num_attention_heads": 3}, "3 attention heads do not fit width 16"),
        ({"num_attention_heads": 16}, "16 attention heads"),
        ({"num_attention_heads": 4}, "another size has contact_head"),
        ({"num_attention_heads": 0}, "0 attention heads"),
        ({"hidden_size": -16}, "width -16"),
    ],
)
def test_another_configuration_is_refused_with_what_was_found(encoder_copy, changes, found):
    edit_config(encoder_copy, **changes)
    assert found in refusal(encoder_copy)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model_type": ["esm"]}', "\x00\xff"])
def test_a_damaged_configuration_is_refused(encoder_copy, text):
    (encoder_copy / "config.json").write_text(text)
    assert "config.json" in refusal(encoder_copy) or "model_type" in refusal(encoder_copy)


def test_damaged_or_absent_weights_are_refused(encoder_copy):
    weights = encoder_copy / "model.safetensors"
    content = weights.read_bytes()
    for damaged in (content[:-100], content[:20], b"", b"\xff" * 500):
        weights.write_bytes(damaged)
        assert "cannot be read" in refusal(encoder_copy)
    weights.unlink()
    assert "holds no weights" in refusal(encoder_copy)
    (encoder_copy / "config.json").unlink()
    assert "holds no config.json" in refusal(encoder_copy)


NOWHERE = ["/no/such/folder", "./none", "../none", "a/b/c", "", "https://hf.co/x", "a" * 5000, "a\0b"]


@pytest.mark.parametrize("source", NOWHERE)
def test_a_folder_that_is_not_there_is_named(source):
    assert str(source)[:10] in refusal(source) or "a\\x00b" in refusal(source)


def test_another_vocabulary_is_refused(encoder_copy):
    tokens = list(VOCABULARY)
    tokens[4], tokens[5] = tokens[5], tokens[4]
    (encoder_copy / "vocab.txt").write_text("\n".join(tokens))
    assert "token 4 is 'A', not 'L'" in refusal(encoder_copy)
    (encoder_copy / "vocab.txt").write_text("\n".join(VOCABULARY[:20]))
    assert "20 tokens" in refusal(encoder_copy)
    (encoder_copy / "vocab.txt").write_bytes(b"\xff\xfe")
    assert "vocab.txt" in refusal(encoder_copy)


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_pytorch_files_are_read_without_executing_what_they_hold(embedder, encoder_copy, monkeypatch):
    monkeypatch.chdir(encoder_copy)
    weights = load_file(encoder_copy / "model.safetensors")
    (encoder_copy / "model.safetensors").unlink()
    torch.save(weights, encoder_copy / "pytorch_model.bin")
    ((_, expected),) = embedder.embed([Protein("p", UBIQUITIN)])
    assert_array_equal(states_of(encoder_copy), expected)
    (encoder_copy / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(), protocol=2))
    assert "cannot be read" in refusal(encoder_copy)
    torch.save(weights | {"extra": Bomb()}, encoder_copy / "pytorch_model.bin")
    assert "cannot be read" in refusal(encoder_copy)
    assert not (encoder_copy / "executed").exists()
    torch.load(encoder_copy / "pytorch_model.bin", weights_only=False)
    assert (encoder_copy / "executed").exists()  # it would have, had it been let


def test_safetensors_are_preferred(encoder_copy):
    before = states_of(encoder_copy)
    (encoder_copy / "pytorch_model.bin").write_bytes(b"anything")
    assert_array_equal(states_of(encoder_copy), before)


def test_weights_in_several_files_are_read_and_all_must_be_there(encoder_copy):
    before = states_of(encoder_copy)
    EsmForMaskedLM.from_pretrained(encoder_copy).save_pretrained(encoder_copy / "parts", max_shard_size="6KB")
    parts = sorted((encoder_copy / "parts").glob("*.safetensors"))
    assert len(parts) > 1
    assert_array_equal(states_of(encoder_copy / "parts"), before)
    parts[0].unlink()
    assert parts[0].name in refusal(encoder_copy / "parts")


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/hostname", "none.safetensors", 7, ""])
def test_an_index_names_only_files_of_its_folder(encoder_copy, name):
    (encoder_copy / "inner").mkdir()
    shutil.copy(encoder_copy / "config.json", encoder_copy / "inner")
    index = {"metadata": {}, "weight_map": {"esm.embeddings.word_embeddings.weight": name}}
    (encoder_copy / "inner" / "model.safetensors.index.json").write_text(json.dumps(index))
    assert refusal(encoder_copy / "inner")


def test_the_revision_follows_weights_and_configuration_but_not_the_place(tiny_encoder, encoder_copy):
    revision = Esm2Embedder.load(tiny_encoder).revision
    assert Esm2Embedder.load(encoder_copy).revision == revision
    assert Esm2Embedder.load(encoder_copy, revision=revision).revision == revision
    (encoder_copy / "README.md").write_text("about")
    assert Esm2Embedder.load(encoder_copy).revision == revision
    edit_config(encoder_copy, layer_norm_eps=1e-3)
    of_config = Esm2Embedder.load(encoder_copy).revision
    edit_config(encoder_copy, layer_norm_eps=1e-5)
    edit_weights(encoder_copy, lambda weights: weights["esm.encoder.emb_layer_norm_after.bias"].add_(1))
    assert len({revision, of_config, Esm2Embedder.load(encoder_copy).revision}) == 3
    assert revision in refusal(encoder_copy, revision=revision)


@pytest.fixture
def hub_cache(tmp_path, tiny_encoder, monkeypatch) -> Path:
    """A Hugging Face cache that holds two revisions of lab/tiny."""
    root = tmp_path / "hub"
    for commit, seed in (("a" * 40, 0), ("b" * 40, 1)):
        make_encoder(root / "models--lab--tiny" / "snapshots" / commit, seed=seed)
    (root / "models--lab--tiny" / "refs").mkdir()
    (root / "models--lab--tiny" / "refs" / "main").write_text("b" * 40)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(root))
    return root


def test_a_model_of_the_hugging_face_cache_is_known_by_its_commit(hub_cache, embedder):
    newest = Esm2Embedder.load("lab/tiny", device="cpu", precision="float32")
    assert (newest.name, newest.revision) == ("lab/tiny", "b" * 40)
    older = Esm2Embedder.load("lab/tiny", revision="a" * 40, device="cpu", precision="float32")
    assert older.revision == "a" * 40
    protein = Protein("p", UBIQUITIN)
    ((_, expected),) = embedder.embed([protein])
    ((_, of_older),) = older.embed([protein])
    ((_, of_newest),) = newest.embed([protein])
    assert_array_equal(of_older, expected)
    assert not np.array_equal(of_newest, expected)


def test_a_model_that_is_not_in_the_cache_is_refused_with_the_way_to_get_it(hub_cache):
    assert "c" * 40 in refusal("lab/tiny", revision="c" * 40)
    assert "'lab/other' is not on this machine" in refusal("lab/other")


# Hardware


def test_unknown_devices_and_precisions_are_refused(tiny_encoder):
    assert "'tpu'" in refusal_of(choose_device, "tpu")
    assert "'int8'" in refusal(tiny_encoder, precision="int8")


def refusal_of(call, *arguments) -> str:
    with pytest.raises(EncoderError) as caught:
        call(*arguments)
    return caught.value.message


@pytest.mark.parametrize(
    ("device", "available"), [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
)
def test_a_device_that_is_asked_for_is_used_or_refused(device, available):
    if available:
        assert choose_device(device).type == device
    else:
        assert f"no {device} device" in refusal_of(choose_device, device)


def test_automatic_choices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto").type == "cpu"
    assert choose_precision("auto", torch.device("cpu")) == torch.float32
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto").type == "cuda"
    for native, chosen in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, v=native: v)
        assert choose_precision("auto", torch.device("cuda")) == chosen


@pytest.mark.parametrize("change", [{"num_hidden_layers": 10**9}, {"max_position_embeddings": 10**10}])
def test_a_configuration_larger_than_its_files_is_refused_at_once(encoder_copy, change):
    edit_config(encoder_copy, **change)
    assert "asks for more weights" in refusal(encoder_copy)
