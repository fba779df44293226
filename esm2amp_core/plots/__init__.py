"""Explanations, regions and screens for print: numbers in, Matplotlib figures of a journal's width out.

`figures` draws the same numbers for the screen. Matplotlib takes its time to load: import these modules
where a figure is wanted, not at the top of a page.
"""
