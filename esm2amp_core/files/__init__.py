"""From the bytes of a file to text and cells, whoever made the file; nothing here knows of proteins.

`text` decodes; `delimited` and `workbook` split into `cells`. A workbook is a zip `package`, looked over
first; openpyxl reads it, and `cell_values` turns what its cells hold into text. `whole_file` writes.
`npz` reads arrays.
"""
