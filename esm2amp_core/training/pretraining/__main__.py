"""``python -m esm2amp_core.training.pretraining``."""

from esm2amp_core.training.pretraining.command import main

main()
