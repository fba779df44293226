"""The folder that an analysis of regions becomes, and how it is read.

``summary.json`` tells what was compared and how; each table is a CSV that spreadsheets and scripts read too.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from esm2amp_core.annotations.region import ALL as ALL
from esm2amp_core.annotations.region import Region
from esm2amp_core.files.result_folder import SUMMARY as SUMMARY
from esm2amp_core.files.result_folder import ResultFormat, read_exported

FORMAT = 1
TABLES = {"coverage": "coverage.csv", "hit_rates": "hit_rates.csv", "enrichment": "enrichment.csv",
          "positions": "position_bias.csv", "pairs": "pair_enrichment.csv",
          "regions": "regions.csv"}  # fmt: skip
ISSUES = "annotation_issues.csv"
TOP, LOW, CHANCE, EVERY, ANY, MEAN = "top", "low", "chance", "all", "any", "mean"
"""What tables call the two selections, what they are compared with, all classes, and how units count."""
SEGMENT, RESIDUE = "segment", "residue"
REGION_COLUMNS = tuple(field.name for field in fields(Region))
ENDS = "first or last tenth"
_FORMAT = ResultFormat("analysis", FORMAT, "Analyse the explanation again.", {
    "unit": str, "n_pairs": int, "n_proteins": int, "chosen_per_pair": dict, "pairs_with_ties": int,
    "classes": dict, "thresholds_percent": list, "annotations": dict, "settings": dict, "chance": dict,
    "notes": list, "inputs": dict,
})  # fmt: skip
_OF_ANNOTATIONS = {"types": list, "source": str, "releases": list, "proteins_known": int,
                   "proteins_with_region": int, "proteins_unknown": list}  # fmt: skip
_TEXTS = ("protein_a", "protein_b", "protein", "class", "selection", "against", "type", "token", "rank",
          "note", "evidence", "source", "uncertain", "value", "problem", "remedy", "severity")  # fmt: skip


@dataclass(frozen=True)
class RegionFolder:
    """An analysis of regions on disk; each part is read when asked for."""

    folder: Path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Settings, counts, and what a reader must know.

        Raises
        ------
        JobError
            If it cannot be read, or a newer program wrote it.
        """
        summary = _FORMAT.read_summary(self.folder)
        about = summary["annotations"]
        if not all(isinstance(about.get(name), kind) for name, kind in _OF_ANNOTATIONS.items()):
            raise _FORMAT.damaged(self.folder / SUMMARY)
        return summary

    @property
    def types(self) -> list[str]:
        """Types of regions that were looked at, without `ALL`."""
        return list(self.summary["annotations"]["types"])

    @property
    def is_by_residue(self) -> bool:
        """True where single residues are compared, not segments."""
        return self.summary["unit"] == RESIDUE

    @cached_property
    def coverage(self) -> pd.DataFrame:
        """One line per pair and chosen unit: its place, and how many percent of it each type covers."""
        return self._table(TABLES["coverage"])

    @cached_property
    def hit_rates(self) -> pd.DataFrame:
        """Percentage of pairs whose chosen units reach a coverage, by selection, class, threshold, rank."""
        return self._table(TABLES["hit_rates"])

    @cached_property
    def enrichment(self) -> pd.DataFrame:
        """Coverage of chosen units against chance, and of the top against the low ones, per type."""
        return self._table(TABLES["enrichment"])

    @cached_property
    def positions(self) -> pd.DataFrame:
        """As `enrichment`, for the tenths of the chains."""
        return self._table(TABLES["positions"])

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """As `enrichment`, for each pair on its own."""
        return self._table(TABLES["pairs"])

    @cached_property
    def regions(self) -> pd.DataFrame:
        """Regions of the proteins that were compared: `REGION_COLUMNS`; inclusive from 1."""
        return self._table(TABLES["regions"])

    @cached_property
    def issues(self) -> pd.DataFrame:
        """What does not fit or could not be read in the annotations."""
        return self._table(ISSUES)

    def regions_of(self, protein: str) -> pd.DataFrame:
        """Lines of `regions` of one protein."""
        return self.regions[self.regions["protein"] == protein]

    def _table(self, file: str) -> pd.DataFrame:
        path = self.folder / file
        try:
            return read_exported(path, _TEXTS)
        except (OSError, ValueError) as error:
            raise _FORMAT.damaged(path) from error
