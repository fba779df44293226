"""esm2amp: do two proteins interact, judged from their sequences, and why.

Read in this order:

- `sequences`, `tables` and `pairs`: what a person brings; `files` turns bytes into cells, `checks` lists
  every problem of every row;
- `embed`: ESM-2 turns a sequence into one vector per residue; `features` pools them into tokens;
- `bundles` and `models`: trained classifiers that turn a pair's tokens into a logit;
- `calibration`, `operating`, `reference`: what a bundle knows besides its weights: what a logit is worth, how
  many true and false pairs reach a threshold, which proteins it was trained on; `trust` puts that in words;
- `predictor`: the above in one object, from pairs to a `predictions` table; `exports` writes it;
- `evaluation` and `reports`: scores against labels; `explain`, `surrogates` and `explanations`: why a pair
  scores as it does; `regions` and `annotations`: what lies where it matters; `structures`: the same in 3D;
- `screening`: very many pairs; `cluster`: work spread over several machines;
- `jobs`, `kinds`, `store`, `submissions`, `tasks`, `workspace`: the same work queued, done by one worker,
  found again later;
- `downloads`, `installing`, `selfcheck`: how a published model comes in, and whether one is sound;
- `figures`, `plots`, `explanation_report`: results on screen, for print, and as a page to send;
- `cli`: the command line; `training`: how bundles are made;
- `splitting`: labelled pairs divided so that nothing leaks, and leaks of given splits named.
"""

import os

__version__ = "0.1.0"

# A score must not depend on the pair's place in a batch. On some processors MKL sums a row in another order
# where it begins at an uneven address, unless it is told not to before its first product.
os.environ.setdefault("MKL_CBWR", "AUTO")
