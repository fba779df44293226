"""Screens: all baits against a library, or all proteins against each other, block by block.

`inputs` reads the proteins, `plan` cuts their pairs into blocks, an engine (`engines`, `ray_engine`) scores
blocks, `parts` keeps each as a file. Everything else a screen tells follows from those files: `ranking` reads
them in order, `outputs` writes the tables. `running` holds it together.
"""
