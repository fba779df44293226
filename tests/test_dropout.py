import pytest
import torch
from numpy.testing import assert_allclose

from esm2amp_core.models.dropout import Dropout, dropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.1, 0.3, 0.9])
def test_the_share_is_dropped_and_the_mean_kept(rate, dtype):
    torch.manual_seed(0)
    x = torch.ones(1000, 301, dtype=dtype, requires_grad=True)
    y = dropout(x, rate, training=True)
    assert y.dtype == dtype
    dropped = (y == 0).float()
    n = x.numel()
    assert_allclose(dropped.mean().item(), rate, atol=5 * (rate * (1 - rate) / n) ** 0.5)
    assert_allclose(y.float().mean().item(), 1, atol=0.02)
    y.sum().backward()
    assert torch.equal(x.grad, y)  # what is dropped takes no gradient, what is kept takes its scale


def test_neighbouring_decisions_have_nothing_to_do_with_each_other():
    torch.manual_seed(0)
    kept = (dropout(torch.ones(400_000), 0.5, training=True) > 0).float()
    for distance in (1, 2, 3, 4, 8):  # four decisions share a random number
        assert abs(torch.corrcoef(torch.stack([kept[:-distance], kept[distance:]]))[0, 1]) < 0.01


def test_the_seed_decides_and_nothing_happens_in_evaluation():
    layer, x = Dropout(0.4), torch.randn(7, 3)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(layer(x))
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert layer.eval()(x) is x
    assert dropout(x, 0.0, training=True) is x
