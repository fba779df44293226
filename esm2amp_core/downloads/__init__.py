"""The published system, and UniProtKB's entries, from their official places.

The only code that opens a connection, and only when a person asks for it; it needs no torch.
"""
