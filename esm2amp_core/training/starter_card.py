"""What the cards of the shipped models say beside figures."""

from __future__ import annotations

from dataclasses import dataclass

from esm2amp_core.training.kinds import COMBINATIONS, Kinds

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
SMALL = (
    "A small language model trained for half an hour on one processor core: it is there so that the program "
    "works at once. It knows how a chain is made up, not what a protein does. The published ESM-2 with 650 "
    "million parameters tells far more."
)
DATA = (
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
COMPARISON = (
    ("architecture", "parameters", "best_epoch", "auroc", "aupr", "accuracy"),
    ("amps", 1_095_425, 4, 0.5701, 0.5803, 0.5461),
    ("amp_cse", 1_095_425, 4, 0.5718, 0.5789, 0.5484),
    ("gru", 830_721, 4, 0.5749, 0.5801, 0.5490),
    ("mean", 41_217, 4, 0.5426, 0.5452, 0.5278),
    ("dpm", 81_105, 4, 0.5987, 0.6085, 0.5663),
    ("siamese", 59_873, 4, 0.5981, 0.5968, 0.5646),
)
ABLATION = {
    "command": "esm2amp compare --pairs ../shared/data/ppi_human_bernett/train.tsv.gz "
               "--validation ../shared/data/ppi_human_bernett/val.tsv.gz "
               "--sequences ../shared/data/ppi_human_bernett/proteins.tsv.gz --encoder starter "
               "--size layers=2 --size heads=8 --size feedforward=512 --size hidden1=128 --size hidden2=64 "
               "--rate 2e-4 --weight-decay 0.05 --epochs 4 --patience 2 -o all",
    "rows": [dict(zip(COMPARISON[0], row, strict=True)) for row in COMPARISON[1:]],
}
"""Every architecture in small on the starter's features, measured on the validation pairs, one seed. Here
`siamese` learns its read-out, too, which the shipped one does not."""
LOOKS = (
    {"date": "2026-11-21", "model": "first starter (amps on a masked language model)", "auroc": 0.569},
    {"date": "2026-11-21", "model": "starter (siamese)", "auroc": 0.678},
    {"date": "2026-11-21", "model": "starter_amps", "auroc": 0.615},
    {"date": "2026-11-21", "model": "leakage page: Pan, split by pair", "auroc": 0.490},
    {"date": "2026-11-21", "model": "leakage page: Pan, split by protein", "auroc": 0.492},
)
"""Every look at the public test pairs so far: add a line for each release before the recipe runs again."""


def limitations(kinds: Kinds) -> tuple[str, ...]:
    """What a model does not do, with what was measured of the kinds of proteins that it tells apart."""
    neither, one, both = (_figure(kinds.within.get(name, {}).get("auroc")) for name in COMBINATIONS)
    told = (
        f"Part of what it tells apart is kinds of proteins. On {kinds.n_pairs:,} validation pairs its AUROC "
        f"is {_figure(kinds.auroc)}; to ask only whether both or neither have a stretch that probably spans "
        f"a membrane gives {_figure(kinds.auroc_of_kind)}. Among pairs where neither has one it reaches "
        f"{neither}, where both have one {both}, where one has it {one}. A sum of one number per protein "
        f"explains {_figure(kinds.explained_by_proteins, '.0%')} of the variance of its scores and reaches "
        f"{_figure(kinds.auroc_of_proteins)}."
    )
    return SMALL, told, *DATA


def _figure(value: float | None, form: str = ".3f") -> str:
    return "unknown" if value is None else format(value, form)
