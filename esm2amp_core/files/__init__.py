"""From the bytes of a file to text and cells, whoever made the file; nothing here knows of proteins.

`text` decodes, `delimited` and `workbook` split into `cells`.
"""
