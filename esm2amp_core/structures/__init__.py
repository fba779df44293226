"""Three-dimensional structures: read, laid onto sequences, compared with importance, ready to draw.

`structure` holds the nouns, `reading` makes them of PDB and mmCIF files, `alignment` tells which residue of
a chain is which of a protein, `placing` chooses the chains of a pair, `interface` and `agreement` compare
importance with contacts, `scene` is what a viewer needs. Nothing here opens a connection or imports torch.
"""
