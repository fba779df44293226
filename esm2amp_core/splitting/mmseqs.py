"""Similar proteins by MMseqs2 (Steinegger and Söding, Nature Biotechnology 2017), where it is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import numpy as np
import pandas as pd

from esm2amp_core.errors import UserError
from esm2amp_core.splitting.search import Hits

PROGRAM = "mmseqs"
SENSITIVITY, THOROUGH = 5.7, 7.5
"""MMseqs2's default for searches, and the highest that its authors recommend."""
MAX_TARGETS = 2_000
"""Candidates per protein: more than the largest family of a proteome has."""
_INSTALL = "Install it (Debian: apt-get install mmseqs2; conda: mmseqs2), or choose --method kmers."


def is_installed() -> bool:
    """True if the program is found."""
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True)
class MmseqsSearch:
    """Finds proteins that an alignment shows to be similar; see `Search`.

    Pairs need an E-value of at most 0.001, so chains of some twenty residues are found only if identical.
    """

    identity: float
    coverage: float
    version: str
    name: str = "mmseqs"
    measure: str = "share of equal residues in the alignment"

    @property
    def claim(self) -> str:
        """What a hit says."""
        return (f"by MMseqs2 at least {self.identity:.0%} of the residues are equal over {self.coverage:.0%} "
                "of both")

    @classmethod
    def installed(cls, *, identity: float, coverage: float) -> Self:
        """The installed program.

        Raises
        ------
        UserError
            If there is none, or it does not run.
        """
        if not is_installed():
            raise UserError("MMseqs2 is not installed.", hint=_INSTALL)
        try:
            answer = subprocess.run([PROGRAM, "version"], capture_output=True, text=True, timeout=60,
                                    check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(f"MMseqs2 does not run: {error}.", hint=_INSTALL) from None
        return cls(identity, coverage, answer.stdout.strip())

    def find(self, queries: Sequence[str], targets: Sequence[str], *, thorough: bool = False) -> Hits:
        """Similar ones of `targets` for each of `queries`.

        Raises
        ------
        UserError
            If the program fails, with its last words.
        """
        with _cleared_up_when_terminated(), TemporaryDirectory(prefix="esm2amp-mmseqs-") as name:
            folder = Path(name)
            _write_fasta(queries, folder / "queries.fasta")
            _write_fasta(targets, folder / "targets.fasta")
            _run([
                PROGRAM, "easy-search", "queries.fasta", "targets.fasta", "hits.tsv", "work",
                "-s", str(THOROUGH if thorough else SENSITIVITY), "--max-seqs", str(MAX_TARGETS),
                "--min-seq-id", str(self.identity), "-c", str(self.coverage), "--cov-mode", "0",
                "-e", "0.001", "--threads", str(_n_cores()), "--format-output", "query,target,fident",
            ], folder)  # fmt: skip
            hits = pd.read_csv(folder / "hits.tsv", sep="\t", header=None,
                               names=["query", "target", "identity"],
                               dtype={"query": np.int64, "target": np.int64, "identity": np.float64})
        # Two proteins may have several alignments.
        best = hits.groupby(["query", "target"], as_index=False)["identity"].max()
        return Hits(*(best[column].to_numpy() for column in best.columns))


def _write_fasta(sequences: Sequence[str], path: Path) -> None:
    """Proteins called by their places: whatever people call them, the program need not understand it."""
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f">{place}\n{sequence}\n" for place, sequence in enumerate(sequences))


def _run(command: list[str], folder: Path) -> None:
    """Run in a folder of its own; no process of it survives, however this ends."""
    # A group of its own: the program starts others, which are to end with it.
    group = {"process_group": 0} if os.name == "posix" else {}
    with open(folder / "log.txt", "wb") as log:
        try:
            process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       **group)
        except OSError as error:
            raise UserError(f"MMseqs2 does not run: {error}.", hint=_INSTALL) from None
        try:
            code = process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL) if group else process.kill()
            process.wait()
    if code:
        said = (folder / "log.txt").read_text("utf-8", errors="replace").strip().splitlines()
        words = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
        raise UserError(f"MMseqs2 stopped with code {code}: {words}",
                        hint="Check memory and the free space for temporary files, or choose --method kmers.")


@contextlib.contextmanager
def _cleared_up_when_terminated() -> Iterator[None]:
    """Let SIGTERM, which otherwise ends Python at once, end the program and remove its files too."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only there may a signal's handler be set
        return

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    earlier = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


def _n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
