"""An explanation as one page to read, print and send: pictures, numbers, provenance, and how to run it again.

`report.write_report` makes the page of a folder, `report.pair_report` that of one of its pairs;
`pictures.figures_of_pair` gives the figures alone.
"""
