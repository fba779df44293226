"""What a worker does.

- `running`: one job from claim to end; `worker`: the process that does job after job;
- `predict`: pairs to predictions; `download`: a published model from the net to an installed bundle.

The kinds of jobs stand in `esm2amp_core.kinds`; how the app starts the process in `esm2amp_core.launching`.
"""
