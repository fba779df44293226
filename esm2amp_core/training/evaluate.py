"""Moved: figures to `evaluation.measures`, the temperature to `calibration`."""

from esm2amp_core.calibration import fit_temperature
from esm2amp_core.evaluation.measures import log_loss, measure

__all__ = ["fit_temperature", "log_loss", "measure"]
