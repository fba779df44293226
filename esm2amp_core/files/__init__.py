"""From the bytes of a file to text and cells, whoever made the file; nothing here knows of proteins.

`text` decodes; `delimited` and `workbook` split into `cells`. A workbook is a zip `package` of XML parts,
read by `workbook_parts` and `sheet`, whose numbers `cell_values` turns into text.
"""
