"""Proteins to numbers: the ESM-2 language model, pooling, and a cache of what was pooled.

`esm2.Esm2Embedder` turns proteins into one vector per residue; `pooled.embed_pooled` pools
them into what classifiers read and keeps the result in a `cache.FeatureCache`.
`base.Embedder` says what another language model must offer. Of ESM-2, `model_folder` and `loading` read
the files, `alphabet` the sequences, and `packed` computes the states, in the `batches` that memory allows.
"""
