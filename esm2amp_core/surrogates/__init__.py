"""Second models that explain the first: a forest (AE_RF) or a dense network (AE_DNN) on compressed tokens.

An `autoencoder` makes few numbers of every token's vector; a random forest or a dense network learns from
these numbers which pairs interact. Both stand beside the bundle in ``explainers/KIND/`` (`card`, `surrogate`)
and say in their card which weights they belong to. A forest's file is read by `forest_file`, which believes
nothing before it is checked. METHOD: ESM2_AMP, doi 10.1093/bib/bbaf434.
"""

FOREST, NETWORK = "ae_rf", "ae_dnn"
TITLES = {FOREST: "random forest (AE_RF)", NETWORK: "dense network (AE_DNN)"}
"""The kinds of surrogates, and what each is."""
