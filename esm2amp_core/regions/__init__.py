"""Do the important segments of pairs lie on functional regions of their proteins?

`importance` reads what an explainer said (`token_table`), or segments that somebody chose (`chosen_table`),
as `important_units.ImportantUnits`: a `selection.Selection` of the top and one of the low `units`, which are
segments or residues. `coverage` lays the regions over them. `hit_rates` counts as the paper does, in the
classes that `labels` tells; `enrichment` compares the whole job with `chance`, `pair_tests` each pair alone.
`running.analyse` does all of it, and `folder` writes it down.
"""
