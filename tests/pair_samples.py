"""Pairs of three proteins, and what is wrong with a table of pairs."""

from esm2amp_core.pairs import Limits, build_pairs
from esm2amp_core.sequences import parse_fasta
from esm2amp_core.tables import read_table

A, B, C = "MEEPQSDPSVEPPLSQETFSDLWKLLPENN", "MCNTNMSVPTDGAVTTSQIPASEQETLVRP", "ACDEFGHIKLMNPQRSTVWY"
FASTA = f">P1\n{A}\n>P2\n{B}\n>P3\n{C}\n"
PROTEINS, _ = parse_fasta(FASTA)


def pairs(table, fasta=FASTA, columns=None, **limits):
    proteins, issues = parse_fasta(fasta)
    return build_pairs(read_table(table), proteins, columns, issues, limits=Limits(**limits))


def rows_with(table, severity):
    return {issue.row for issue in table.issues if issue.severity == severity and issue.row}


def errors_of(table, row):
    return " ".join(str(issue) for issue in table.issues if issue.row == row and issue.severity == "error")
