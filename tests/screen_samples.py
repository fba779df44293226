"""Proteins to screen with the tiny model, and a process that is killed while it does."""

import os
import signal
import sys
from pathlib import Path

import numpy as np

LETTERS = list("ACDEFGHIKLMNPQRSTVWY")


def sequences(n, *, seed=0, prefix="P"):
    """Random proteins of 10 to 30 residues by name; no two are equal."""
    draw = np.random.default_rng(seed)
    return {f"{prefix}{i}": "".join(draw.choice(LETTERS, draw.integers(10, 31))) for i in range(n)}


def write_fasta(path, proteins):
    """Write proteins by name."""
    Path(path).write_text("".join(f">{name}\n{text}\n" for name, text in proteins.items()), encoding="utf-8")
    return Path(path)


def contents(folder):
    """Every file of a finished screen by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file()}


def main(*, die_after, arguments):
    """Run ``esm2amp`` and kill this process, as a power cut does, in the middle of block `die_after`."""
    from esm2amp_core.cli.main import main as command
    from esm2amp_core.screening.parts import PartStore

    kept = []
    add = PartStore.add

    def add_or_die(store, block, scores):
        if len(kept) == die_after:
            # What a half-written part and a half-written line leave behind.
            (store.folder / "parts" / ".part-000099.half.part.parquet").write_bytes(b"PAR1 half")
            with (store.folder / "parts.jsonl").open("ab") as journal:
                journal.write(b'{"block": 3, "file"')
            os.kill(os.getpid(), signal.SIGKILL)
        kept.append(block.number)
        add(store, block, scores)

    PartStore.add = add_or_die
    sys.argv = ["esm2amp", *arguments]
    command()


if __name__ == "__main__":
    main(die_after=int(sys.argv[1]), arguments=sys.argv[2:])
