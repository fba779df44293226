"""Names that a spreadsheet took for dates or numbers."""


import pytest

from esm2amp_core.checks.damaged_names import Damage, find_damage, genes_behind


@pytest.mark.parametrize(
    ("text", "gene"),
    [
        ("1-Mar", "MARCHF1"), ("Mar-01", "MARCHF1"), ("2023-03-01", "MARCHF1"), ("1-mar", "MARCHF1"),
        ("01-MAR", "MARCHF1"), ("11-Mar", "MARCHF11"), ("2-Sep", "SEPTIN2"), ("Sep-02", "SEPTIN2"),
        ("2-Sept", "SEPTIN2"), ("15-Sep", "SELENOF"), ("1-Dec", "DELEC1"), ("4-Oct", "POU5F1"),
        ("Oct-4", "POU5F1"), ("2-Ago", "AGO2"), ("2023-09-07 00:00:00", "SEPTIN7"), ("3/1/2023", "MARCHF1"),
        ("1-Mrz", "MARCHF1"), ("1-Mar-2023", "MARCHF1"),
    ],
)  # fmt: skip
def test_dates_are_recognised_as_the_genes_they_were(text, gene):
    assert genes_behind(text)[0] == gene


@pytest.mark.parametrize(
    "text", ["MARCH1", "SEPT2", "P04637", "NA", "1E5", "007", "nan", "None", "TRUE", "DEC1", "OCT4", "1-2",
             "HLA-A", "1433B", "Mar", "2023", "Marvel-1", "12-AUG-X"],
)  # fmt: skip
def test_sound_names_are_left_alone(text):
    assert find_damage(text) == Damage()


@pytest.mark.parametrize("text", ["2.31E+19", "1.00E+05", "#N/A", "#REF!"])
def test_numbers_and_errors_of_a_spreadsheet_are_recognised(text):
    damage = find_damage(text)
    assert damage.problem
    assert damage.remedy
    assert damage.originals == ()
