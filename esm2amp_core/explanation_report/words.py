"""What a report says of numbers, in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from esm2amp_core.explanations import Explanation
from esm2amp_core.number_text import number_text
from esm2amp_core.predictions import precision_in_words

CHECKS = {
    "row_sum_error": ("Largest error of a row's sum",
                      "Weights that a segment takes must add up to 1; this is rounding."),
    "completeness_gap": ("Completeness gap", "What the values fall short of adding up to the difference "
                         "between the score and the baseline's; near 0 is right."),
    "efficiency_gap": ("Efficiency gap", "What base value and values together fall short of the output; near "
                       "0 is right."),
    "additivity_gap": ("Additivity gap", "What base value and values together fall short of the output; near "
                       "0 is right."),
    "integrated_gradients_gap": ("Completeness gap of its gradients", "The same for Integrated Gradients of "
                                 "that network."),
    "steps": ("Steps", "Points between baseline and pair at which gradients were taken."),
    "left_open": ("Gap left open", "0 where it is under 1 % of the difference, 1 where the steps ran out "
                  "before."),
    "interaction_standard_error": ("Standard error of interactions", "How much the sampled interactions may "
                                   "be off."),
    "standard_error": ("Standard error", "How much the sampled values may be off."),
}  # fmt: skip
"""Title and meaning of what methods check of themselves."""
LEFT_TO_METHODS = ("coalitions", "random_orders")
"""Settings that are 0 where each method takes as many as it can afford; its own settings tell how many."""
SIGNED_AGREEMENT = ("The second table also asks whether segments speak for the interaction or against it; "
                    "methods without signs have dashes there.")


def check_rows(part: Explanation) -> list[tuple[str, str, str]]:
    """Title, value and meaning of every check of one pair."""
    return [(title, number(float(values[0])), meaning)
            for name, values in part.checks.items() for title, meaning in [check_words(name)]]


def check_words(name: str) -> tuple[str, str]:
    """Title and meaning of a check."""
    return CHECKS.get(name, (name.replace("_", " ").capitalize(), ""))


def number(value: float) -> str:
    """Four significant digits; a dash where it is not known."""
    return number_text(value, ".4g")


def interval(low: float, high: float) -> str:
    """Both ends; one dash where either is not known."""
    return f"{number(low)} to {number(high)}" if low == low and high == high else "–"


def share(value: float, low: float, high: float) -> str:
    """A share in per cent, with the ends of its interval where they are known."""
    if value != value:
        return "–"
    ends = f" ({100 * low:.0f} to {100 * high:.0f} %)" if low == low and high == high else ""
    return f"{100 * value:.0f} %{ends}"


def p_words(p: float, corrected: float) -> str:
    """A p-value, with the one corrected for several methods where that is another."""
    return f"p = {p:.2g}" if p == corrected else f"p = {p:.2g}, corrected for several methods {corrected:.2g}"


def signed_number(value: float, *, signed: bool) -> str:
    """As `number`, with its sign where that means something."""
    text = number(value)
    return f"+{text}" if signed and value > 0 else text


def provenance(summary: dict[str, Any]) -> dict[str, str]:
    """Where the numbers come from, by what it is."""
    model = precision_in_words(summary["model"])
    settings = settings_asked(summary["settings"])
    facts = {
        "Explained": summary["created"],
        "Model": f"{model['name']} ({model['architecture']})",
        "Checksum of the model": model["digest"],
        "Language model": model["encoder"],
        "Its revision": model["encoder_revision"] or "not known",
        "Features": model["feature_set"],
        "Precision": model["precision"],
        "Device": model["device"],
        "Baseline": summary["baseline"],
        "Settings": _listed(settings),
        "Versions": _listed(summary["versions"]),
    }
    return {name: str(value) for name, value in facts.items()}


def settings_asked(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of an explanation; where 0 leaves a number to each method, that word."""
    return {name: "automatic" if name in LEFT_TO_METHODS and value == 0 else value
            for name, value in settings.items()}


def settings_words(settings: dict[str, Any]) -> str:
    """Settings of a method in one line."""
    if settings.get("exact") and "coalitions" in settings:
        settings = {name: value for name, value in settings.items() if name != "exact"} | {
            "coalitions": f"all {settings['coalitions']:,}"}  # fmt: skip
    return _listed(settings)


def _listed(values: dict[str, Any]) -> str:
    """``name value, name value``; what is nested names what it is in, too."""
    return ", ".join(f"{name} {value}" for name, value in _flat(values))


def _flat(values: dict[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        words = f"{within} {str(name).replace('_', ' ')}".strip()
        if isinstance(value, dict):
            yield from _flat(value, words)
        elif isinstance(value, list | tuple):
            yield words, " ".join(map(str, value))
        else:
            yield words, number(value) if isinstance(value, float) else value
