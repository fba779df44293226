"""The five classifiers: torch's numbers, the method's symmetries, the published sizes."""

import numpy as np
import pytest
import torch
from model_samples import (
    ATTENTIVE,
    ORDERED,
    PAIRS,
    SETS,
    SMALL,
    TRANSFORMER,
    WIDTH,
    build,
    every_architecture,
    proteins_for,
    score_pairs,
    tokens_for,
)
from torch import nn

from esm2amp_core.errors import BundleError
from esm2amp_core.models import ARCHITECTURES, resolve
from esm2amp_core.models.amp import Amps
from esm2amp_core.models.classifier import Classifier, Scores
from esm2amp_core.models.pair_scorer import CPU_BATCH_PAIRS


def torch_encoder(sizes, dtype):
    layer = nn.TransformerEncoderLayer(
        sizes["width"], sizes["heads"], sizes["feedforward"], dropout=0.3, batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, sizes["layers"], enable_nested_tensor=False).to(dtype).eval()


def test_small_sizes_cover_every_architecture():
    assert set(SMALL) == set(ARCHITECTURES)


def torch_head(state, dtype):
    sizes = [WIDTH, 12, 6, 1]
    linear = [nn.Linear(n_in, n_out) for n_in, n_out in zip(sizes, sizes[1:], strict=False)]
    head = nn.Sequential(linear[0], nn.ReLU(), linear[1], nn.ReLU(), linear[2]).to(dtype)
    head.load_state_dict(below("mlp_layers.", state), strict=True)
    return head


def below(prefix, state):
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def torch_logits(name, classifier, tokens):
    """The method in torch's own modules, on the same weights."""
    state, sizes, dtype = classifier.state_dict(), classifier.sizes, tokens.dtype
    if name == "dpm":
        widths = [2 * WIDTH, 20, 12, 6]
        steps = zip(widths, widths[1:], strict=False)
        blocks = [[nn.Linear(n_in, n_out), nn.LayerNorm(n_out), nn.ReLU()] for n_in, n_out in steps]
        network = nn.Sequential(*sum(blocks, []), nn.Linear(6, 1)).to(dtype)
        network.load_state_dict(below("dnn_layers.", state), strict=True)
        return network(torch.cat([tokens[:, 0], tokens[:, 1]], dim=1))[:, 0]
    if name == "siamese":
        return torch_siamese(classifier, tokens)
    if name in {"amps", "amp_cse"}:
        encoder = torch_encoder(sizes, dtype)
        encoder.load_state_dict(below("transformer_encoder.", state), strict=True)
        tokens = encoder(tokens)
    elif name == "gru":
        gru = nn.GRU(WIDTH, WIDTH, num_layers=sizes["layers"], batch_first=True).to(dtype)
        gru.load_state_dict(below("gru.", state), strict=True)
        tokens = gru(tokens)[0]
    return torch_head(state, dtype)(tokens.mean(dim=1))[:, 0]


def torch_siamese(classifier, tokens):
    """Two means read out and summed up by the same layers, then compared."""
    state, functional = classifier.state_dict(), nn.functional
    summaries = []
    for half in tokens.chunk(2, dim=1):
        read = functional.linear(half.mean(dim=1), state["readout.weight"], state["readout.bias"])
        for layer in ("protein_layers.1", "protein_layers.4"):
            read = functional.linear(read, state[f"{layer}.weight"], state[f"{layer}.bias"])
            read = read.relu() if layer == "protein_layers.1" else read
        norm = state["protein_layers.5.weight"], state["protein_layers.5.bias"]
        summaries.append(functional.layer_norm(read, read.shape[1:], *norm))
    one, other = summaries
    compared = torch.cat([one + other, one * other, (one - other).abs()], dim=1)
    hidden = functional.linear(compared, state["pair_layers.0.weight"], state["pair_layers.0.bias"]).relu()
    return functional.linear(hidden, state["pair_layers.3.weight"], state["pair_layers.3.bias"])[:, 0]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@every_architecture
def test_the_logits_are_those_of_torchs_modules_on_the_same_weights(name, dtype, tolerance):
    classifier = build(name, dtype=dtype)
    tokens = tokens_for(classifier)
    expected = torch_logits(name, classifier, tokens)
    torch.testing.assert_close(classifier(tokens).logits, expected, rtol=tolerance, atol=tolerance)


def test_gradients_are_torchs_too():
    classifier = build("amps", dtype=torch.float64)
    reference = torch_encoder(classifier.sizes, torch.float64)
    reference.load_state_dict(classifier.transformer_encoder.state_dict())
    tokens = tokens_for(classifier)
    ours, theirs = tokens.clone().requires_grad_(), tokens.clone().requires_grad_()
    classifier.transformer_encoder(ours)[0].square().sum().backward()
    reference(theirs).square().sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-10, atol=1e-10)


def test_attention_is_that_of_torchs_multihead_attention():
    classifier = build("amps", dtype=torch.float64)
    layer = classifier.transformer_encoder.layers[0]
    reference = nn.MultiheadAttention(WIDTH, 8, batch_first=True).double()
    reference.load_state_dict(layer.self_attn.state_dict(), strict=True)
    tokens = tokens_for(classifier)
    normed = layer.norm1(tokens)
    _, expected = reference(normed, normed, normed, need_weights=True, average_attn_weights=False)
    torch.testing.assert_close(classifier(tokens).attention[0], expected, rtol=1e-12, atol=1e-12)


@every_architecture
def test_attention_comes_per_layer_and_head_and_each_row_sums_to_one(name):
    classifier = build(name)
    tokens = tokens_for(classifier)
    attention = classifier(tokens).attention
    assert len(attention) == (classifier.sizes["layers"] if name in ATTENTIVE else 0)
    for weights in attention:
        assert weights.shape == (PAIRS, 8, tokens.shape[1], tokens.shape[1])
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:3]))


@every_architecture
def test_a_pair_gets_one_logit(name):
    classifier = build(name)
    scores = classifier(tokens_for(classifier))
    assert isinstance(scores, Scores)
    assert scores.logits.shape == (PAIRS,)
    assert scores.logits.std() > 0


@pytest.mark.parametrize("name", SETS)
def test_any_order_of_the_tokens_gives_the_same_score(name):
    classifier = build(name, dtype=torch.float64)
    assert classifier.is_symmetric
    tokens = tokens_for(classifier)
    expected = classifier(tokens).logits
    for seed in range(5):
        order = torch.randperm(tokens.shape[1], generator=torch.Generator().manual_seed(seed))
        torch.testing.assert_close(classifier(tokens[:, order]).logits, expected, rtol=1e-12, atol=1e-12)


def test_siamese_knows_which_protein_a_segment_belongs_to_but_not_which_one_is_a():
    classifier = build("siamese", dtype=torch.float64)
    tokens = tokens_for(classifier)
    expected = classifier(tokens).logits
    a, b = tokens.chunk(2, dim=1)
    torch.testing.assert_close(classifier(torch.cat([b, a], dim=1)).logits, expected, rtol=1e-12, atol=1e-12)
    exchanged = torch.cat([b[:, :1], a[:, 1:], a[:, :1], b[:, 1:]], dim=1)
    assert (classifier(exchanged).logits - expected).abs().min() > 1e-4


@pytest.mark.parametrize("name", ORDERED)
def test_gru_and_dpm_do_tell_the_two_proteins_apart(name):
    classifier = build(name)
    assert not classifier.is_symmetric
    a, b = tokens_for(classifier).chunk(2, dim=1)
    swapped = classifier(torch.cat([b, a], dim=1)).logits
    assert not torch.allclose(swapped, classifier(torch.cat([a, b], dim=1)).logits, atol=1e-3)


@every_architecture
def test_swapping_the_proteins_changes_no_digit(name):
    classifier = build(name)
    a, b = proteins_for(classifier, pairs=150)
    for there, back in zip(score_pairs(classifier, a, b), score_pairs(classifier, b, a), strict=True):
        np.testing.assert_array_equal(there, back)


@every_architecture
def test_company_and_place_in_the_table_change_no_digit(name):
    classifier = build(name)
    a, b = proteins_for(classifier, pairs=CPU_BATCH_PAIRS + 9)
    together = score_pairs(classifier, a, b)[1]
    order = np.random.default_rng(0).permutation(len(a))
    np.testing.assert_array_equal(score_pairs(classifier, a[order], b[order])[1], together[order])
    for row in (0, CPU_BATCH_PAIRS - 1, CPU_BATCH_PAIRS + 8):
        alone = score_pairs(classifier, a[row : row + 1], b[row : row + 1])[1]
        assert alone.item() == together[row]


@every_architecture
def test_batches_score_what_the_classifier_scores(name):
    classifier = build(name)
    a, b = proteins_for(classifier, pairs=CPU_BATCH_PAIRS + 1)
    tokens = torch.from_numpy(np.concatenate([a, b], axis=1))
    swapped = torch.from_numpy(np.concatenate([b, a], axis=1))
    with torch.inference_mode():
        both = torch.stack([classifier(tokens).logits, classifier(swapped).logits]).double().numpy()
    scored = np.stack(score_pairs(classifier, a, b))
    np.testing.assert_allclose(np.sort(scored, axis=0), np.sort(both, axis=0), atol=1e-5)
    if name in ORDERED:
        assert np.abs(scored[0] - scored[1]).max() > 1e-3


@every_architecture
def test_a_protein_with_itself_and_no_pairs_at_all_are_scored(name):
    classifier = build(name)
    a, _ = proteins_for(classifier)
    one_order, other_order = score_pairs(classifier, a, a)
    np.testing.assert_array_equal(one_order, other_order)
    assert [len(logits) for logits in score_pairs(classifier, a[:0], a[:0])] == [0, 0]


@every_architecture
def test_evaluation_has_no_dropout_and_training_has(name):
    options = {"dropout": 0.5} if name in {*ATTENTIVE, "gru", "siamese"} else {}
    classifier = build(name, **options)
    tokens = tokens_for(classifier)
    torch.testing.assert_close(classifier(tokens).logits, classifier(tokens).logits, rtol=0, atol=0)
    classifier.train()
    noisy = not torch.equal(classifier(tokens).logits, classifier(tokens).logits)
    assert noisy == bool(options)


@every_architecture
def test_sizes_are_read_from_the_tensors(name):
    classifier = build(name)
    assert resolve(name).sizes_from(classifier.state_dict()) == SMALL[name]


@every_architecture
def test_a_classifier_is_rebuilt_from_its_state(name):
    classifier = build(name)
    state = {key: value.clone() for key, value in classifier.state_dict().items()}
    rebuilt = resolve(name).from_state(classifier.sizes, state)
    tokens = tokens_for(classifier)
    torch.testing.assert_close(rebuilt(tokens).logits, classifier(tokens).logits, rtol=0, atol=0)
    assert not rebuilt.training and not any(parameter.requires_grad for parameter in rebuilt.parameters())
    assert rebuilt.sizes == classifier.sizes


@every_architecture
def test_every_missing_surplus_or_misshaped_tensor_is_named(name):
    classifier = build(name)
    state = dict(classifier.state_dict())
    missing, misshaped = [key for key in state if key.endswith("bias")][:2]
    del state[missing]
    state[misshaped] = torch.zeros(5, 5, 5)
    state["scheduler.step"] = torch.zeros(1)
    with pytest.raises(BundleError) as caught:
        resolve(name).from_state(classifier.sizes, state)
    assert len(caught.value.details) == 3
    for key in (missing, misshaped, "scheduler.step"):
        assert any(repr(key) in detail for detail in caught.value.details), key


@every_architecture
@pytest.mark.parametrize(
    "state",
    [{}, {"mlp_layers.0.weight": torch.zeros(3)}, {"dnn_layers.0.weight": torch.zeros(0, 3)}],
)
def test_states_that_tell_no_sizes_are_refused(name, state):
    with pytest.raises(BundleError):
        resolve(name).sizes_from(state)


def test_a_width_that_the_heads_cannot_share_is_refused():
    with pytest.raises(ValueError, match="width of 30 cannot be shared by 8 heads"):
        Amps(width=30)
    with pytest.raises(BundleError, match="cannot be shared"):
        Amps.from_state({**TRANSFORMER, "heads": 5}, build("amps").state_dict())


# METHOD, section 2: names, shapes and parameters of the published networks; no memory is taken.
@pytest.mark.parametrize(
    ("name", "millions", "shapes"),
    [
        (
            "amps",
            71.8,
            {
                "transformer_encoder.layers.5.self_attn.in_proj_weight": (3840, 1280),
                "transformer_encoder.layers.5.self_attn.in_proj_bias": (3840,),
                "transformer_encoder.layers.5.self_attn.out_proj.weight": (1280, 1280),
                "transformer_encoder.layers.5.linear1.weight": (2048, 1280),
                "transformer_encoder.layers.5.linear2.bias": (1280,),
                "transformer_encoder.layers.5.norm1.weight": (1280,),
                "transformer_encoder.layers.5.norm2.bias": (1280,),
                "mlp_layers.0.weight": (640, 1280),
                "mlp_layers.2.weight": (240, 640),
                "mlp_layers.4.weight": (1, 240),
            },
        ),
        ("amp_cse", 71.6, {"mlp_layers.0.weight": (480, 1280), "mlp_layers.2.weight": (240, 480)}),
        ("gru", 59.9, {"gru.weight_hh_l5": (3840, 1280), "mlp_layers.2.weight": (255, 590)}),
        ("mean", 1.0, {"mlp_layers.0.weight": (640, 1280), "mlp_layers.2.weight": (240, 640)}),
        (
            "dpm",
            3.9,
            {
                "dnn_layers.0.weight": (1280, 2560),
                "dnn_layers.1.weight": (1280,),
                "dnn_layers.3.weight": (480, 1280),
                "dnn_layers.4.bias": (480,),
                "dnn_layers.6.weight": (100, 480),
                "dnn_layers.7.bias": (100,),
                "dnn_layers.9.weight": (1, 100),
            },
        ),
    ],
)
def test_without_arguments_the_published_network_is_built(name, millions, shapes):
    with torch.device("meta"):
        published: Classifier = resolve(name)()
    state = published.state_dict()
    assert {key: tuple(state[key].shape) for key in shapes} == shapes
    assert round(sum(tensor.numel() for tensor in state.values()) / 1e6, 1) == millions
    assert resolve(name).sizes_from(state) == published.sizes


def test_the_head_starts_kaiming_normal_with_zero_biases():
    torch.manual_seed(0)
    classifier = resolve("dpm")(width=400, hidden1=600, hidden2=500, hidden3=400)
    for number in (0, 3, 6):
        layer = classifier.dnn_layers[number]
        assert layer.weight.std().item() == pytest.approx((2 / layer.in_features) ** 0.5, rel=0.02)
        assert not layer.bias.any()


def test_the_gru_starts_kaiming_normal_at_the_input_and_orthogonal_inside():
    torch.manual_seed(0)
    classifier = resolve("gru")(**SMALL["gru"])
    for layer in range(3):
        recurrent = getattr(classifier.gru, f"weight_hh_l{layer}")
        torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(WIDTH), atol=1e-5, rtol=0)
        entering = getattr(classifier.gru, f"weight_ih_l{layer}")
        assert entering.std().item() == pytest.approx((2 / WIDTH) ** 0.5, rel=0.05)
        assert not getattr(classifier.gru, f"bias_hh_l{layer}").any()
