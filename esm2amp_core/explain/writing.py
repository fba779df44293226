"""The folder of an explanation: written whole or not at all; `explanation_files` reads it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from esm2amp_core import exports
from esm2amp_core.explanation_files import PAIRS, PAIRS_TABLE, SUMMARY, ExplanationFolder, token_frame
from esm2amp_core.explanation_report.report import write_report
from esm2amp_core.explanation_tests.arrays import Arrays
from esm2amp_core.explanations import Explanation
from esm2amp_core.files.whole_folder import whole_folder
from esm2amp_core.progress import Report, silent
from esm2amp_core.sequences import Protein

REPORT_PAGE = "report.html"
STAGE = "Writing files"


def write_explanations(
    folder: Path,
    summary: Mapping[str, Any],
    pairs: pd.DataFrame,
    explanations: Mapping[str, Explanation],
    tests: Mapping[str, Arrays],
    *,
    proteins: Mapping[str, Protein] | None = None,
    report: Report = silent,
) -> None:
    """Write everything.

    Parameters
    ----------
    folder : Path
        New, or empty.
    summary : mapping
        JSON values.
    pairs : DataFrame
        `explanation_files.PAIR_COLUMNS`.
    explanations, tests : mapping
        By method; by the name of the test.
    proteins : mapping of str to Protein, optional
        By name: with them, ``report.html`` is written too.
    report : Report

    Raises
    ------
    UserError
        If the folder cannot be written.
    """
    n_files = 2 * (len(explanations) + len(tests)) + (proteins is not None)
    steps = count()

    def next_file() -> None:
        report(STAGE, next(steps), n_files)

    with whole_folder(folder) as part:
        (part / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
        pairs.to_parquet(part / PAIRS)
        (part / PAIRS_TABLE).write_bytes(exports.delimited(pairs))
        for method, explanation in explanations.items():
            next_file()
            np.savez_compressed(part / f"{method}.npz", **explanation.to_arrays())
            next_file()
            frame = token_frame(explanation, pairs, summary["tokens"])
            (part / f"{method}.csv").write_bytes(exports.delimited(frame))
        for name, test in tests.items():
            next_file()
            np.savez_compressed(part / f"{name}.npz", **test.to_arrays())
            next_file()
            for ending, frame in test.frames().items():
                (part / f"{name}{ending}.csv").write_bytes(exports.delimited(frame))
        if proteins is not None:
            next_file()
            (part / REPORT_PAGE).write_bytes(write_report(ExplanationFolder(part), proteins))
        next_file()
