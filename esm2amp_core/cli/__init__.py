"""The command line: the same calls that pages and notebooks make."""
