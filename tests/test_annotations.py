"""Annotations of every format become the same regions; what cannot be used is told, never lost in silence."""

import gzip
import json

import pytest
from region_samples import make_annotations

from esm2amp_core.annotations.fitting import check_fit
from esm2amp_core.annotations.positions import read_span
from esm2amp_core.annotations.reading import read_annotations
from esm2amp_core.annotations.region import AnnotationError, Region, canonical_type, check_types
from esm2amp_core.errors import Severity

UNIPROT_TSV = (
    "Entry\tEntry Name\tLength\tDomain [FT]\tRegion\tMotif\n"
    'P12931\tSRC_HUMAN\t536\tDOMAIN 84..145; /note="SH3"; /evidence="ECO:0000255|PROSITE-ProRule:PRU00192"; '
    'DOMAIN 151..248; /note="SH2; the ""classic"" one"\tREGION 1..58; /note="Disordered"\t\n'
    "Q00000\tNONE_HUMAN\t99\t\t\tMOTIF 12; /note=\"Lone\"\n"
)
UNIPROT_ENTRY = {
    "entryType": "UniProtKB reviewed (Swiss-Prot)", "primaryAccession": "P12931",
    "uniProtkbId": "SRC_HUMAN", "secondaryAccessions": ["E1P5V4"],
    "sequence": {"length": 536, "value": "M" * 536},
    "features": [
        {"type": "Domain", "location": {"start": {"value": 84, "modifier": "EXACT"},
                                        "end": {"value": 145, "modifier": "EXACT"}}, "description": "SH3",
         "evidences": [{"evidenceCode": "ECO:0000255", "source": "PROSITE-ProRule", "id": "PRU00192"}]},
        {"type": "Domain", "location": {"start": {"value": 151, "modifier": "EXACT"},
                                        "end": {"value": 248, "modifier": "EXACT"}}, "description": "SH2"},
        {"type": "Region", "location": {"start": {"value": 1, "modifier": "EXACT"},
                                        "end": {"value": 58, "modifier": "EXACT"}},
         "description": "Disordered"},
    ],
}  # fmt: skip
GFF = (
    "##gff-version 3\n##sequence-region P12931 1 536\n"
    "P12931\tUniProtKB\tDomain\t84\t145\t.\t.\t.\tNote=SH3;Ontology_term=ECO:0000255;"
    "evidence=ECO:0000255|PROSITE-ProRule:PRU00192\t\n"
    "P12931\tUniProtKB\tDomain\t151\t248\t.\t.\t.\tNote=SH2%3B%20classic\n"
    "P12931\tUniProtKB\tRegion\t1\t58\t.\t.\t.\tNote=Disordered\n##FASTA\n>P12931\nMMM\n"
)
MD5 = "14086411a2cdf1c4cba63020e1622579"
INTERPRO_TSV = (
    f"P12931\t{MD5}\t536\tPfam\tPF00018\tSH3 domain\t84\t145\t1e-20\tT\t01-01-2025\tIPR001452\tSH3 domain\n"
    f"P12931\t{MD5}\t536\tProSitePatterns\tPS00107\tKinase ATP-binding region.\t276\t298\t-\tT\t"
    "01-01-2025\tIPR017441\tProtein kinase, ATP binding site\t-\t-\n"
    f"P12931\t{MD5}\t536\tMobiDBLite\tmobidb-lite\tdisorder\t1\t53\t-\tT\t01-01-2025\t-\t-\n"
    f"P12931\t{MD5}\t536\tCDD\tcd05071\tPTKc_Src\t260\t536\t0.0\tT\t01-01-2025\tIPR050198\tSrc, core\n"
)
LINE = INTERPRO_TSV.splitlines()[0]


def interpro_match(kind, start, end, fragments=None):
    place = {"start": start, "end": end}
    if fragments:
        place["location-fragments"] = [{"start": a, "end": b, "dc-status": "S"} for a, b in fragments]
    entry = kind and {"accession": "IPR001452", "name": "SH3", "description": "SH3 domain", "type": kind}
    return {"signature": {"accession": "PF00018", "name": "SH3_1", "entry": entry,
                          "signatureLibraryRelease": {"library": "PFAM", "version": "37"}},
            "locations": [place]}


def interpro_json(*matches):
    return {"interproscan-version": "5.77-108.0", "results": [
        {"sequence": "M" * 60, "md5": MD5, "matches": list(matches),
         "xref": [{"name": "P1 one", "id": "P1"}, {"name": "sp|Q2|X", "id": "sp|P12345|X_HUMAN"}]}]}


@pytest.fixture
def read(tmp_path):
    """Annotations of a text, of JSON or of bytes."""
    def read(content, name="given.txt", **options):
        data = content if isinstance(content, bytes | str) else json.dumps(content)
        path = tmp_path / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return read_annotations(path, **options)

    return read


def spans(annotations, protein="P12931"):
    return [(region.type, region.start, region.end) for region in annotations.of(protein)]


SRC = [("Domain", 84, 145), ("Domain", 151, 248), ("Region", 1, 58)]


@pytest.mark.parametrize("content", [
    UNIPROT_TSV, {"results": [UNIPROT_ENTRY]}, [UNIPROT_ENTRY], UNIPROT_ENTRY, GFF,
    gzip.compress(UNIPROT_TSV.encode()), GFF.replace("\n", "\r\n"),
], ids=["tsv", "json download", "json list", "json entry", "gff", "tsv.gz", "gff crlf"])
def test_uniprot_s_formats_tell_the_same(read, content):
    found = read(content)
    assert spans(found) == SRC
    assert [region.note for region in found.of("P12931")][0] == "SH3"
    assert found.of("P12931")[0].evidence == "ECO:0000255|PROSITE-ProRule:PRU00192"
    assert list(found.lengths_of("P12931")) == [536]
    assert found.types == ("Domain", "Region", "Compositional bias", "Repeat", "Motif")
    assert found.issues == ()


def test_notes_may_hold_semicolons_and_quotation_marks(read):
    assert read(UNIPROT_TSV).of("P12931")[1].note == 'SH2; the "classic" one'
    assert read(GFF).of("P12931")[1].note == "SH2; classic"


def test_one_position_is_a_region_of_one_residue(read):
    assert spans(read(UNIPROT_TSV), "Q00000") == [("Motif", 12, 12)]


def test_a_protein_is_found_by_its_other_names_but_not_by_those_of_its_isoforms(read):
    found = read(UNIPROT_ENTRY)
    for name in ("P12931", "SRC_HUMAN", "E1P5V4", "sp|P12931|SRC_HUMAN"):
        assert spans(found, name) == SRC
    assert found.of("P12931-2") == () and found.of("P1293") == () and not found.lengths_of("Q")


def test_a_name_that_could_mean_two_proteins_means_none(read):
    found = read('Entry\tEntry Name\tRegion\nsp|P1|SAME\t\tREGION 1..5\nsp|P2|SAME\t\tREGION 7..9\n')
    assert spans(found, "P1") == [("Region", 1, 5)] and spans(found, "P2") == [("Region", 7, 9)]
    assert spans(found, "SAME") == []


def test_a_plain_table_keeps_everything(read):
    found = read("protein,type,start,end,note,evidence,source\nP1,Active_site,5,5,n,e,s\nP1,mine,2,3,,,\n")
    assert found.of("P1")[0] == Region("P1", "Active site", 5, 5, "n", "e", "s")
    assert found.types == ("Active site", "Mine")


def test_spreadsheets_may_write_whole_numbers_with_a_point(read):
    assert spans(read("protein;type;start;end\nP1;Domain;5.0;7.0\n"), "P1") == [("Domain", 5, 7)]


@pytest.mark.parametrize("start, end, expected, words", [
    ("12", "45", (12, 45), ""),
    ("<1", "45", (1, 45), "the start lies at 1 or before"),
    ("12", ">45", (12, 45), "the end lies at 45 or behind"),
    ("?12", "45", (12, 45), "the start is uncertain: perhaps 12"),
    (" 7 ", "7", (7, 7), ""),
])  # fmt: skip
def test_ends_that_are_not_exact_are_told_in_words(start, end, expected, words):
    assert read_span(start, end) == (*expected, words)


@pytest.mark.parametrize("start, end, problem", [
    ("?", "45", "start is not known"), ("", "4", "start is missing"), ("0", "4", "first residue has number"),
    ("9", "4", "ends at 4, before its start at 9"), ("x", "4", "'x' is no position"),
    ("1.5", "4", "no position"), ("-3", "4", "no position"), ("1", "9" * 5000, "no position"),
])  # fmt: skip
def test_ends_that_mean_nothing_are_refused(start, end, problem):
    with pytest.raises(ValueError, match=problem):
        read_span(start, end)


def test_fuzzy_ends_come_alike_from_tables_and_from_json(read):
    table = read('Entry\tLength\tRegion\nP1\t99\tREGION <1..5; /note="a"; REGION ?..9; REGION ?7..>9\n')
    ends = [({"value": 1, "modifier": "OUTSIDE"}, {"value": 5, "modifier": "EXACT"}),
            ({"modifier": "UNKNOWN"}, {"value": 9, "modifier": "EXACT"}),
            ({"value": 7, "modifier": "UNSURE"}, {"value": 9, "modifier": "OUTSIDE"})]
    entry = {"primaryAccession": "P1", "sequence": {"length": 99},
             "features": [{"type": "Region", "location": {"start": a, "end": b}} for a, b in ends]}
    for found in (table, read(entry)):
        assert spans(found, "P1") == [("Region", 1, 5), ("Region", 7, 9)]
        assert found.of("P1")[1].uncertain == "the start is uncertain: perhaps 7; the end lies at 9 or behind"
        assert sorted(str(issue.severity) for issue in found.issues) == ["error", "warning", "warning"]
        assert any("start is not known" in issue.problem for issue in found.issues)


def test_regions_of_isoforms_are_left_out_and_told(read):
    table = read("Entry\tRegion\nP1\tREGION P1-2:1..5; REGION 2..3\n")
    entry = {"primaryAccession": "P1", "sequence": {"length": 9}, "features": [
        {"type": "Region", "location": {"start": {"value": 1}, "end": {"value": 5}, "sequence": "P1-2"}},
        {"type": "Region", "location": {"start": {"value": 2}, "end": {"value": 3}}}]}
    for found in (table, read(entry)):
        assert spans(found, "P1") == [("Region", 2, 3)]
        assert "another sequence, 'P1-2'" in found.issues[0].problem and found.issues[0].row == 1


def test_interproscan_s_json_tells_types_and_fragments(read):
    found = read(interpro_json(interpro_match("DOMAIN", 5, 40, [(5, 10), (30, 40)]),
                               interpro_match("ACTIVE_SITE", 7, 7), interpro_match("PTM", 8, 9),
                               interpro_match(None, 1, 60)))
    expected = [("Domain", 5, 10), ("Domain", 30, 40), ("Active site", 7, 7), ("PTM", 8, 9),
                ("Not in InterPro", 1, 60)]
    assert spans(found, "P1") == spans(found, "P12345") == expected
    assert list(found.lengths_of("P1")) == [60] and found.of("P1")[0].source == "PFAM:PF00018"
    assert found.types == ("Domain", "Repeat", "Active site", "Binding site", "Conserved site", "PTM")


def test_interproscan_s_tsv_takes_types_from_the_list_of_entries_or_from_names_and_says_so(read, tmp_path):
    found = read(INTERPRO_TSV)
    assert spans(found) == [("Domain", 84, 145), ("Binding site", 276, 298), ("Not in InterPro", 1, 53),
                            ("Type not told", 260, 536)]
    assert "2 were understood" in found.issues[-1].problem and "entry.list" in found.issues[-1].remedy
    (tmp_path / "entry.list").write_text("ENTRY_AC\tENTRY_TYPE\tENTRY_NAME\nIPR001452\tDomain\tSH3 domain\n"
                                         "IPR050198\tFamily\tSrc\nIPR017441\tBinding_site\tATP\n")
    found = read(INTERPRO_TSV, entry_list=tmp_path / "entry.list")
    assert [kind for kind, *_ in spans(found)] == ["Domain", "Binding site", "Not in InterPro", "Family"]
    assert found.issues == ()


@pytest.mark.parametrize("line", ["P12931\tcut", LINE.partition("\t")[2], LINE.removeprefix("P12931")])
def test_lines_of_interproscan_that_are_damaged_are_left_out_and_told_with_their_number(read, line):
    found = read(f"{INTERPRO_TSV}{line}\n")
    assert len(spans(found)) == 4
    (issue,) = [issue for issue in found.issues if issue.row == 5]
    assert issue.problem and issue.remedy


@pytest.mark.parametrize("content, message", [
    ("", "is empty"),
    (">P1\nMMM\n", "is FASTA"),
    ("a,b\n1,2\n", "no table of regions"),
    ("protein,type,start,end\n", "no region that can be used"),
    ("protein,type,start,end\nP1,Domain,9,1\n", "no region that can be used"),
    ("{", "is not JSON"),
    ('{"results": []}', "neither of UniProtKB nor of InterProScan"),
    ("[1, 2]", "neither of UniProtKB nor of InterProScan"),
    ("[" * 100_000, "no JSON that a database would write"),
    ('{"a": ' + "9" * 5000 + "}", "no JSON that a database would write"),
    ('[{"primaryAccession": 7}]', "holds no UniProtKB entry"),
    ({"interproscan-version": "5", "results": [{"openReadingFrames": []}]}, "holds no protein"),
    ("##gff-version 3\nnonsense\n", "no line of GFF3"),
    (b"\x1f\x8bnonsense", "cannot be unpacked"),
    (b"%PDF-1.7", "a PDF document"),
    (gzip.compress(b" " * 200_000_000), "unpacked,"),
])  # fmt: skip
def test_files_that_hold_no_regions_are_refused_in_words(read, content, message):
    with pytest.raises(AnnotationError, match=message) as error:
        read(content)
    assert error.value.hint


@pytest.mark.parametrize("features", [
    "all", [7], [{}], [{"type": "Domain"}],
    [{"type": "Domain", "location": {"start": {}, "end": {"value": "x"}}}],
    [{"type": "Domain", "location": {"start": {"value": 1, "modifier": "ODD"}, "end": {"value": 2}}}],
    [{"type": 3, "location": {"start": {"value": 1}, "end": {"value": 2}}}],
])  # fmt: skip
def test_what_is_damaged_in_an_entry_is_left_out_and_told(read, features):
    found = read([{"primaryAccession": "P1", "sequence": {"length": 9}, "features": features},
                  UNIPROT_ENTRY])
    assert spans(found) == SRC and spans(found, "P1") == [] and found.issues


def test_damaged_rows_are_told_with_their_number(read):
    found = read("protein,type,start,end\nP1,Domain,1,5\nP1,Domain,9,2\n,Domain,1,2\nP1,,1,2\nP1,Motif,a,2\n")
    assert spans(found, "P1") == [("Domain", 1, 5)]
    assert [issue.row for issue in found.issues] == [2, 3, 4, 5]
    assert all(issue.problem and issue.remedy for issue in found.issues)


def test_a_cell_that_was_cut_keeps_what_is_whole(read):
    found = read('Entry\tRegion\nP1\tREGION 1..5; /note="a"; REGION 7..9; /note="cut of\n')
    assert spans(found, "P1")[0] == ("Region", 1, 5)
    assert "not written as UniProt writes features" in found.issues[0].problem


def ipr_line(protein, length, start, end):
    """A match as InterProScan writes it."""
    return "\t".join([protein, 32 * "0", str(length), "Pfam", "PF00018", "SH3_1", str(start), str(end),
                      "1e-5", "T", "01-01-2024", "IPR001452", "SH3 domain"])


TWO_LENGTHS = {
    "InterProScan": "\n".join([ipr_line("P04637", 393, 1, 9), ipr_line("P04637", 400, 20, 30)]),
    "table": "protein,length,type,start,end\nP04637,393,Domain,1,9\nP04637,400,Domain,20,30\n",
}


@pytest.mark.parametrize("text", TWO_LENGTHS.values(), ids=TWO_LENGTHS)
@pytest.mark.parametrize(("true", "row", "other"), [(393, 2, 400), (400, 1, 393)])
def test_of_two_lengths_the_row_that_the_sequence_contradicts_is_told_whichever_comes_first(
    read, text, true, row, other
):
    found = read(text)
    assert spans(found, "P04637") == [("Domain", 1, 9), ("Domain", 20, 30)]  # as the words say: used
    assert not [issue for issue in found.issues if issue.row]  # nobody knows the sequence yet
    [issue] = check_fit(found, {"P04637": true})
    assert (issue.row, issue.value, issue.severity) == (row, str(other), Severity.WARNING)
    assert f"{true} residues here" in issue.problem and f"this row says {other}" in issue.problem
    assert f"as row {3 - row} says" in issue.problem and "used as they stand" in issue.problem


def test_two_lengths_that_are_both_wrong_are_told_together(read):
    [issue] = check_fit(read(TWO_LENGTHS["table"]), {"P04637": 390})
    assert "390 residues here; annotated were 393 and 400" in issue.problem and issue.row is None


def test_what_does_not_fit_the_sequence_is_told_with_numbers_and_remedy():
    annotations = make_annotations(("P1", "Domain", 40, 60), ("P1", "Motif", 70, 80), ("P1", "Motif", 1, 50),
                                   ("P2", "Domain", 1, 9), P1=80)
    issues = check_fit(annotations, {"P1": 50, "P2": 9, "P3": 10})
    assert [issue.value for issue in issues] == ["P1", "Domain 40-60", "Motif 70-80"]
    assert "50 residues here" in issues[0].problem and "80" in issues[0].problem
    assert "up to 50 count" in issues[1].problem and "nothing of it counts" in issues[2].problem
    assert all("isoform" in issue.remedy for issue in issues)


def test_types_have_one_spelling_and_must_exist():
    for text in ("Active_site", "ACTIVE_SITE", "active  site"):
        assert canonical_type(text) == "Active site"
    assert canonical_type("Ptm") == "PTM"
    assert canonical_type("ALL") not in ("ALL", "All")  # else one type could be taken for the union
    annotations = make_annotations(("P1", "Domain", 1, 2))
    assert check_types(["domain"], annotations) == ("Domain",)
    with pytest.raises(AnnotationError, match="no region of type 'Motif'"):
        check_types(["Motif"], annotations)
    with pytest.raises(AnnotationError, match="no region of type 'foo'"):
        check_types(["foo"], annotations)


def test_a_region_that_is_none_does_not_construct():
    for start, end in ((0, 4), (5, 4)):
        with pytest.raises(ValueError):
            Region("P1", "Domain", start, end)
