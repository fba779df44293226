"""What a worker does: the kinds of jobs, and the process that does them.

- `kinds`: parameters per kind and where its code stands; knows nothing of torch;
- `running`: one job from claim to end; `worker`: the process; `launching`: how the app starts it;
- `predict`: pairs to predictions.
"""
