"""What the cards of the shipped models say beside figures."""

from __future__ import annotations

from dataclasses import dataclass

ENCODER_ID = "esm2amp/starter-encoder"


@dataclass(frozen=True)
class Card:
    """Heading and summary of one bundle."""

    title: str
    summary: str


CARDS = {
    "starter": Card(
        "Starter model (small, trained from scratch)",
        "A small ESM-2 of our own and a Siamese classifier over its segments; works at once, offline.",
    ),
    "starter_amps": Card(
        "Starter model with the published classifier",
        "The same small ESM-2 with ESM2_AMPS in small, for comparison with the published method.",
    ),
}
LIMITATIONS = (
    "A small language model trained for half an hour on one processor core: it is there so that the program "
    "works at once. It knows how a chain is made up, not what a protein does. The published ESM-2 with 650 "
    "million parameters tells far more.",
    "What it tells apart is mostly kinds of proteins that meet more often, such as membrane and soluble "
    "ones; it cannot tell the right partner among proteins of one kind.",
    "Trained on human proteins only.",
    "Negative training pairs are pairs never reported to interact; some of them do. "
    "Positive ones include members of one complex that do not touch.",
    "In training and measurement half of the pairs interact. Where interactions are rare, most pairs "
    "called interacting are not; the expected share of hits on the Results page accounts for that.",
)
CITATION = (
    "Method: ESM2_AMP, Brief Bioinform 2025, doi 10.1093/bib/bbaf434. Encoder architecture: Lin et al., "
    "Science 2023, doi 10.1126/science.ade2574. Pairs: Bernett, Blumenthal and List, Brief Bioinform 2024, "
    "doi 10.1093/bib/bbae076. Sequences: UniProt, CC BY 4.0."
)
LICENCE = "CC BY 4.0 (weights trained here; sequences from UniProt, CC BY 4.0)"
LOOKS = (
    {"date": "2026-11-21", "model": "first starter (amps on a masked language model)", "auroc": 0.569},
    {"date": "2026-11-21", "model": "starter (siamese)", "auroc": 0.678},
    {"date": "2026-11-21", "model": "starter_amps", "auroc": 0.615},
    {"date": "2026-11-21", "model": "leakage page: Pan, split by pair", "auroc": 0.490},
    {"date": "2026-11-21", "model": "leakage page: Pan, split by protein", "auroc": 0.492},
)
"""Every look at the public test pairs so far: add a line for each release before the recipe runs again."""
