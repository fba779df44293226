"""Numbers as people read them."""

import pytest

from esm2amp_core.number_text import number_text


@pytest.mark.parametrize(
    ("value", "form", "text"),
    [(-1.5, ".3g", "−1.5"), (-1.5, "+.1f", "−1.5"), (0.0, "+.1f", "0.0"), (-0.04, "+.1f", "0.0"),
     (0.04, "+.1f", "0.0"), (-0.0, ".3g", "0"), (2, "+.3g", "+2"),
     (-1e-7, ".2g", "−1e−07"), (float("nan"), ".2f", "–"), (float("inf"), ".2f", "–")],
)  # fmt: skip
def test_a_minus_is_as_long_as_a_plus_and_what_is_not_known_is_a_dash(value, form, text):
    assert number_text(value, form) == text
