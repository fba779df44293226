"""Splits of labelled pairs that leak nothing, and a check of splits that others made.

`search` finds similar proteins, with MMseqs2 (`mmseqs`) or without it (`kmers`); `clusters` and `parts` put
similar proteins into one part; `split` does so for a table, `folder` writes it; `leaks` checks a given split.
"""
