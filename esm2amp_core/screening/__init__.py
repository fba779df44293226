"""Screens: all baits against a library, or all proteins against each other, block by block.

Beside this package, as they need no torch, stand `screen_proteins`, which reads the proteins, `screen_plan`,
which cuts their pairs into blocks, `screen_options`, and `screen_files`, which reads the folder that comes
out. Here, `features` keeps what the language model made of the proteins, an engine (`engines`, `ray_engine`)
scores blocks, and `parts` keeps each as a file. Everything else a screen tells follows from those files:
`ranking` reads them in order, `outputs` writes the tables, `network` the graph. `reference` is about proteins
with too few partners. `running` holds it together.
"""
