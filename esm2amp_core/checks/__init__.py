"""What can be wrong with a table of pairs.

`rows` collects all issues; it asks `protein_lookup` what each name stands for, which asks
`inline_sequences`, `damaged_names` and `suggestions`.
"""
