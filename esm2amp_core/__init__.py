"""esm2amp: do two proteins interact, judged from their sequences, and why.

Read in this order:

- `sequences` and `pairs`: what a person brings, checked row by row;
- `embed`: ESM-2 turns a sequence into one vector per residue; `features` pools them into tokens;
- `bundles` and `models`: trained classifiers that turn a pair's tokens into a logit;
- `predictor`: the above in one object, from pairs to a `predictions` table;
- `jobs`, `store`, `tasks`, `workspace`: the same work queued, done by one worker, found again later;
- `figures`: results to Plotly figures; `cli`: the command line; `training`: how bundles are made;
- `selfcheck` and `installing`: is a bundle sound, and how does a new one come in.
"""

__version__ = "0.1.0"
