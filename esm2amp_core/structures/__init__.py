"""Three-dimensional structures: read, laid onto sequences, compared with importance, ready to draw.

`structure` holds the nouns, `reading` makes them of PDB and mmCIF files (with `chains` and `predicted`),
`alignment` tells which residue of a chain is which of a protein, `placing` chooses the chains of a pair.
`interface` and `agreement` compare `importance` with contacts. `painting` gives residues their `colours`,
`scene` is what a viewer needs; `viewer_page` saves it as a file, `notebook` shows it in Jupyter. Nothing here
opens a connection or imports torch.
"""
