"""What databases say about stretches of proteins: UniProtKB features, InterPro entries, a person's own table.

`region.Annotations` holds `region.Region`; `reading.read_annotations` makes one of a file, whatever its
format, and `fitting.check_fit` tells which regions do not fit the sequences they are used with. Positions
are inclusive from 1, as every such file has them.
"""
