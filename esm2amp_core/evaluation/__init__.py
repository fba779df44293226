"""How good a model is, on pairs whose answer is known.

- `measures`: AUROC, AUPR, MCC and the others, under any weights of the pairs;
- `intervals`: 95 % intervals that know that pairs share proteins;
- `baselines`: what needs no pairing, no language model or no sequence to reach the same figures;
- `novelty`: pairs by how many of their proteins were seen in training;
- `evaluating`: all of it for one model and one table; `files`: the folder that a report becomes.

The report itself, which the web pages read too, stands in `esm2amp_core.reports`.
"""
