"""How the shipped model was made: masked language modelling, then a classifier on its features.

`pretrain` teaches a small ESM-2 to fill in masked residues, `fit` trains a classifier on pooled
features, `evaluate` measures it, and `starter` runs the whole recipe of ``data/models/starter``.
"""
