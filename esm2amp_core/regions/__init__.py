"""Do the important segments of pairs lie on functional regions of their proteins?

`importance` reads what an explainer said, `selection` takes its top and low segments (or residues),
`coverage` lays the regions over them. `hit_rates` counts as the paper does; `enrichment` compares with
chance, which `chance` describes; `running.analyse` does all of it, and `folder` writes it down.
"""
