"""``python -m esm2amp_core`` is ``esm2amp``."""

from esm2amp_core.cli.main import main

main()
