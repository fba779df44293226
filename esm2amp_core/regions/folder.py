"""The folder that an analysis becomes: tables for people and programs, and a summary."""

from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pandas as pd

from esm2amp_core import exports
from esm2amp_core.files.whole_folder import whole_folder
from esm2amp_core.region_files import FORMAT, ISSUES, SUMMARY, TABLES
from esm2amp_core.regions.running import RegionAnalysis


def write_analysis(analysis: RegionAnalysis, folder: Path, inputs: dict[str, Any]) -> dict[str, Any]:
    """Write an analysis; the whole folder appears at once, or not at all.

    Parameters
    ----------
    analysis : RegionAnalysis
    folder : Path
        Must not exist, or be empty.
    inputs : dict
        Plain values that tell what was analysed, for the summary.

    Returns
    -------
    dict
        The summary as written.

    Raises
    ------
    UserError
        If the folder exists or cannot be written.
    """
    summary = {"format": FORMAT, "inputs": inputs, **analysis.summary, "files": TABLES | {"issues": ISSUES},
               "enrichment": _records(analysis.enrichment)}
    columns = ["row", "value", "problem", "remedy", "severity"]
    issues = pd.DataFrame(map(astuple, analysis.issues), columns=columns).astype({"row": "Int64"})
    with whole_folder(folder) as part:
        for name, file in TABLES.items():
            (part / file).write_bytes(exports.delimited(getattr(analysis, name)))
        (part / ISSUES).write_bytes(exports.delimited(issues))
        text = json.dumps(summary, indent=2, ensure_ascii=False)
        (part / SUMMARY).write_text(f"{text}\n", encoding="utf-8")
    return summary


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Lines of a table as JSON has them: what is missing is null."""
    return [{name: None if value != value else value for name, value in line.items()}
            for line in table.to_dict("records")]
