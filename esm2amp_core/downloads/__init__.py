"""The published system from its official places. The only code that opens a connection; it needs no torch."""
