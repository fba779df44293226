"""Proteins and pairs with known relations, for tests of splitting."""

import random
from pathlib import Path

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def protein(seed: int, length: int = 200) -> str:
    """A chain that is like no other."""
    return "".join(random.Random(seed).choices(LETTERS, k=length))


def mutated(sequence: str, identity: float, seed: int = 0) -> str:
    """The chain with residues exchanged, so that `identity` of them stay."""
    choose = random.Random(seed)
    changed = set(choose.sample(range(len(sequence)), round((1 - identity) * len(sequence))))
    return "".join(choose.choice(LETTERS.replace(letter, "")) if at in changed else letter
                   for at, letter in enumerate(sequence))


def write_fasta(path: Path, proteins: dict[str, str]) -> Path:
    """A FASTA file."""
    text = "".join(f">{name}\n{sequence}\n" for name, sequence in proteins.items())
    path.write_text(text, encoding="utf-8")
    return path


def write_pairs(path: Path, rows: list[tuple], header: tuple = ("protein_a", "protein_b", "label")) -> Path:
    """A tab-separated table."""
    text = "".join("\t".join(map(str, row)) + "\n" for row in (header, *rows))
    path.write_text(text, encoding="utf-8")
    return path


def families(n: int, size: int, identity: float = 0.8) -> dict[str, str]:
    """`n` families of `size` proteins, called F0M0, F0M1...; members are `identity` like the first."""
    found = {}
    for family in range(n):
        first = protein(family)
        for member in range(size):
            seed = 1_000 * family + member  # no two exchanges alike
            found[f"F{family}M{member}"] = mutated(first, identity, seed) if member else first
    return found
